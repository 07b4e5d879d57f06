"""A comparison as text."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyload.report.comparison import change_of, changes
from pyload.report.comparison_text import comparison_text, notes
from pyload.report.conditions import parse_condition
from pyload.report.limits import NOTHING, Limit
from pyload.report.result import Result
from tests.report.recorded import recorded

if TYPE_CHECKING:
    from collections.abc import Sequence


def text(before: Result, after: Result, *exprs: str, names: Sequence[str] = ("a", "b")) -> str:
    """Return the comparison of two results as text."""
    judgements = [
        one.judge(change_of(before, after, one.figure)) for one in map(parse_condition, exprs)
    ]
    return comparison_text(names, (before, after), changes(before, after), judgements)


def test_it_says_which_runs_what_changed_and_what_failed() -> None:
    """A colleague gets it without the command that made it."""
    lines = text(recorded("equal-1"), recorded("slow"), "convergence.p99 > +10%").splitlines()

    assert lines[0].startswith("A  a: cluster, fake-node, 2026-11-28T01:00:48Z, 20.68s, its")
    assert "change p99             602ms     1.1s    +83%  ±5.0%  worse" in lines
    assert lines[-3] == "beyond the noise: 5 worse, 0 better; within it: 4"
    assert lines[-1] == "✗ convergence.p99 > +10%: +83%, 602ms to 1.1s, noise ±5.0%"
    assert max(map(len, lines[:-1])) <= 80


def test_what_else_is_different_is_said() -> None:
    """A change may come from another config, machine or number of proxies."""
    run = replace(recorded("equal-1"), limit=Limit(NOTHING))
    assert notes((run, run)) == []

    other = replace(
        run,
        config=None,
        tags={"branch": "main"},
        host="server",
        proxies=replace(run.proxies, wanted=1000),
    )
    assert notes((run, other)) == [
        "config differs: mesh.yaml (5f7e4334), none",
        "tags differ: none, branch=main",
        "proxies differ: 50, 1,000",
        "machine differs: laptop, server",
    ]


def test_a_machine_that_was_too_slow_is_said() -> None:
    """Its times are pyload's own, whatever the figures say."""
    run = recorded("equal-1")

    assert notes((replace(run, limit=Limit(NOTHING)), run)) == [
        (
            "B was limited by this machine (all cores of the machine were in use in 55% of the "
            "time): its times may be pyload's own"
        )
    ]


def test_a_run_that_was_killed_is_readable() -> None:
    """What it measured is there; that it did not end is said."""
    run = replace(recorded("equal-1"), exit_reason="still running")

    found = text(recorded("equal-1"), run)
    assert "not finished: the run goes on, or was killed" in " ".join(found.split())
    assert "change p99" in found


def test_runs_that_measured_nothing() -> None:
    """A table of headings would look like a fault."""
    run = Result(version="1", run_id="", command="adsc", duration=0.0, exit_reason="still running")

    assert "change p99" not in text(run, run)
