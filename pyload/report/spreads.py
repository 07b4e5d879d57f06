"""Measures the spread of every push, over all processes of a run.

Two classes share the work. `PushTimes` is in each process that runs proxies, and only counts how
many proxies got a version and type in each millisecond, and how many bytes that were in all.
`Spreads` is in the main process: it adds these counts up, which is exact since all processes share
one clock, and finds percentiles once a push is over. Nobody says that it is: a push is over when no
proxy has got it for `QUIET_SECONDS`, or when more are open than may be.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import deque
from dataclasses import replace
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.report.histogram import Histogram
from pyload.report.spread import LISTED, ONE, PushSpread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

QUIET_SECONDS: Final = 5.0
"""How long after its last proxy a push is over."""

MAX_COUNTED: Final = 1024
"""Most pushes of one process between two reports; a control plane that sends more is broken."""

MAX_OPEN: Final = 64
"""Most pushes that are not over."""

MAX_MOMENTS: Final = 1 << 21
"""Most milliseconds that all of these have counts for: half an hour."""

MAX_OVER: Final = 256
"""Pushes that are over whose stragglers are recognised."""

VERSION_CHARACTERS: Final = 128
"""Most characters of a version that are kept."""


class PushCounts(NamedTuple):
    """How many proxies got a push, and when.

    Attributes:
        version: The control plane's version.
        type: Short name of the type.
        moments: Proxies by millisecond of the monotonic clock.
        bytes: Size of the responses to all of these.
    """

    version: str
    type: str
    moments: Mapping[int, int]
    bytes: int


class _OwnCounts:
    """What this process has counted of a push; attributes as those of `PushCounts`."""

    __slots__ = ("bytes", "moments", "version")

    def __init__(self, version: str) -> None:
        self.version = version
        self.moments: dict[int, int] = {}
        self.bytes = 0


class PushTimes:
    """Counts the proxies of this process that get a push, by millisecond."""

    __slots__ = ("_counts", "_current")

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], _OwnCounts] = {}
        # By type, the counts of the version that came last: nearly always the next is the same.
        self._current: dict[str, _OwnCounts] = {}

    def record(self, version: str, type_: str, size: int, at: float) -> None:
        """Count a proxy that gets a push.

        Args:
            version: The control plane's version; equal versions should be one object.
            type_: Short name of the type.
            size: Length of the response in bytes.
            at: Seconds of the monotonic clock.
        """
        current = self._current.get(type_)
        if current is None or current.version is not version:
            current = self._open(version, type_)
        current.bytes += size
        moments = current.moments
        moment = int(at * 1000)
        moments[moment] = moments.get(moment, 0) + 1

    def drain(self) -> list[PushCounts]:
        """Return what was counted since the last call."""
        counts = [
            PushCounts(version[:VERSION_CHARACTERS], type_, counts.moments, counts.bytes)
            for (version, type_), counts in self._counts.items()
        ]
        self._counts = {}
        self._current = {}
        return counts

    def _open(self, version: str, type_: str) -> _OwnCounts:
        counts = self._counts.get((version, type_))
        if counts is None:
            counts = _OwnCounts(version)
            if len(self._counts) >= MAX_COUNTED:
                return counts
            self._counts[version, type_] = counts
        self._current[type_] = counts
        return counts


class _OpenPush:
    """A push that is not over.

    Attributes:
        version: The control plane's version.
        type: Short name of the type.
        moments: Proxies by millisecond, from the first on.
        first: The first millisecond.
        bytes: Size of the responses to all of these.
    """

    __slots__ = ("bytes", "first", "moments", "type", "version")

    def __init__(self, version: str, type_: str, first: int) -> None:
        self.version = version
        self.type = type_
        # Four bytes for each: a dictionary would need as much as a kilobyte for each proxy.
        self.moments = array("I")
        self.first = first
        self.bytes = 0

    @property
    def newest(self) -> int:
        """The last millisecond in which a proxy got it."""
        return self.first + len(self.moments) - 1

    def add(self, moments: Mapping[int, int], size: int) -> None:
        """Add proxies, and the bytes that they got."""
        self.bytes += size
        first, last = min(moments), max(moments)
        if first < self.first:
            self.moments = array("I", bytes(4 * (self.first - first))) + self.moments
            self.first = first
        if last > self.newest:
            self.moments.frombytes(bytes(4 * (last - self.newest)))
        for moment, count in moments.items():
            self.moments[moment - self.first] += count

    def spread(self) -> PushSpread:
        """Return the percentiles; `began` is that of the clock."""
        totals = list(accumulate(self.moments))

        def until(percent: int) -> float:
            return bisect_left(totals, math.ceil(totals[-1] * percent / 100)) / 1000

        return PushSpread(
            version=self.version,
            type=self.type,
            began=self.first / 1000,
            proxies=totals[-1],
            bytes=self.bytes,
            p50=until(50),
            p90=until(90),
            p99=until(99),
            last=until(100),
        )


class Spreads:
    """The spreads of all pushes that are over.

    Attributes:
        p50: Time from the first proxy of each push until half of its proxies had it.
        p99: The same for 99 %.
        last: The same for all.
        proxies: How many proxies each push reached, in units of `ONE`.
        bytes: Size of each push, for all of its proxies together, in units of `ONE`.
        stragglers: Proxies that got a push after it was over, by type.
    """

    def __init__(self) -> None:
        self.p50 = Histogram()
        self.p99 = Histogram()
        self.last = Histogram()
        self.proxies = Histogram()
        self.bytes = Histogram()
        self.stragglers: dict[str, int] = {}
        self._open: dict[tuple[str, str], _OpenPush] = {}
        self._moments = 0
        self._now = 0
        self._last_pushes: deque[PushSpread] = deque(maxlen=LISTED)
        # The pushes that were over last, in their order.
        self._over: dict[tuple[str, str], None] = {}

    def add(self, counts: Iterable[PushCounts]) -> None:
        """Add what a process has counted, and close the pushes that are over by then."""
        for version, type_, moments, size in counts:
            key = version, type_
            if key in self._over:
                more = self.stragglers.get(type_, 0) + sum(moments.values())
                self.stragglers[type_] = more
                continue
            push = self._open.get(key)
            if push is None:
                push = self._open[key] = _OpenPush(version, type_, min(moments))
            self._moments -= len(push.moments)
            push.add(moments, size)
            self._moments += len(push.moments)
            self._now = max(self._now, push.newest)
        self._close_old()

    def advance(self, now: float) -> None:
        """Close the pushes that are over at a time in seconds of the monotonic clock."""
        self._now = max(self._now, int(now * 1000))
        self._close_old()

    def finish(self) -> None:
        """Close all pushes: the run is over, and what is on its way now is waited for no longer."""
        for push in sorted(self._open.values(), key=attrgetter("newest")):
            self._close(push)

    def last_pushes(self, started: float) -> list[PushSpread]:
        """Return the last pushes that were over.

        Args:
            started: When the run began, in seconds of the monotonic clock.
        """
        return [replace(one, began=one.began - started) for one in self._last_pushes]

    def _close_old(self) -> None:
        oldest_first = sorted(self._open.values(), key=attrgetter("newest"))
        for push in oldest_first:
            is_quiet = self._now - push.newest >= QUIET_SECONDS * 1000
            if not (is_quiet or len(self._open) > MAX_OPEN or self._moments > MAX_MOMENTS):
                return
            self._close(push)

    def _close(self, push: _OpenPush) -> None:
        key = push.version, push.type
        del self._open[key]
        self._moments -= len(push.moments)
        self._over[key] = None
        if len(self._over) > MAX_OVER:
            del self._over[next(iter(self._over))]
        spread = push.spread()
        if spread.proxies == 1:
            return
        self.p50.record(spread.p50)
        self.p99.record(spread.p99)
        self.last.record(spread.last)
        self.proxies.record(spread.proxies * ONE)
        self.bytes.record(push.bytes * ONE)
        self._last_pushes.append(spread)
