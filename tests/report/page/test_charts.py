"""Tests of the list of charts."""

from __future__ import annotations

from pyload.report.figures import unit_of
from pyload.report.page.charts import CHARTS, DISTRIBUTIONS, SECTIONS, lines
from pyload.report.series import SERIES


def test_every_chart_is_read_of_series_that_results_have() -> None:
    """A series that was renamed would silently lose its chart."""
    known = set(SERIES)
    for line in lines():
        path = line.series.partition(".*")[0]
        assert any(path == name or path.startswith(f"{name}.") for name in known), line.series


def test_every_chart_has_one_main_line_and_a_section() -> None:
    """A comparison of runs would leave the chart out, or the page would."""
    for chart in CHARTS:
        assert chart.section in SECTIONS
        for variant in (chart.lines, chart.otherwise):
            assert not variant or sum(line.is_main for line in variant) == 1, chart.title


def test_titles_differ_and_are_explained() -> None:
    """Two charts of one name, or one that only its author understands."""
    titles = [chart.title for chart in CHARTS]
    assert len(set(titles)) == len(titles)
    assert all(chart.note.endswith(".") for chart in CHARTS)


def test_every_distribution_is_one_of_the_result() -> None:
    """A distribution that was renamed would silently vanish from the page."""
    for path in DISTRIBUTIONS:
        assert unit_of(f"{path}.p99") == "seconds"
