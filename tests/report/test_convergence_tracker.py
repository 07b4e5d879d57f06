"""Tests of which proxies count as having a probe, and which do not, by scripted arrivals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pyload.report.convergence_tracker import LAST_PROBES, NAMED, ConvergenceTracker
from tests.report.probe_script import TIMEOUT, Pod, Script, assert_adds_up


def test_time_counts_from_the_answer_of_the_api_server() -> None:
    """The time of the write itself must not be taken for the control plane's."""
    script = Script("a", "b")
    number = script.tracker.begin(due=100, now=100)
    script.tracker.written(number, 102)
    script.tracker.on_marks("a", (number,), 102.5)
    script.tracker.on_marks("b", (number,), 103)
    found = script.figures()
    assert found.min == pytest.approx(0.5)
    assert found.max == pytest.approx(1.0)
    assert found.write.max == pytest.approx(2.0)


def test_an_arrival_before_the_answer_took_no_time() -> None:
    """A control plane may be faster than the API server's answer, and no time is negative."""
    script = Script("a")
    number = script.tracker.begin(due=100, now=100)
    script.tracker.on_marks("a", (number,), 101)
    assert script.figures().in_flight == 1
    script.tracker.written(number, 102)
    found = script.figures()
    assert (found.count, found.max) == (1, 0.0)


def test_a_proxy_counts_once_for_each_probe() -> None:
    """The full state of SotW, and a worker that begins anew, show a probe again and again."""
    script = Script("a")
    number = script.write()
    script.arrive(number, "a", "a", "a")
    assert script.figures().count == 1


def test_proxies_that_start_later_are_not_expected() -> None:
    """Who connects while a probe is on its way has it from the beginning, and took no time."""
    script = Script("a")
    number = script.write()
    script.start("late")
    script.arrive(number, "a", "late")
    found = script.figures()
    assert (found.expected, found.count) == (1, 1)
    script.arrive(script.write(), "a", "late")
    assert script.figures().count == 3


def test_proxies_that_stop_are_not_waited_for() -> None:
    """Churn replaces pods all the time, and their old proxies must not look as if left out."""
    script = Script("a", "b")
    number = script.write()
    script.arrive(number, "a")
    assert script.tracker.awaited == [number]
    script.tracker.on_stopped("b")
    assert script.tracker.awaited == []
    script.now += TIMEOUT
    assert (script.figures().withdrawn, script.figures().never) == (1, 0)


def test_a_proxy_that_is_left_out_is_named() -> None:
    """That a proxy never got a change is what a user has to hear of."""
    script = Script("a", "b", "c")
    for _ in range(3):
        script.arrive(script.write(), "a", "c")
        script.now += TIMEOUT
        script.tracker.expire(script.now)
    found = script.figures()
    assert (found.never, found.out_of_scope) == (3, 0)
    assert [(one.name, one.probes) for one in found.missing] == [("pod-b", 3)]
    assert [one.never for one in found.last_probes] == [1, 1, 1]


def test_an_arrival_after_the_timeout_does_not_count() -> None:
    """What was counted as never there is not taken back: it had its time."""
    script = Script("a", "b")
    number = script.write()
    script.arrive(number, "a")
    script.now += TIMEOUT
    script.tracker.expire(script.now)
    script.arrive(number, "b")
    assert (script.figures().count, script.figures().never) == (1, 1)


def test_proxies_that_see_none_of_the_probes_are_out_of_scope() -> None:
    """A Sidecar that leaves the probes' namespace out is no fault of the control plane."""
    script = Script("a")
    script.start("x", "y", app="isolated")
    first = script.write()
    script.arrive(first, "a")
    assert script.tracker.awaited == [first]
    script.now += TIMEOUT
    script.tracker.expire(script.now)
    found = script.figures()
    assert (found.never, found.out_of_scope) == (0, 2)
    second = script.write()
    script.arrive(second, "a")
    # They are not waited for again, so that the object may go.
    assert script.tracker.awaited == []
    script.tracker.remove(second)
    assert script.figures().out_of_scope == 4


def test_what_a_kind_missed_becomes_never_once_one_of_it_has_a_probe() -> None:
    """A control plane that served part of the fleet only at last has left it out until then."""
    script = Script("a")
    script.start("x", "y", app="other")
    first = script.write()
    script.arrive(first, "a")
    script.now += TIMEOUT
    assert script.figures().out_of_scope == 2
    second = script.write()
    script.arrive(second, "a", "x")
    assert script.tracker.awaited == [second]
    found = script.figures()
    assert (found.never, found.out_of_scope, found.in_flight) == (2, 0, 1)
    assert found.last_probes[0].never == 2


