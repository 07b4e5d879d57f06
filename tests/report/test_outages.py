"""Tests of when an outage of the control plane begins and ends, by scripted counts of proxies."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.report.outage import LISTED, Outage, Outages
from pyload.report.outages import (
    LOST_SECONDS,
    NOBODY_SECONDS,
    OutageDetector,
    Sample,
)
from pyload.report.thresholds import parse_threshold

if TYPE_CHECKING:
    from collections.abc import Callable

STEP = 0.25


class Script:
    """The proxies of a run that are looked at four times a second."""

    def __init__(self, proxies: int = 0) -> None:
        self.detector = OutageDetector()
        self.lines: list[tuple[float, str]] = []
        self.at = 0.0
        self.wanted = self.started = self.connected = self.configured = 0
        self.disconnects: Counter[str] = Counter()
        if proxies:
            self.start(proxies)
            self.connected = self.configured = proxies
            self.wait(5)

    @property
    def outages(self) -> Outages:
        """The outages so far."""
        return self.detector.outages()

    def start(self, count: int) -> None:
        """Start proxies, which have no stream yet."""
        self.wanted += count
        self.started += count

    def stop(self, count: int) -> None:
        """Stop proxies that have a stream."""
        self.wanted -= count
        self.connected -= count
        self.disconnects["local"] += count

    def lose(self, count: int, reason: str = "unavailable") -> None:
        """End streams."""
        self.connected -= count
        self.disconnects[reason] += count

    def wait(self, seconds: float, each: Callable[[], object] = lambda: None) -> None:
        """Let time pass, and do something before each look."""
        for _ in range(round(seconds / STEP)):
            self.at += STEP
            each()
            counts = dict(self.disconnects)
            sample = Sample(
                self.at, self.wanted, self.started, self.connected, self.configured, counts
            )
            if line := self.detector.observe(sample):
                self.lines.append((self.at, line))

    def connect(self, count: int) -> None:
        """Open streams, as many as there are proxies without one."""
        self.connected = min(self.wanted, self.connected + count)
        self.configured = max(self.configured, min(self.connected, self.started))


def test_an_outage_is_said_when_it_begins_and_ends_and_has_its_times() -> None:
    """Of a restart of istiod the user wants to know how long it took for how many (R3)."""
    run = Script(1005)

    run.lose(1005)
    run.wait(4, lambda: run.disconnects.update(connect=10))
    run.wait(25, lambda: run.connect(25))

    assert run.lines == [
        (
            7.25,
            "control plane: 0 of 1,005 proxies connected since 2s (unavailable 1,005, connect 90)",
        ),
        (19.25, "control plane: 1,005 of 1,005 proxies connected again after 14s"),
    ]
    outage = Outage(
        began=5.25,
        duration=14.0,
        open=False,
        lost=1005,
        connected=0,
        first_back=4.0,
        half_back=9.0,
        last_back=14.0,
        disconnects={"connect": 160, "unavailable": 1005},
    )
    assert run.outages == Outages(1, 14.0, 14.0, (outage,))
    assert run.outages.rows() == [
        (
            "outages",
            (
                "from 5.25s for 14s, 1,005 of 1,005 proxies lost, first back after 4s, half back "
                "after 9s, last after 14s; unavailable 1,005, connect 160"
            ),
        )
    ]


def test_an_outage_that_never_ends_is_open_in_the_result() -> None:
    """The control plane that died in mid-run and stayed away is what a load test looks for (A1)."""
    run = Script(6)

    run.lose(6)
    run.wait(9)

    (outage,) = run.outages.first
    assert outage.open
    assert outage.duration == run.outages.longest == 8.75
    assert outage.first_back is outage.half_back is outage.last_back is None
    assert "none back, not over at the end" in outage.text()


def test_a_control_plane_that_was_never_there_is_an_outage_after_a_while() -> None:
    """Without a line, the user waits for minutes for proxies that never come."""
    run = Script()
    run.start(1005)

    run.wait(NOBODY_SECONDS, lambda: run.disconnects.update(connect=1))
    assert not run.lines
    run.wait(5, lambda: run.disconnects.update(connect=1))

    (line,) = run.lines
    assert line[1].startswith("control plane: 0 of 1,005 proxies connected since 10s (connect ")
    assert run.outages.first[0].began == STEP


def test_streams_that_came_and_went_between_two_looks_are_lost_all_the_same() -> None:
    """The control plane may die in the moment in which the last proxy has its config (A1)."""
    run = Script()
    run.start(6)
    run.configured = 6
    run.disconnects["unavailable"] = 6

    run.wait(3)

    assert run.lines[0][1].startswith("control plane: 0 of 6 proxies connected since 2s (")


def test_streams_that_are_refused_at_once_were_never_served() -> None:
    """Istiod's limit on new streams would look like an outage at each start of a big run."""
    run = Script()
    run.start(1000)

    def connect() -> None:
        run.connect(25)
        run.disconnects["resource_exhausted"] += 500

    run.wait(30, connect)

    assert not run.outages.count


