"""Comparisons as tables."""

from __future__ import annotations

from dataclasses import replace

from pyload.report.comparison import changes
from pyload.report.comparison_table import (
    WIDTH,
    Table,
    changes_table,
    results_table,
    unknown_lines,
)
from pyload.report.control_plane import ControlPlane
from tests.report.recorded import EQUAL, recorded
from tests.report.results import measured, whole


def test_names_are_cut_on_the_left_and_columns_stand_below_each_other() -> None:
    """Files in one folder differ at the end of their names; a wide line would wrap."""
    names = [f"/results/of/the/nightly/{name}/on/the/large/cluster/{name}.json" for name in EQUAL]
    runs = [
        replace(
            recorded(name),
            control_plane=ControlPlane(
                versions=(f"1.2{index}.0",), cpu_cores=1.25, heap_bytes_max=512_000_000
            ),
        )
        for index, name in enumerate(EQUAL)
    ]
    lines = results_table(names, runs).lines()

    assert lines[:3] == [
        "             istiod           config  change  change            istiod    istiod",
        "            version  proxies     p99     p50     p99  pushes/s     CPU      heap",
        "…al-1.json   1.20.0       50   163ms   358ms   602ms     111.2     1.2  512.0 MB",
    ]
    assert all(len(line) <= WIDTH for line in lines)


def test_columns_without_values_are_left_out() -> None:
    """Files of the first version have no probes, and most runs read no istiod."""
    table = results_table(["old", "new"], [recorded("v1"), recorded("equal-1")])
    assert "istiod CPU" not in table.columns
    assert "change p99" in table.columns

    same = [replace(recorded(name), control_plane=ControlPlane(versions=("1",))) for name in EQUAL]
    assert "istiod version" not in results_table(EQUAL, same).columns
    assert "change p99" not in results_table(["a"], [recorded("v1")]).columns


def test_each_step_of_a_ladder_is_a_row() -> None:
    """A ladder is many runs in one file."""
    table = results_table(["ladder.json", "run.json"], [whole(), measured()])

    assert [row[0] for row in table.rows] == ["ladder.json, 100", "run.json"]


def test_what_changed_has_a_row_for_each_figure() -> None:
    """It is read from the left: the figure, both values, the change, and what to make of it."""
    found = changes(recorded("equal-1"), recorded("slow"))
    table = changes_table(found)
    rows = {row[0]: row[1:] for row in table.rows}

    assert rows["change p50"] == ("358ms", "623ms", "+74%", "±3.9%", "worse")
    assert rows["first config p50"] == ("45ms", "234ms", "+418%", "?", "")
    assert all(len(line) <= WIDTH for line in table.lines())
    assert unknown_lines(found)[-1] == "? API write p99: 145 times are too few for a p99"


def test_a_figure_of_one_run_alone_is_shown() -> None:
    """One does not see otherwise that the other run had no probes."""
    rows = {
        row[0]: row[1:] for row in changes_table(changes(recorded("v1"), recorded("slow"))).rows
    }

    assert rows["change p50"] == ("", "623ms", "", "", "")


def test_an_empty_table_has_no_lines() -> None:
    """Headings of nothing would be printed."""
    assert Table(("", "A"), ()).lines() == []
