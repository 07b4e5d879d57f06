"""Tracks which proxies have which probes: marked changes, written one after the other.

The tracker hears of three things, in any order that processes and networks make of them: of proxies
that are configured or stopped, of probes that are written, and of proxies that have received them.
Each probe counts every proxy that was configured when its write began, and for each of these
exactly one of the following is true in the end::

                                    ┌─▶ arrived
    configured, and expected  ──────┼─▶ withdrawn      it was stopped before
    as a probe is written           ├─▶ never          time is over; others of its kind have a probe
                                    ├─▶ out of scope   time is over; none of its kind ever had one
                                    └─▶ in flight      none of these yet

A kind is a type, a namespace and a set of labels: all that a Sidecar or an exportTo selects
proxies by. That a kind is out of scope shows only in time, so what its proxies miss is kept as
*missed*, and becomes `never` with the kind's first arrival.

A probe is *over* when nobody is waited for any more. Kinds that have missed a probe from its
beginning to its end, and never got one, are no longer waited for. The probe then ends when its
object is removed, as it ends by itself when its time is over, and what comes later counts no more.

State is small: each proxy remembers the number of the last probe it has seen. As probes are written
in order, and the configuration that has one has all before it, it has seen these too, except for
gaps, which each probe remembers. A probe remembers how many it waits for of each kind.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from heapq import nlargest
from typing import TYPE_CHECKING, Final

from pyload.report.convergence import Convergence, LeftOutProxy, ProbeTimes, SlowProxy
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency
from pyload.report.probe_state import OpenProbe, ProxyKind, TrackedProxy, kind_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyload.report.probe_state import Proxy

TIMEOUT_SECONDS: Final = 60.0
"""How long a probe may take to reach a proxy before it counts as never there."""

LATE_SECONDS: Final = 0.1
"""How long after it was due a probe may be written without being late."""

NAMED: Final = 10
"""Proxies that are named one by one."""

LAST_PROBES: Final = 20
"""Probes that have ended and are kept one by one."""

_SPARE_KINDS: Final = 1_000
"""Kinds without proxies that are kept at least, since their proxies may come back."""


class ConvergenceTracker:
    """Follows the probes of one run on their way to its proxies. Times are in seconds.

    Args:
        worker_of: Returns the number of the process that a proxy runs in, by its key.
        timeout: Seconds that a probe may take.
        ring: How many numbers there are in marks; more probes are counted round again.

    Attributes:
        times: All arrivals.
    """

    def __init__(
        self,
        worker_of: Callable[[str], int | None] = lambda _: None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        ring: int = 1 << 30,
    ) -> None:
        self.times = Histogram()
        self._worker_of = worker_of
        self._timeout = timeout
        self._ring = ring
        self._proxies: dict[str, TrackedProxy] = {}
        self._kinds: dict[object, ProxyKind] = {}
        self._open: dict[int, OpenProbe] = {}
        # With what each kind missed of them.
        self._ended: deque[tuple[ProbeTimes, dict[ProxyKind, int]]] = deque(maxlen=LAST_PROBES)
        self._newest = 0
        self._finished = False
        self._first_due = 0.0
        self._lateness = Histogram()
        self._write = Histogram()
        self._counts: Counter[str] = Counter()
        # Counts of kinds that are forgotten.
        self._forgotten_never = 0
        self._forgotten_out_of_scope = 0
        self._slowest: dict[str, SlowProxy] = {}
        self._missing: dict[str, LeftOutProxy] = {}

    # Proxies.

    def on_configured(self, proxy: Proxy) -> None:
        """Expect a proxy to get the probes from the next one on."""
        self.on_stopped(proxy.key)
        key = kind_key(proxy)
        kind = self._kinds.get(key)
        if kind is None:
            self._forget_kinds()
            kind = self._kinds[key] = ProxyKind()
        kind.size += 1
        self._proxies[proxy.key] = TrackedProxy(proxy, kind, self._newest)

    def on_stopped(self, key: str) -> None:
        """Expect nothing more of a proxy."""
        tracked = self._proxies.pop(key, None)
        if tracked is None or self._finished:
            return
        tracked.kind.size -= 1
        for probe in self._open.values():
            if probe.waits_for(tracked):
                probe.drop(tracked)
                probe.withdrawn += 1
                self._counts["withdrawn"] += 1

    def on_marks(self, key: str, marks: Iterable[int], at: float) -> None:
        """Record that a proxy has received probes; others than those on their way do not count."""
        tracked = self._proxies.get(key)
        if tracked is None or self._finished:
            return
        for mark in marks:
            # The last number with this mark.
            number = self._newest - (self._newest - mark) % self._ring
            probe = self._open.get(number)
            if number > tracked.last:
                for other in self._open.values():
                    if tracked.last < other.number < number:
                        other.gaps.add(tracked)
                tracked.last = number
            elif probe is None or tracked not in probe.gaps:
                continue
            if probe is not None and not self._is_too_late(probe, at):
                self._arrived(probe, tracked, at)

    # Probes.

    def begin(self, *, due: float, now: float) -> int:
        """Begin the write of the next probe, and return its number."""
        self._newest += 1
        if self._newest == 1:
            self._first_due = due
        lateness = max(0.0, now - due)
        self._lateness.record(lateness)
        self._counts["late"] += lateness > LATE_SECONDS
        waiting = {kind: kind.size for kind in self._kinds.values() if kind.size}
        expected = len(self._proxies)
        self._counts["expected"] += expected
        self._open[self._newest] = OpenProbe(self._newest, now, expected, waiting)
        return self._newest

    def written(self, number: int, at: float) -> None:
        """Record the API server's answer, from which on time counts."""
        self._counts["probes"] += 1
        probe = self._open.get(number)
        if probe is None:
            return
        probe.written = at
        self._write.record(at - probe.begun)
        for tracked in probe.early:
            self._record(probe, tracked, 0.0)
        probe.early.clear()

    def failed(self, number: int) -> None:
        """Forget a probe whose write failed; nobody is expected to get it."""
        self._counts["failed"] += 1
        probe = self._open.pop(number, None)
        if probe is not None:
            self._counts["expected"] -= probe.expected
            self._counts["withdrawn"] -= probe.withdrawn

    def expire(self, now: float) -> list[int]:
        """End the probes whose time is over; return those that nobody got."""
        unseen: list[int] = []
        for probe in [] if self._finished else list(self._open.values()):
            if self._is_too_late(probe, now):
                for kind in probe.waiting:
                    kind.silent = not kind.seen
                if probe.expected > probe.withdrawn and not probe.times.count:
                    unseen.append(probe.number)
                self._end(probe)
        return unseen

    @property
    def awaited(self) -> list[int]:
        """The probes that are not over; their objects must not be removed."""
        return [number for number, probe in self._open.items() if not probe.is_over]

    def remove(self, number: int) -> None:
        """End a probe that is over, since its object is about to be removed."""
        probe = self._open.get(number)
        if probe is not None:
            self._end(probe)

    def finish(self) -> None:
        """End the probing: what comes later, such as the stop of each proxy, counts no more.

        Kinds that got none of the probes, though others got the last ones, are out of scope.
        """
        for probe in list(self._open.values()):
            if probe.times.count:
                for kind in probe.waiting:
                    kind.silent = not kind.seen
            if probe.is_over:
                self._end(probe)
        self._finished = True

    def figures(self, now: float, *, overdue: int = 0) -> Convergence:
        """Return the figures as of now.

        Args:
            now: The time.
            overdue: Probes that are due and were not begun.
        """
        self.expire(now)
        counts, kinds = self._counts, self._kinds.values()
        early = sum(len(probe.early) for probe in self._open.values())
        waiting = sum(sum(probe.waiting.values()) for probe in self._open.values())
        return replace(
            Convergence.of(self.times),
            probes=counts["probes"],
            failed=counts["failed"],
            late=counts["late"],
            overdue=overdue,
            lateness=Latency.of(self._lateness),
            write=Latency.of(self._write),
            expected=counts["expected"],
            never=self._forgotten_never + sum(kind.missed for kind in kinds if kind.seen),
            out_of_scope=self._forgotten_out_of_scope
            + sum(kind.missed for kind in kinds if not kind.seen),
            withdrawn=counts["withdrawn"],
            in_flight=waiting + early,
            slowest=tuple(nlargest(NAMED, self._slowest.values(), key=lambda one: one.seconds)),
            missing=tuple(nlargest(NAMED, self._missing.values(), key=lambda one: one.probes)),
            last_probes=tuple(self._last_probes()),
        )

    def _is_too_late(self, probe: OpenProbe, at: float) -> bool:
        return probe.written is not None and at >= probe.written + self._timeout

    def _arrived(self, probe: OpenProbe, tracked: TrackedProxy, at: float) -> None:
        probe.drop(tracked)
        kind = tracked.kind
        kind.seen, kind.silent = True, False
        if probe.written is None:
            probe.early.append(tracked)
        else:
            self._record(probe, tracked, max(0.0, at - probe.written))

    def _record(self, probe: OpenProbe, tracked: TrackedProxy, seconds: float) -> None:
        self.times.record(seconds)
        probe.times.record(seconds)
        slowest, key = self._slowest, tracked.proxy.key
        known = slowest.get(key)
        if known is not None:
            if seconds <= known.seconds:
                return
        elif len(slowest) == NAMED:
            least = min(slowest, key=lambda one: slowest[one].seconds)
            if seconds <= slowest[least].seconds:
                return
            del slowest[least]
        proxy = tracked.proxy
        worker = self._worker_of(key)
        slowest[key] = SlowProxy(
            proxy.name, proxy.namespace, proxy.type, worker, seconds, probe.number
        )

    def _end(self, probe: OpenProbe) -> None:
        """Count who does not have a probe as missing it."""
        del self._open[probe.number]
        for kind, missed in probe.waiting.items():
            kind.missed += missed
        if any(kind.seen for kind in probe.waiting):
            self._name_missing(probe)
        self._ended.append((self._times_of(probe), probe.waiting))

    def _name_missing(self, probe: OpenProbe) -> None:
        missing = self._missing
        for tracked in self._proxies.values():
            if not (tracked.kind.seen and probe.waits_for(tracked)):
                continue
            proxy = tracked.proxy
            known = missing.get(proxy.key)
            if known is None and len(missing) == NAMED:
                continue
            probes = 1 if known is None else known.probes + 1
            worker = self._worker_of(proxy.key)
            missing[proxy.key] = LeftOutProxy(
                proxy.name, proxy.namespace, proxy.type, worker, probes
            )

    def _last_probes(self) -> Iterator[ProbeTimes]:
        for times, missed in self._ended:
            never = sum(count for kind, count in missed.items() if kind.seen)
            yield replace(times, never=never, out_of_scope=sum(missed.values()) - never)
        yield from map(self._times_of, self._open.values())

    def _times_of(self, probe: OpenProbe) -> ProbeTimes:
        times = Latency.of(probe.times)
        written = probe.begun if probe.written is None else probe.written
        return ProbeTimes(
            number=probe.number,
            written=written - self._first_due,
            expected=probe.expected,
            arrived=times.count,
            never=0,
            out_of_scope=0,
            withdrawn=probe.withdrawn,
            first=times.min,
            p50=times.p50,
            p90=times.p90,
            p99=times.p99,
            last=times.max,
        )

    def _forget_kinds(self) -> None:
        """Forget kinds without proxies once they are more than the others."""
        if len(self._kinds) < _SPARE_KINDS + 2 * len(self._proxies):
            return
        used = {kind for probe in self._open.values() for kind in probe.waiting}
        for key, kind in list(self._kinds.items()):
            if not kind.size and kind not in used:
                del self._kinds[key]
                if kind.seen:
                    self._forgotten_never += kind.missed
                else:
                    self._forgotten_out_of_scope += kind.missed
