"""Tests of what the summary says about how long a change takes."""

from __future__ import annotations

from dataclasses import replace

from pyload.report.convergence import Convergence, LeftOutProxy, SlowProxy
from pyload.report.figures import paths
from pyload.report.histogram import Histogram


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
