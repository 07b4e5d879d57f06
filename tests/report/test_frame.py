"""What a panel shows of a run, whatever it has measured so far."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pyload.report.control_plane import ControlPlane, IstiodTime
from pyload.report.convergence import Convergence, ProbeTimes
from pyload.report.counts import ProxyCounts
from pyload.report.frame import MAX_THRESHOLDS, Frame, Row, Scene, Servers
from pyload.report.latency import Latency
from pyload.report.outage import Outage, Outages
from pyload.report.phases import Phase
from pyload.report.progress import Status
from pyload.report.result import Result
from pyload.report.verdict import Verdict
from tests.report.results import measured, whole

RUNNING = (Phase("starting", 2.0, 1.0, is_over=True), Phase("running", 12.0, 0.4))


def scene(**parts: Any) -> Scene:
    """Return what is known of a run that goes on."""
    status = Status("running", 14.0, 40, 1000, 999, 998, 12345)
    known: dict[str, Any] = {"status": status, "phases": RUNNING, "expected": 1000}
    return Scene(**known | parts)


def text_of(row: Row) -> str:
    """Return all text of a row."""
    return "".join(piece.text for piece in row.pieces) + "|".join(one.text for one in row.gauges)


def rows(result: Result, **parts: Any) -> dict[str, str]:
    """Return the rows of a frame by their names."""
    return {row.name: text_of(row) for row in Frame.of(result, scene(**parts)).rows}


def nothing() -> Result:
    """Return the result of a run that has just begun."""
    return Result(version="1", run_id="", command="adsc", duration=0.1, exit_reason="")


def test_a_run_that_has_measured_nothing_has_a_panel() -> None:
    """The first seconds, and commands without proxies, would be a crash."""
    status = Status("starting", 0.1)
    frame = Frame.of(nothing(), Scene(status=status, phases=(Phase("starting", 0.1, None),)))

    assert frame.title == "pyload adsc"
    assert [(row.name, text_of(row)) for row in frame.rows] == [
        ("phase", "starting 100ms"),
        ("generator", "0.00 cores|memory 0 B"),
        ("errors", "none"),
    ]


def test_a_run_that_has_measured_everything_has_a_row_for_it() -> None:
    """A figure that nobody sees before the end might as well not be measured on the way."""
    shown = rows(whole(), servers=Servers("context kind, server https://k", "h:15010"))

    assert shown["servers"] == "istiod 1.28 at h:15010; context kind, server https://k"
    assert shown["phase"] == "✓ starting 2s  running 12s"
    assert shown["proxies"] == ("999 of 1,000 connected, 998 configured, 2 reconnects, 1 missing")
    assert shown["objects"] == "40 there, 1 updated, 1 deleted; churn: workloads 2"
    assert shown["outages"] == "1 so far, the longest 2s"
    assert shown["errors"].startswith("streams goaway 1, unavailable 1, objects failed 1")


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


def test_thresholds_are_not_judged_before_the_work() -> None:
    """Proxies that are still to be started would be a failure in red."""
    found = replace(nothing(), thresholds=thresholds(False))

    assert "thresholds" not in rows(found, phases=RUNNING[:1])


def test_a_panel_says_that_it_has_understood_a_key() -> None:
    """A user would press it again, and with it stop the clean-up."""
    assert rows(measured(), is_ending=True)["phase"].endswith("running 12s, ending")
    assert rows(measured(), is_paused=True)["objects"].endswith("; churn paused: workloads 2")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("0.0.0.0:8765", "http://localhost:8765/"),
        ("[::]:9", "http://localhost:9/"),
        ("[::1]:9", "http://[::1]:9/"),
        ("10.0.0.1:80", "http://10.0.0.1:80/"),
    ],
)
def test_the_live_page_has_an_address_to_click_on(address: str, url: str) -> None:
    """Nobody would find it: the line of the log that names it is not seen any more."""
    assert rows(measured(), page=address)["live page"] == url
    assert "live page" not in rows(measured())


def test_times_of_a_command_have_a_row_each() -> None:
    """What `latency` and `startup` measure is why one runs them."""
    found = replace(
        nothing(),
        times={"last": Latency(count=3, p50=0.1, p90=0.2, p99=0.3, max=0.3)},
        proxies=ProxyCounts(started=1),
    )

    assert rows(found)["last"] == "p50 100ms, p90 200ms, p99 300ms, max 300ms  (3)"