def test_proxies_that_nobody_refuses_are_no_outage() -> None:
    """While workers start, or objects are created, the control plane has not been asked yet."""
    run = Script()
    run.start(100)
    run.wait(60)

    assert not run.lines
    assert not run.outages.count


@pytest.mark.parametrize("proxies", [1, 2, 1000])
def test_a_single_reconnect_is_no_outage(proxies: int) -> None:
    """Istiod closes each connection every half an hour."""
    run = Script(proxies)

    for _ in range(20):
        run.lose(1, "max_age")
        run.wait(LOST_SECONDS - STEP)
        run.connect(1)
        run.wait(1)

    assert not run.outages.count


def test_a_worker_that_dies_is_no_outage_of_the_control_plane() -> None:
    """The pool starts another process, which takes its time; istiod has nothing to do with it."""
    run = Script(1000)

    run.lose(1000, "worker")
    run.wait(20)
    run.wait(5, lambda: run.connect(100))

    assert not run.outages.count


def test_a_control_plane_that_dies_with_a_worker_is_found_by_the_dials_that_fail() -> None:
    """A worker's death must not hide that nobody can connect any more."""
    run = Script(1000)

    run.lose(1000, "worker")
    run.wait(15, lambda: run.disconnects.update(connect=1))

    assert run.outages.count == 1


def test_churn_is_no_outage() -> None:
    """A rolling restart stops and starts most proxies of a mesh within a moment."""
    run = Script(1000)

    for _ in range(10):
        run.stop(900)
        run.start(900)
        run.wait(3)
        run.connect(1000)
        run.wait(1)

    assert not run.outages.count


def test_proxies_that_are_still_closing_are_not_taken_for_lost() -> None:
    """A pool hears that a stopped proxy has no stream a moment after it was stopped."""
    run = Script(1000)

    run.wanted -= 900
    run.start(900)
    run.wait(0.5)
    run.connected -= 900
    run.wait(10)

    assert not run.outages.count


def test_scaling_a_cluster_is_no_outage() -> None:
    """In kwok mode the pods decide how many proxies there are: from ten to thousands, and back."""
    run = Script(10)

    run.start(9990)
    run.wait(100, lambda: run.connect(25))
    run.stop(9000)
    run.wait(5)
    run.stop(run.connected)
    run.wait(5)

    assert not run.outages.count


def test_losing_less_than_half_of_the_streams_is_no_outage() -> None:
    """One of two replicas of istiod restarts; the other goes on serving."""
    run = Script(1000)

    run.lose(500)
    run.wait(30)

    assert not run.outages.count