def test_labels_of_single_pods_make_no_kinds() -> None:
    """One pod of a StatefulSet that gets nothing, while the others do, has been left out."""
    script = Script()
    for index in range(3):
        labels = {"app": "db", "apps.kubernetes.io/pod-index": str(index)}
        script.tracker.on_configured(Pod(str(index), labels))
    script.arrive(script.write(), "0", "1")
    script.now += TIMEOUT
    assert script.figures().never == 1


def test_probes_overlap() -> None:
    """A probe is written when it is due, also while others are on their way."""
    script = Script("a", "b")
    first, second = script.write(), script.write()
    script.tracker.on_marks("a", (first, second), 101)
    script.arrive(second, "b")
    assert script.tracker.awaited == [first]
    found = script.figures()
    assert (found.count, found.in_flight) == (3, 1)
    # A gap, which an answer that was held up closes.
    script.arrive(first, "b")
    assert script.figures().in_flight == 0


def test_a_failed_write_expects_nobody() -> None:
    """An API server that is away for a moment must not look as if proxies were left out."""
    script = Script("a", "b")
    number = script.tracker.begin(due=100, now=100)
    script.tracker.on_stopped("b")
    script.tracker.failed(number)
    found = script.figures()
    assert (found.expected, found.withdrawn, found.failed, found.probes) == (0, 0, 1, 0)


def test_late_probes_are_counted() -> None:
    """Lateness of the generator itself is no time of the control plane's, yet must show."""
    script = Script("a")
    for lateness in (0.0, 0.05, 3.0):
        script.tracker.written(script.tracker.begin(due=100, now=100 + lateness), 104)
    found = script.tracker.figures(104, overdue=2)
    assert (found.late, found.overdue, found.probes) == (1, 2, 3)
    assert found.lateness.max == pytest.approx(3.0)


def test_the_slowest_are_ten_proxies() -> None:
    """A proxy that is slow every time must not hide nine others."""
    script = Script(*(str(index) for index in range(40)))
    for _ in range(5):
        number = script.write()
        for index in range(40):
            script.arrive(number, str(index), after=index / 100)
        script.now += 1
    slowest = script.figures().slowest
    assert [one.name for one in slowest] == [f"pod-{index}" for index in range(39, 29, -1)]
    assert len(slowest) == NAMED


def test_the_last_probes_are_bounded() -> None:
    """A run of days has a result of bounded size."""
    script = Script("a")
    for _ in range(LAST_PROBES + 10):
        number = script.write()
        script.arrive(number, "a")
        script.tracker.remove(number)
    found = script.figures()
    assert [one.number for one in found.last_probes] == list(range(11, LAST_PROBES + 11))
    assert found.probes == LAST_PROBES + 10


def test_numbers_are_counted_round_a_ring() -> None:
    """There are only so many addresses, and a run of days writes more probes than that."""
    script = Script("a")
    script.tracker = ConvergenceTracker(ring=8)
    script.start("a")
    for _ in range(20):
        number = script.write()
        script.arrive(number % 8, "a")
        script.arrive((number + 1) % 8, "a")
        script.tracker.remove(number)
    assert script.figures().count == 20


def test_kinds_without_proxies_are_forgotten_at_last() -> None:
    """A cluster whose labels change with every deployment must not fill the memory."""
    script = Script()
    for index in range(5_000):
        script.start("a", app=f"v{index}")
        if index == 1:
            number = script.write()
            script.now += TIMEOUT
            script.tracker.expire(script.now)
    assert len(script.tracker._kinds) < 1_500
    assert script.figures().out_of_scope == 1
    assert number == 1


def test_the_end_puts_those_out_of_scope_whose_kind_never_answered() -> None:
    """A short run is over before the timeout, and knows all the same whom a Sidecar leaves out."""
    script = Script("a", "b")
    script.start("x", app="isolated")
    script.arrive(script.write(), "a", "b")
    script.now += 5
    script.tracker.finish()
    script.tracker.on_stopped("x")
    script.now += TIMEOUT
    found = script.figures()
    assert (found.count, found.out_of_scope, found.in_flight) == (2, 1, 0)


def test_the_end_leaves_a_probe_in_flight_that_nobody_has() -> None:
    """A control plane that hangs as the run ends has not put all proxies out of scope."""
    script = Script("a", "b")
    script.write()
    script.tracker.finish()
    script.now += TIMEOUT
    assert script.figures().in_flight == 2


def test_probes_that_nobody_got_are_returned() -> None:
    """A run whose probes nobody can see has to hear of it, and at once."""
    script = Script("a", "b")
    number = script.write()
    script.now += TIMEOUT
    assert script.tracker.expire(script.now) == [number]


