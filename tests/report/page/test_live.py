"""Tests of the page of a run that goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pyload.report.answers import Answer, Request
from pyload.report.history import History, TimeSeries
from pyload.report.page.live import RECENT, Live
from pyload.report.page.page import page_result
from pyload.report.series import join_of
from tests.report.results import measured

if TYPE_CHECKING:
    from pyload.report.result import Result


class Running:
    """A run of some seconds, and what a reader asks about it."""

    def __init__(self, seconds: int) -> None:
        self.history = History(join_of)
        self.reason = "still running"
        self.live = Live(self.result)
        for _ in range(seconds):
            self.go_on()

    def go_on(self) -> None:
        """Let a second pass."""
        at = float(len(self.history) + 1)
        self.history.add(at, {"proxies.connected": at * 10, "pushes.cds": 2.0})

    def result(self) -> Result:
        """Return the result as of now."""
        history = self.history.snapshot()
        return replace(measured(), history=history, exit_reason=self.reason)

    def ask(self, path: str = "/result.json", query: str = "", tag: str = "") -> Answer:
        """Ask for a page."""
        headers = {"if-none-match": tag} if tag else {}
        return self.live.pages[path](Request("GET", path, query, headers))

    def figures(self, query: str = "") -> dict[str, Any]:
        """Return the figures of an answer."""
        found = json.loads(self.ask(query=query).body)
        assert isinstance(found, dict)
        return found


def test_the_figures_are_those_of_a_report() -> None:
    """The live page and the report of the same run would differ."""
    run = Running(3)
    report = page_result(json.loads(json.dumps(run.result().to_json())))
    assert run.figures() == report


def test_a_short_answer_has_the_last_points_alone() -> None:
    """The run that is measured would spend its time on those who look on."""
    run = Running(RECENT + 20)
    short, whole = run.figures("recent"), run.figures()
    assert len(whole["history"]["at"]) == RECENT + 20
    for name in ("at", "seconds"):
        assert short["history"][name] == whole["history"][name][-RECENT:]
    connected = whole["history"]["series"]["proxies.connected"]
    assert short["history"]["series"]["proxies.connected"] == connected[-RECENT:]
    assert whole["histograms"]["hdr"]
    assert not short["histograms"]["hdr"]
    assert short["proxies"] == whole["proxies"]


def test_what_has_not_changed_is_not_sent_again() -> None:
    """A forwarded port would carry the same figures all the time."""
    run = Running(2)
    tag = run.ask(query="recent").headers["ETag"]
    again = run.ask(query="recent", tag=tag)
    assert (again.status, again.body) == ("304 Not Modified", b"")
    run.go_on()
    assert run.ask(query="recent", tag=tag).status == "200 OK"


def test_the_end_of_the_run_is_news() -> None:
    """A reader would never learn how it ended."""
    run = Running(2)
    tag = run.ask(query="recent").headers["ETag"]
    run.reason = "its duration was over"
    assert run.ask(query="recent", tag=tag).status == "200 OK"
    assert run.figures("recent")["exit_reason"] == "its duration was over"


def test_a_run_has_a_page_before_its_first_second() -> None:
    """A reader who is early would get an error, and not come back."""
    live = Live(lambda: replace(measured(), history=TimeSeries()))
    body = live.pages["/result.json"](Request("GET", "/result.json")).body
    assert json.loads(body)["history"] == {"at": [], "seconds": [], "series": {}}


def test_the_page_is_read_only_and_for_its_own_host() -> None:
    """Another site could show it in a frame, or read who looks at what."""
    answer = Running(0).ask("/")
    policy = answer.headers["Content-Security-Policy"]
    assert answer.content_type == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert policy.partition("; frame-ancestors")[0] in answer.body.decode()


def test_no_page_is_served_under_another_sites_name() -> None:
    """Whoever lures a tester to a page could read which cluster is tested, and how."""
    live = Running(1).live
    for path in live.pages:
        answer = live.pages[path](Request("GET", path, headers={"host": "evil.example"}))
        assert answer.status == "421 Misdirected Request"
        assert b"open it by the address" in answer.body
