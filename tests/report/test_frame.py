"""What a panel shows of a run, whatever it has measured so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.report.frame import Frame, Scene, Servers
from pyload.report.phases import Phase
from pyload.report.progress import Status
from pyload.report.result import Result
from tests.report.results import measured, whole

if TYPE_CHECKING:
    from pyload.report.rows import Row

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
        ("127.0.0.1:8765", "http://localhost:8765/"),
        ("10.0.0.1:80", "http://10.0.0.1:80/"),
    ],
)
def test_the_live_page_has_an_address_to_click_on(address: str, url: str) -> None:
    """Nobody would find it: the line of the log that names it is not seen any more."""
    assert rows(measured(), page=address)["live page"] == url
    assert "live page" not in rows(measured())
