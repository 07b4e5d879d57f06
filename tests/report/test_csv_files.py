"""Tests of results as tables."""

from __future__ import annotations

import csv
from dataclasses import replace

from pyload.report.csv_files import csv_files
from pyload.report.history import TimeSeries
from pyload.report.ladder import Step
from pyload.report.result import Result
from tests.report.results import measured, whole


def rows(text: str) -> list[dict[str, str]]:
    """Return the rows of a table by the names of its columns."""
    return list(csv.DictReader(text.splitlines()))


def test_the_history_has_a_row_for_each_point() -> None:
    """A notebook would have to know the JSON form to draw a line."""
    found = rows(csv_files(measured())["history.csv"])
    assert [row["at"] for row in found] == ["1", "2"]
    assert [row["proxies.connected"] for row in found] == ["500", "999"]
    # There was no pace yet, which is not a pace of 0.
    assert [row["pacing.rate"] for row in found] == ["", "23.5"]


def test_every_figure_stands_under_its_path() -> None:
    """A spreadsheet would have other names for the figures than thresholds have."""
    found = {row["figure"]: row for row in rows(csv_files(measured())["figures.csv"])}
    assert found["first_config.p99"] == {
        "figure": "first_config.p99",
        "value": "1.5",
        "unit": "seconds",
    }
    assert found["pushes.cds"]["value"] == "2"
    assert found["push_bytes.cds"]["unit"] == "bytes"


def test_each_step_of_a_ladder_is_a_row() -> None:
    """Whoever draws capacity over proxies needs one table, not a tree."""
    steps = tuple(
        Step(target=target, passed=passed, figures=replace(measured(), duration=60.0))
        for target, passed in ((100, True), (200, False))
    )
    found = rows(csv_files(replace(measured(), steps=steps))["steps.csv"])
    assert [row["target"] for row in found] == ["100", "200"]
    assert [row["passed"] for row in found] == ["True", "False"]
    assert {row["duration"] for row in found} == {"60.0"}
    assert {row["first_config.p99"] for row in found} == {"1.5"}


def test_probes_and_slow_proxies_are_tables() -> None:
    """The probe that took ten times as long would be hidden in a percentile."""
    files = csv_files(whole())
    assert rows(files["probes.csv"])[0]["number"] == "1"
    assert rows(files["slowest.csv"])[0]["namespace"]


def test_what_a_run_does_not_have_has_no_file() -> None:
    """Empty tables look as if something had gone wrong."""
    bare = replace(measured(), history=TimeSeries(), convergence=None, steps=())
    assert set(csv_files(bare)) == {"figures.csv"}
    empty = Result(
        version="1", run_id="", command="cluster", duration=0.0, exit_reason="still running"
    )
    assert set(csv_files(empty)) == {"figures.csv"}
