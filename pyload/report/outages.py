"""Outages of the control plane: spans of a run in which most of its proxies had no stream.

A detector is shown the proxies several times a second, as a `Sample`. It keeps track of how many
proxies the control plane *served*: those that had a stream, and that pyload itself has not taken
away since. An outage begins when

- fewer than half of the proxies that were served have a stream, for `LOST_SECONDS` on end, or
- no proxy has a stream, none is served, and dials fail, for `NOBODY_SECONDS` on end: the control
  plane was never there, or is not there after something else had cut the proxies off.

It is dated back to the first such sample. It ends when as many proxies have a stream as were served
before it, or when nearly all have had one for `NEARLY_SECONDS` on end, as one that is refused for
good must not make an outage last for ever.

What pyload does to its own proxies is no outage: a proxy that is stopped, by churn or because its
pod is gone, or whose worker process has died, is not served any more from then on. Neither are the
proxies that a growing cluster adds, which never were served. A proxy that connects again by itself,
as after its connection's maximum age, is one of many; if it is the only one, it is back in less
than `LOST_SECONDS`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.report.latency import time_text
from pyload.report.outage import Outage, Outages, reasons_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LOST_SECONDS: Final = 2.0
"""How long most of the proxies have to be without a stream, after they had one."""

NOBODY_SECONDS: Final = 10.0
"""How long all of the proxies have to be without a stream, where none is served."""

NEARLY_SECONDS: Final = 10.0
"""How long nearly all proxies have to be back for an outage to end without the others."""

_LATE_STOPS: Final = 1.0
"""Seconds in which a proxy that was stopped may still be among the connected ones."""

_WORKER: Final = "worker"
_OWN_REASONS: Final = frozenset({_WORKER, "local", "failed"})
"""Reasons of disconnects that lie in pyload."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The proxies of a run at one moment.

    Attributes:
        at: Seconds since the start of the run.
        wanted: Proxies that should run.
        started: Proxies that were started, ever.
        connected: Proxies that have a stream.
        configured: Proxies that were configured, ever.
        disconnects: Streams that ended and dials that failed, ever, by reason.
    """

    at: float
    wanted: int
    started: int
    connected: int
    configured: int = 0
    disconnects: Mapping[str, int] = field(default_factory=dict)

    @property
    def stopped(self) -> int:
        """Proxies that were started and should not run any more, ever."""
        return self.started - self.wanted

    @property
    def lost_by_workers(self) -> int:
        """Streams that ended with a worker process, ever."""
        return self.disconnects.get(_WORKER, 0)


class OutageDetector:
    """Finds the outages of a run in its samples, which come in the order of their times."""

    def __init__(self) -> None:
        self._ended = Outages()
        self._course: _Course | None = None
        self._served = 0
        self._last = Sample(0.0, 0, 0, 0)
        # Times and numbers of stopped proxies within the last moments.
        self._stops: deque[tuple[float, int]] = deque([(0.0, 0)])

    def observe(self, sample: Sample) -> str:
        """Handle a sample, and return a line for the log if an outage has begun or ended."""
        last, self._last = self._last, sample
        gone = max(0, sample.stopped - last.stopped)
        gone += sample.lost_by_workers - last.lost_by_workers
        self._served = self._count_served(sample, gone)
        course = self._course
        if course is None:
            self._course = self._begun(last, sample)
            return ""
        course.update(sample, gone)
        if not course.confirmed:
            return self._await(course, sample)
        return self._end(course, sample) if course.back is not None else ""

    def outages(self) -> Outages:
        """Return the outages so far, with one that has not ended."""
        course = self._course
        if course is None or not course.confirmed:
            return self._ended
        return self._ended.with_outage(course.outage(self._last))

    def _count_served(self, sample: Sample, gone: int) -> int:
        """Return how many of the wanted proxies have, or had, a stream: at least so many."""
        stops = self._stops
        stops.append((sample.at, sample.stopped))
        while sample.at - stops[0][0] > _LATE_STOPS:
            stops.popleft()
        closing = sample.stopped - stops[0][1]
        # Each number is too low rather than too high, as any proxy may be among those stopped. The
        # last has also those whose streams have come and gone between two samples.
        known = (
            self._served - gone,
            sample.connected - closing,
            sample.configured - sample.stopped - sample.lost_by_workers,
        )
        return max(0, min(sample.wanted, max(known)))

    def _begun(self, last: Sample, sample: Sample) -> _Course | None:
        """Return what may become an outage; None if enough proxies have a stream."""
        if 2 * sample.connected < self._served:
            return _Course(last, sample, target=self._served, patience=LOST_SECONDS)
        if not self._served and sample.wanted and not sample.connected:
            return _Course(last, sample, target=sample.wanted, patience=NOBODY_SECONDS)
        return None

    def _await(self, course: _Course, sample: Sample) -> str:
        """Wait until what may become an outage has lasted for long enough, or is over."""
        if 2 * sample.connected >= course.target or (course.nobody and sample.connected):
            self._course = None
        elif course.is_outage(sample):
            course.confirmed = True
            reasons = reasons_text(course.reasons(sample))
            line = f"{_state(sample)} since {time_text(course.lasted(sample.at))}"
            return f"{line} ({reasons})" if reasons else line
        return ""

    def _end(self, course: _Course, sample: Sample) -> str:
        outage = course.outage(sample)
        self._ended = self._ended.with_outage(outage)
        self._course = None
        return f"{_state(sample)} again after {time_text(outage.duration)}"


class _Course:
    """What is, or may become, an outage.

    Attributes:
        began: When.
        target: Proxies that must have a stream for it to be over.
        nobody: Whether none was served when it began.
        confirmed: Whether it is an outage.
        back: When it ended; None before.
    """

    def __init__(self, last: Sample, first: Sample, *, target: int, patience: float) -> None:
        self.began = first.at
        self.target = target
        self.nobody = patience == NOBODY_SECONDS
        self.confirmed = False
        self.back: float | None = None
        self._patience = patience
        self._before = last.disconnects
        self._lowest = first.connected
        self._lost = target - first.connected
        self._first: float | None = None
        self._half: float | None = None
        self._nearly: float | None = None

    def is_outage(self, sample: Sample) -> bool:
        """Return whether it has lasted for long enough, and the control plane is the cause."""
        caused = self.reasons(sample).keys() - _OWN_REASONS
        return self.lasted(sample.at) >= self._patience and (bool(caused) or not self.nobody)

    def update(self, sample: Sample, gone: int) -> None:
        """Handle a sample.

        Args:
            sample: The sample.
            gone: Proxies that pyload has stopped or lost since the last one.
        """
        at, connected = sample.at, sample.connected
        self.target = min(max(0, self.target - gone), sample.wanted)
        if not connected:
            # All that should run wait for the control plane.
            self.target = sample.wanted
        if connected <= self._lowest:
            self._lowest = connected
            self._first = self._half = None
        elif self._first is None:
            self._first = at
        self._lost = max(self._lost, self.target - connected)
        if 2 * (connected - self._lowest) < self.target - self._lowest:
            self._half = None
        elif self._half is None and self._first is not None:
            self._half = at
        if 100 * connected < 99 * self.target:
            self._nearly = None
        elif self._nearly is None:
            self._nearly = at
        if self._nearly is not None and (
            connected >= self.target or at - self._nearly >= NEARLY_SECONDS
        ):
            self.back = at if connected >= self.target else self._nearly

    def outage(self, sample: Sample) -> Outage:
        """Return the outage as of a sample."""
        back = self.back
        return Outage(
            began=round(self.began, 3),
            duration=self.lasted(sample.at if back is None else back),
            open=back is None,
            lost=self._lost,
            connected=self._lowest,
            first_back=None if self._first is None else self.lasted(self._first),
            half_back=None if self._half is None else self.lasted(self._half),
            # There may be nobody left who could be back.
            last_back=None if back is None or self._first is None else self.lasted(back),
            disconnects=self.reasons(sample),
        )

    def lasted(self, at: float) -> float:
        """Return the seconds from its beginning until a moment, to the millisecond."""
        return round(at - self.began, 3)

    def reasons(self, sample: Sample) -> dict[str, int]:
        """Return the disconnects since its beginning, without those of stopped proxies."""
        counts = {
            reason: count - self._before.get(reason, 0)
            for reason, count in sample.disconnects.items()
            if reason != "local"
        }
        return {reason: count for reason, count in sorted(counts.items()) if count > 0}


def _state(sample: Sample) -> str:
    connected, wanted = f"{sample.connected:,}", f"{sample.wanted:,}"
    return f"control plane: {connected} of {wanted} proxies connected"
