"""The rows of figures: what is worth one, and in which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pyload.report.control_plane import ControlPlane, IstiodTime
from pyload.report.convergence import Convergence, ProbeTimes
from pyload.report.counts import ProxyCounts
from pyload.report.figure_rows import MAX_THRESHOLDS
from pyload.report.frame import Frame
from pyload.report.latency import Latency
from pyload.report.outage import Outage, Outages
from pyload.report.verdict import Verdict
from tests.report.results import measured
from tests.report.test_frame import nothing, rows, scene, text_of


def test_probes_show_the_last_one_and_all_of_them() -> None:
    """A user who waits for a change wants to know how far it is."""
    probe = ProbeTimes(*(7, 0.5, 1000, 990, 0, 0, 0), *(0.1, 0.1, 0.1, 0.1, 0.25))
    found = Convergence(count=10, p50=0.1, p99=0.2, probes=7, never=2, last_probes=(probe,))
    shown = rows(replace(measured(), convergence=found))

    assert shown["a change"] == "p50 100ms|p99 200ms"
    assert shown["probes"] == "7 written; number 7 reached 990 of 1,000 in 250ms, 2 never there"
    assert "a change" not in rows(measured())
    empty = rows(replace(measured(), convergence=Convergence()))
    assert (empty["a change"], empty["probes"]) == ("has reached no proxy yet", "0 written")


def test_the_control_plane_has_gauges_where_istiod_tells_its_use() -> None:
    """Its CPU time beside the generator's says which of the two is the limit."""
    plane = ControlPlane(source="pods", istiods=1, readings=3, convergence=IstiodTime(5, 0.02))
    known = replace(plane, cpu_seconds=1.5, cores=4, heap_bytes=120_000_000)

    assert rows(replace(measured(), control_plane=None)).get("control plane") is None
    assert rows(replace(measured(), control_plane=ControlPlane())).get("control plane") is None
    assert rows(replace(measured(), control_plane=plane))["control plane"] == "istiod, sent in 20ms"
    shown = rows(replace(measured(), control_plane=known))
    assert shown["control plane"] == "CPU not known|heap 120.0 MB"
    assert shown[""] == "istiod, sent in 20ms"


def test_an_outage_that_goes_on_is_seen_at_once() -> None:
    """It would look like one of the past."""
    outage = Outage(
        began=1.0,
        duration=2.0,
        open=True,
        lost=900,
        connected=100,
        first_back=None,
        half_back=None,
        last_back=None,
        disconnects={},
    )
    found = Outages().with_outage(outage)

    assert rows(replace(measured(), outages=found))["outages"] == (
        "now, for 2s: 900 proxies lost; 1 so far, the longest 2s"
    )


def thresholds(*passed: bool, default: bool = False) -> tuple[Verdict, ...]:
    """Return verdicts on as many thresholds."""
    return tuple(
        Verdict(f"{index} < 1s", "duration", "seconds", 0.5, each, default)
        for index, each in enumerate(passed)
    )


@pytest.mark.parametrize(
    ("verdicts", "shown"),
    [
        ((), []),
        (thresholds(True, True, default=True), ["✓ 2 hold"]),
        (thresholds(True, default=True), ["✓ 1 holds"]),
        (thresholds(True, False, default=True), ["✗ 1 < 1s  500ms", "✓ 1 others holds"]),
        (thresholds(True, False), ["✗ 1 < 1s  500ms", "✓ 0 < 1s  500ms"]),
        (
            thresholds(*[False] * (MAX_THRESHOLDS + 1), True),
            [*(f"✗ {index} < 1s  500ms" for index in range(4)), "✓ 1 others holds, ✗ 1 more fail"],
        ),
    ],
)
def test_thresholds_that_fail_or_are_the_users_have_a_row_each(
    verdicts: tuple[Verdict, ...], shown: list[str]
) -> None:
    """A panel full of defaults that hold has no room for the one that does not."""
    frame = Frame.of(replace(nothing(), thresholds=verdicts), scene())
    named = [text_of(row) for row in frame.rows if row.name in ("thresholds", "")]

    assert named == shown


def test_times_of_a_command_have_a_row_each() -> None:
    """What `latency` and `startup` measure is why one runs them."""
    found = replace(
        nothing(),
        times={"last": Latency(count=3, p50=0.1, p90=0.2, p99=0.3, max=0.3)},
        proxies=ProxyCounts(started=1),
    )

    assert rows(found)["last"] == "p50 100ms, p90 200ms, p99 300ms, max 300ms  (3)"