def test_an_outage_ends_without_proxies_that_are_refused_for_good() -> None:
    """One proxy whose token is refused must not keep the next outage from being seen."""
    run = Script(1000)

    run.lose(1000)
    run.wait(4)
    run.connect(995)
    run.wait(20)
    run.lose(995)
    run.wait(5)

    first, second = run.outages.first
    assert (first.open, first.last_back) == (False, 4.0)
    assert second.open
    assert second.lost == 1000


def test_proxies_that_are_stopped_in_an_outage_are_not_waited_for() -> None:
    """Churn goes on while the control plane is away."""
    run = Script(100)

    run.lose(100)
    run.wait(5)
    run.wanted -= 40
    run.wait(1)
    run.connect(60)
    run.wait(1)

    (outage,) = run.outages.first
    assert not outage.open


def test_an_outage_of_proxies_that_are_all_stopped_is_over() -> None:
    """Nobody is left who could be back."""
    run = Script(100)

    run.lose(100)
    run.wait(5)
    run.wanted = 0
    run.wait(5)

    (outage,) = run.outages.first
    assert (outage.open, outage.last_back) == (False, None)


def test_a_control_plane_that_comes_and_goes_is_one_outage() -> None:
    """Istiod in a crash loop accepts streams for a moment; what counts is when it does for good."""
    run = Script(100)

    run.lose(100)
    for _ in range(3):
        run.wait(4)
        run.connect(60)
        run.wait(0.5)
        run.lose(60)
    run.wait(4)
    run.connect(100)
    run.wait(1)

    (outage,) = run.outages.first
    assert outage.first_back == outage.half_back == outage.last_back == outage.duration == 17.5


def test_a_run_of_many_outages_keeps_the_first_and_counts_the_rest() -> None:
    """A test of a week must not end with a result of a gigabyte."""
    run = Script(10)

    for _ in range(LISTED + 5):
        run.lose(10)
        run.wait(4)
        run.connect(10)
        run.wait(4)

    assert (run.outages.count, len(run.outages.first)) == (LISTED + 5, LISTED)
    assert run.outages.total == 4.0 * (LISTED + 5)
    assert run.outages.rows()[-1] == ("", "and 5 more")


def test_thresholds_can_ask_about_outages() -> None:
    """`--threshold 'outages.longest < 30s'` is what a test of a failover is run for."""
    assert parse_threshold("outages.longest < 30s").value == 30
    assert parse_threshold("outages.count == 0").unit == "count"


@given(
    proxies=st.integers(1, 50),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["lose", "connect", "start", "stop", "worker", "fail"]),
            st.integers(1, 50),
            st.sampled_from([0.25, 1.0, 3.0, 12.0]),
        ),
        max_size=40,
    ),
)
def test_whatever_happens_the_lengths_add_up(
    proxies: int, steps: list[tuple[str, int, float]]
) -> None:
    """A report in which half of the proxies are back before the first is not believed."""
    run = Script(proxies)
    for what, count, seconds in steps:
        if what == "lose":
            run.lose(min(count, run.connected))
        elif what == "worker":
            run.lose(min(count, run.connected), "worker")
        elif what == "connect":
            run.connect(count)
        elif what == "start":
            run.start(count)
        elif what == "stop":
            run.stop(min(count, run.connected))
        else:
            run.disconnects["connect"] += count
        run.wait(seconds)

    found = run.outages
    assert found.count == len(found.first) or found.count > LISTED
    end = 0.0
    for outage in found.first:
        assert outage.began >= end
        end = outage.began + outage.duration
        times = [
            one
            for one in (0.0, outage.first_back, outage.half_back, outage.last_back)
            if one is not None
        ]
        assert times == sorted(times)
        assert outage.last_back in (None, outage.duration)
        assert outage.lost > 0
        assert not outage.open or outage is found.first[-1]
    assert end <= run.at
    if found.count <= LISTED:
        assert found.total == sum(one.duration for one in found.first)
    assert found.longest == max((one.duration for one in found.first), default=0.0) or (
        found.count > LISTED
    )
    assert len(run.lines) == 2 * found.count - sum(one.open for one in found.first)
