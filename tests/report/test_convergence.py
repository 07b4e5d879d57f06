"""Tests of what the summary says about how long a change takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyload.errors import UsageError
from pyload.report.convergence import Convergence, LeftOutProxy, SlowProxy
from pyload.report.figures import paths, value_of
from pyload.report.histogram import Histogram
from tests.report.probe_script import Script
from tests.report.results import measured as without_probes


def measured() -> Convergence:
    """Return the figures of two probes at three proxies."""
    times = Histogram()
    for milliseconds in (100, 100, 110, 110, 120, 400):
        times.record(milliseconds / 1000)
    slowest = (SlowProxy("web-1", "mesh", "sidecar", None, 0.4, 2),)
    return replace(Convergence.of(times), probes=2, expected=6, slowest=slowest)


def test_the_summary_says_how_long_a_change_takes() -> None:
    """It is what people start pyload for."""
    change, probes = measured().rows()
    took = "reaches a proxy after p50 110ms, p90 400ms, p99 400ms, max 400ms (6 measured)"
    assert change == ("a change", took)
    assert probes == ("probes", "2 written, slowest mesh/web-1 (sidecar) 400ms")


def test_the_summary_names_proxies_that_were_left_out() -> None:
    """A count without a name leaves users to search ten thousand proxies."""
    missing = tuple(LeftOutProxy(f"web-{n}", "mesh", "sidecar", 1, 2) for n in range(4))
    _, (_, text) = replace(measured(), never=8, late=1, missing=missing).rows()
    assert "8 never there, 1 written late; left out: mesh/web-0 (sidecar), mesh/web-1" in text
    assert "web-3" not in text


def test_the_summary_says_that_nobody_got_a_change() -> None:
    """A run whose probes nobody may see has measured nothing, and should not look well."""
    change, probes = Convergence(probes=3, out_of_scope=9).rows()
    assert change == ("a change", "reached no proxy")
    assert probes == ("probes", "3 written, 9 out of scope")


def test_its_figures_can_have_thresholds() -> None:
    """`convergence.p99 < 2s` is what a pipeline asks for."""
    wanted = {"p99", "p99_9", "max", "never", "in_flight", "late", "lateness.p99", "write.max"}
    assert {f"convergence.{name}" for name in wanted} <= set(paths())


def test_a_part_of_a_run_has_figures_of_its_own() -> None:
    """Each step of a ladder is judged by its own convergence, not by that of smaller ones."""
    script = Script("a", "b")
    first = script.write()
    script.arrive(first, "a", after=5.0)
    earlier = script.figures()
    script.arrive(first, "b", after=0.2)
    script.tracker.remove(first)
    second = script.write()
    script.arrive(second, "a", "b", after=0.1)
    part = script.figures().since(earlier)
    assert (part.count, part.expected, part.probes) == (3, 3, 1)
    assert part.max == pytest.approx(0.2, rel=0.01)
    assert [one.number for one in part.last_probes] == [second]
    assert script.figures().since(None) == script.figures()


def test_a_threshold_of_a_run_without_probes_says_what_is_missing() -> None:
    """`has no figure` alone would leave users to look for another name of it."""
    with pytest.raises(UsageError, match="measured with `--probe 10s`"):
        value_of(without_probes(), "convergence.p99")
