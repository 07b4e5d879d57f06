"""The control plane's side of a run, as istiod's own metrics show it: part of the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.report.latency import time_text
from pyload.report.quantity import size_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class IstiodTime:
    """A distribution of times in seconds that istiod measured; None where it measured nothing.

    Istiod's buckets are coarse: most begin at 0.1 s. The mean is exact; a percentile is only known
    to be at most the upper bound of its bucket.

    Attributes:
        count: How many were measured.
        mean: Their mean.
        p50_at_most: Upper bound of the bucket that has the median; None beyond the last.
        p99_at_most: The same of the 99th percentile.
    """

    count: int = 0
    mean: float | None = None
    p50_at_most: float | None = None
    p99_at_most: float | None = None


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What the control plane did in the run, added up over its istiods.

    Istiod has no sample of what has never happened, and older ones lack some. What is absent is
    None.

    Attributes:
        source: Where it was read: a URL, pods, or ``embedded``; empty if it could not be read.
        versions: Versions of the istiods.
        istiods: Istiods that answered at the last reading.
        restarts: How often an istiod was found to have started again. What it had counted since
            the reading before is lost.
        readings: Readings of istiod's metrics that brought something.
        gaps: Readings at which no istiod, or not each of them, answered.
        proxies: Proxies connected to istiod at the last reading.
        pushes: Responses that istiod sent, by type such as ``cds``.
        push_errors: Responses that istiod could not send.
        triggers: Reasons for which pushes were begun.
        updates: Events that came to istiod, by type such as ``eds``.
        rejects: Responses that proxies refused (NACK), by type.
        internal_errors: Errors of istiod while it generated responses.
        convergence: Time from the begin of a push until one proxy had been sent all of it. It
            begins after the debounce, and ends before the proxy has read anything.
        queue: Time that proxies waited in the queue of a push.
        debounce: Time from the first event until its push began.
        push_context: Time to build the state that a push is generated from.
        push: Time to generate and send the resources of one type to one proxy.
        send: Time to send one response.
        services: Services that istiod knew at the last reading.
        cpu_seconds: CPU time that the istiods have used in the run.
        cpu_cores: CPU cores that the istiods used on average from the first to the last reading.
        cpu_cores_max: The most CPU cores that the istiods used between two readings.
        cpu_share_max: The most CPU cores that one istiod used, as a share of those that it may use.
        cores: CPU cores that the istiods may use together (GOMAXPROCS).
        heap_bytes: Heap of the istiods at the last reading.
        heap_bytes_max: The largest heap of the istiods at any reading.
        rss_bytes: Resident memory of the istiods at the last reading.
        goroutines: Goroutines of the istiods at the last reading.
    """

    source: str = ""
    versions: tuple[str, ...] = ()
    istiods: int = 0
    restarts: int = 0
    readings: int = 0
    gaps: int = 0
    proxies: int | None = None
    pushes: Mapping[str, int] | None = None
    push_errors: int | None = None
    triggers: Mapping[str, int] | None = None
    updates: Mapping[str, int] | None = None
    rejects: Mapping[str, int] | None = None
    internal_errors: int | None = None
    convergence: IstiodTime = field(default_factory=IstiodTime)
    queue: IstiodTime = field(default_factory=IstiodTime)
    debounce: IstiodTime = field(default_factory=IstiodTime)
    push_context: IstiodTime = field(default_factory=IstiodTime)
    push: IstiodTime = field(default_factory=IstiodTime)
    send: IstiodTime = field(default_factory=IstiodTime)
    services: int | None = None
    cpu_seconds: float | None = None
    cpu_cores: float | None = None
    cpu_cores_max: float | None = None
    cpu_share_max: float | None = None
    cores: int | None = None
    heap_bytes: int | None = None
    heap_bytes_max: int | None = None
    rss_bytes: int | None = None
    goroutines: int | None = None

    def rows(self) -> list[tuple[str, str]]:
        """Return the line of the summary; none if nothing was read."""
        if not self.readings:
            return []
        name = self.source if self.source == "embedded" else "istiod"
        who = f"{self.istiods:,} istiods" if self.istiods != 1 else name
        parts = [
            " ".join((who, *self.versions)),
            *([] if self.proxies is None else [_many(self.proxies, "proxy", "proxies")]),
            *([] if self.pushes is None else [_many(sum(self.pushes.values()), "push", "pushes")]),
            *self._times(),
            *self._use(),
            *([f"{self.restarts:,} restarted"] if self.restarts else []),
            *([f"{_many(self.gaps, 'reading', 'readings')} missing"] if self.gaps else []),
        ]
        return [("control plane", ", ".join(parts))]

    def _times(self) -> list[str]:
        named = (
            ("sent in", self.convergence),
            ("queued", self.queue),
            ("debounced", self.debounce),
        )
        return [f"{name} {time_text(time.mean)}" for name, time in named if time.mean is not None]

    def _use(self) -> list[str]:
        parts = []
        if self.cpu_cores_max is not None:
            of = "cores" if self.cores is None else f"of {_many(self.cores, 'core', 'cores')}"
            parts.append(f"up to {self.cpu_cores_max:.2g} {of}")
        if self.heap_bytes_max is not None:
            parts.append(f"{size_text(self.heap_bytes_max)} heap")
        return parts


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