@dataclass
class Pair:
    """What one proxy has to do with one probe, by the rules as they are written down."""

    state: str = "in_flight"


@dataclass
class Model:
    """A proxy of the model."""

    kind: str
    pairs: dict[int, Pair] = field(default_factory=dict)


class Life(RuleBasedStateMachine):
    """Proxies come and go, and probes overlap, are answered late and twice, fail, and end.

    The model keeps every pair of a probe and a proxy, and says of each what has become of it.
    """

    @initialize()
    def begin(self) -> None:
        """Begin without proxies."""
        self.tracker = ConvergenceTracker(timeout=TIMEOUT)
        self.now = 0.0
        self.keys = count()
        self.running: dict[str, Model] = {}
        self.pairs: list[tuple[int, str, Pair]] = []
        self.open: dict[int, float | None] = {}
        self.failed: set[int] = set()
        self.written = 0
        self.seen: set[str] = set()

    @rule(kind=st.sampled_from("xyz"))
    def start(self, kind: str) -> None:
        """Configure a proxy."""
        key = str(next(self.keys))
        self.running[key] = Model(kind)
        self.tracker.on_configured(Pod(key, {"app": kind}))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        """Stop a proxy."""
        key = data.draw(st.sampled_from(sorted(self.running)))
        for number, pair in self.running.pop(key).pairs.items():
            if number in self.open and pair.state == "in_flight":
                pair.state = "withdrawn"
        self.tracker.on_stopped(key)

    @rule(late=st.floats(0, 1))
    def write(self, late: float) -> None:
        """Begin a write."""
        number = self.tracker.begin(due=self.now - late, now=self.now)
        self.open[number] = None
        for model in self.running.values():
            pair = model.pairs[number] = Pair()
            self.pairs.append((number, model.kind, pair))

    @precondition(lambda self: any(at is None for at in self.open.values()))
    @rule(data=st.data(), succeeds=st.booleans())
    def answer(self, data: st.DataObject, succeeds: bool) -> None:  # noqa: FBT001
        """Answer a write."""
        waiting = [number for number, at in self.open.items() if at is None]
        number = data.draw(st.sampled_from(waiting))
        if succeeds:
            self.open[number] = self.now
            self.written += 1
            self.tracker.written(number, self.now)
        else:
            del self.open[number]
            self.failed.add(number)
            self.pairs = [pair for pair in self.pairs if pair[0] != number]
            self.tracker.failed(number)

    @precondition(lambda self: self.running)
    @rule(data=st.data(), numbers=st.sets(st.integers(1, 30), max_size=4))
    def arrive(self, data: st.DataObject, numbers: set[int]) -> None:
        """Let a proxy receive some marks, known to it or not."""
        key = data.draw(st.sampled_from(sorted(self.running)))
        model = self.running[key]
        known = {number for number in numbers if number in model.pairs or number in self.open}
        for number in sorted(known):
            pair = model.pairs.get(number)
            if number in self.open and pair is not None and pair.state == "in_flight":
                pair.state = "arrived"
                self.seen.add(model.kind)
        self.tracker.on_marks(key, sorted(known), self.now)

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.tracker.expire(self.now)
        for number, at in list(self.open.items()):
            if at is not None and self.now >= at + TIMEOUT:
                self.end(number)

    @rule()
    def remove(self) -> None:
        """Remove the probes that are over."""
        for number in set(self.open) - set(self.tracker.awaited):
            self.tracker.remove(number)
            self.end(number)

    def end(self, number: int) -> None:
        """End a probe in the model."""
        del self.open[number]
        for probe, _, pair in self.pairs:
            if probe == number and pair.state == "in_flight":
                pair.state = "missed"

    @invariant()
    def agrees(self) -> None:
        """Compare the figures with those of the model."""
        found = self.tracker.figures(self.now)
        assert_adds_up(found)
        counts = Counter(pair.state for _, _, pair in self.pairs)
        never = sum(pair.state == "missed" and kind in self.seen for _, kind, pair in self.pairs)
        early = sum(
            pair.state == "arrived" and number in self.open and self.open[number] is None
            for number, _, pair in self.pairs
        )
        assert found.expected == len(self.pairs)
        assert found.count == counts["arrived"] - early
        assert found.withdrawn == counts["withdrawn"]
        assert found.in_flight == counts["in_flight"] + early
        assert (found.never, found.out_of_scope) == (never, counts["missed"] - never)
        assert (found.probes, found.failed) == (self.written, len(self.failed))
        for number in self.tracker.awaited:
            assert number in self.open


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=30, stateful_step_count=30, deadline=None)
