"""How long changes take to reach every proxy of a fleet, as a result has it.

`pyload.report.convergence_tracker` finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from pyload.report.histogram import Histogram
from pyload.report.latency import Latency, latency_text, time_text

_SHOWN: Final = 3
"""Proxies that never got a probe which the summary names."""


@dataclass(frozen=True, slots=True)
class NamedProxy:
    """One proxy.

    Attributes:
        name: Name of its pod.
        namespace: Namespace of its pod.
        type: ``sidecar``, ``router``, ``waypoint`` or ``ztunnel``.
        worker: Number of the process that it runs in; None for the run's own.
    """

    name: str
    namespace: str
    type: str
    worker: int | None

    def text(self) -> str:
        """Return the proxy as the summary names it."""
        return f"{self.namespace}/{self.name} ({self.type})"


@dataclass(frozen=True, slots=True)
class SlowProxy(NamedProxy):
    """One proxy, and the longest that a probe took to reach it.

    Attributes:
        seconds: The time, from the API server's answer.
        probe: Number of the probe.
    """

    seconds: float
    probe: int


@dataclass(frozen=True, slots=True)
class LeftOutProxy(NamedProxy):
    """One proxy that did not get some probes, though others of its kind did.

    Attributes:
        probes: How many it did not get.
    """

    probes: int


@dataclass(frozen=True, slots=True)
class ProbeTimes:
    """One probe.

    Attributes:
        number: Its number; the first is 1.
        written: When the API server had taken it, in seconds since the first was due.
        expected: Proxies that should get it.
        arrived: Proxies that have it. What is missing to `expected` is in flight.
        never: Proxies that did not get it, though others of their kind got a probe.
        out_of_scope: Proxies that did not get it, and of whose kind none ever got one.
        withdrawn: Proxies that were stopped before they got it.
        first: Seconds from the API server's answer until the first proxy had it.
        p50: Until half of those that have it had it.
        p90: Until 90 % had.
        p99: Until 99 % had.
        last: Until all of these had.
    """

    number: int
    written: float
    expected: int
    arrived: int
    never: int
    out_of_scope: int
    withdrawn: int
    first: float | None
    p50: float | None
    p90: float | None
    p99: float | None
    last: float | None

    @property
    def is_over(self) -> bool:
        """Whether it is on its way to no proxy."""
        return self.arrived + self.never + self.out_of_scope + self.withdrawn >= self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Convergence(Latency):
    """How long marked changes, the probes, took to reach the proxies.

    A time is that of one probe at one proxy, from the API server's answer until the proxy had read
    the response that brought it. Proxies are counted once for each probe, so that `expected` is the
    sum of `count`, `never`, `out_of_scope`, `withdrawn` and `in_flight`.

    Attributes:
        probes: Probes that were written.
        failed: Probes whose write failed.
        late: Probes that were written more than 100 ms after they were due.
        overdue: Probes that are due, and not written yet.
        lateness: How long after it was due each probe was written.
        write: How long the API server took to write each probe.
        expected: Proxies that should get a probe, counted once for each probe.
        never: Proxies that did not get a probe in time, though others of their kind got one.
        out_of_scope: Proxies of whose kind, by type, namespace and labels, none ever got a probe.
        withdrawn: Proxies that were stopped before they got a probe.
        in_flight: Proxies that a probe is on its way to.
        slowest: The proxies that waited longest, at most ten.
        missing: Some of the proxies in `never`, at most ten.
        last_probes: The last probes that have ended, and those that are on their way.
    """

    probes: int = 0
    failed: int = 0
    late: int = 0
    overdue: int = 0
    lateness: Latency = field(default_factory=Latency)
    write: Latency = field(default_factory=Latency)
    expected: int = 0
    never: int = 0
    out_of_scope: int = 0
    withdrawn: int = 0
    in_flight: int = 0
    slowest: tuple[SlowProxy, ...] = ()
    missing: tuple[LeftOutProxy, ...] = ()
    last_probes: tuple[ProbeTimes, ...] = ()

    def since(self, earlier: Convergence | None) -> Convergence:
        """Return what was measured after an earlier moment of the same run.

        Probes that were on their way then belong to the later part.

        Args:
            earlier: The figures of that moment; None for the beginning.
        """
        if earlier is None:
            return self
        last = max((one.number for one in earlier.last_probes), default=0)
        counted = ("probes", "failed", "late", "never", "out_of_scope", "withdrawn")
        counts = {name: max(0, getattr(self, name) - getattr(earlier, name)) for name in counted}
        return replace(
            Convergence.of(_difference(self, earlier)),
            **counts,
            overdue=self.overdue,
            lateness=Latency.of(_difference(self.lateness, earlier.lateness)),
            write=Latency.of(_difference(self.write, earlier.write)),
            expected=self.expected - earlier.expected + earlier.in_flight,
            in_flight=self.in_flight,
            slowest=tuple(one for one in self.slowest if one.probe > last),
            missing=self.missing if counts["never"] else (),
            last_probes=tuple(one for one in self.last_probes if one.number > last),
        )

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the summary."""
        took = f"reaches a proxy after {latency_text(self)}" if self.count else "reached no proxy"
        parts = [f"{self.probes:,} written"]
        if self.slowest:
            slowest = self.slowest[0]
            parts.append(f"slowest {slowest.text()} {time_text(slowest.seconds)}")
        counts = {
            "never there": self.never,
            "on their way": self.in_flight,
            "out of scope": self.out_of_scope,
            "written late": self.late,
            "overdue": self.overdue,
            "failed": self.failed,
        }
        parts += [f"{count:,} {name}" for name, count in counts.items() if count]
        text = ", ".join(parts)
        if self.missing:
            text += f"; left out: {', '.join(one.text() for one in self.missing[:_SHOWN])}"
        return [("a change", took), ("probes", text)]


def _difference(later: Latency, earlier: Latency) -> Histogram:
    """Return the times that were measured after others of the same distribution."""
    times = later.histogram or Histogram()
    return times.minus(earlier.histogram) if earlier.histogram else times
