"""How far apart proxies get the same push; `pyload.report.spreads` measures it.

A push is what istiod sends of one type under one version. It begins with the first proxy that has
it, so its spread says nothing about the time before, which only a probe can measure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.report.latency import Latency, time_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.report.histogram import Histogram
    from pyload.report.metrics import Snapshot

LISTED: Final = 20
"""Pushes that are kept one by one."""

ONE: Final = 1e-9
"""One proxy, or one byte, in a histogram of the sizes of pushes, which is made for times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushSpread:
    """One push; the times after `began` count from the first proxy that had it.

    Attributes:
        version: The control plane's version.
        type: Short name of the type of the resources.
        began: When the first proxy had it, in seconds from the start of the run.
        proxies: Proxies that it reached.
        bytes: Size of its responses to all of these; None in results of earlier versions.
        p50: When half of them had it.
        p90: When 90 % of them had it.
        p99: When 99 % of them had it.
        last: When the last of them had it.
    """

    version: str
    type: str
    began: float
    proxies: int
    bytes: int | None = None
    p50: float
    p90: float
    p99: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The pushes that reached more than one proxy, except for those still on their way.

    Attributes:
        pushes: Pushes that reached more than one proxy; each type counts for itself.
        proxies_p50: Proxies that half of the pushes did not exceed.
        proxies_max: Proxies that the widest push reached.
        bytes_p50: Bytes, for all proxies of a push together, that half of the pushes did not
            exceed.
        bytes_max: Bytes of the largest push, for all of its proxies together.
        p50: Time from the first proxy of a push until half of its proxies had it.
        p99: Time from the first proxy of a push until 99 % of its proxies had it.
        last: Time from the first proxy of a push until the last had it.
        stragglers: Proxies that had a push only when it had been quiet for 5 s; the times of
            spreads are without them.
        last_pushes: The last pushes one by one.
    """

    pushes: int = 0
    proxies_p50: int | None = None
    proxies_max: int | None = None
    bytes_p50: int | None = None
    bytes_max: int | None = None
    p50: Latency = field(default_factory=Latency)
    p99: Latency = field(default_factory=Latency)
    last: Latency = field(default_factory=Latency)
    stragglers: int = 0
    last_pushes: tuple[PushSpread, ...] = ()

    @classmethod
    def of(cls, snapshot: Snapshot, last_pushes: Sequence[PushSpread] = ()) -> Spread:
        """Sum up the pushes that were counted."""
        reach, size = snapshot.spread_proxies, snapshot.spread_bytes
        return cls(
            pushes=reach.count,
            proxies_p50=_count(reach, 50),
            proxies_max=_count(reach, 100),
            bytes_p50=_count(size, 50),
            bytes_max=_count(size, 100),
            p50=Latency.of(snapshot.spread_p50),
            p99=Latency.of(snapshot.spread_p99),
            last=Latency.of(snapshot.spread_last),
            stragglers=sum(snapshot.stragglers.values()),
            last_pushes=tuple(last_pushes),
        )

    def rows(self) -> list[tuple[str, str]]:
        """Return the line of the summary, as name and text; none if there was no push."""
        half, most, last = self.p50.p50, self.p99.p50, self.last.p50
        if half is None or most is None or last is None:
            return []
        times = f"50 % of its proxies in {_time(half)}, 99 % in {_time(most)}"
        text = f"a push reaches {times}, all in {_time(last)}"
        return [("spread", f"{text} (medians of {self.pushes:,}, from its first proxy)")]


def _time(seconds: float) -> str:
    # Proxies are counted by the millisecond.
    return time_text(seconds) if seconds else "under 1ms"


def _count(sizes: Histogram, percent: float) -> int | None:
    return round(sizes.percentile(percent) / ONE) if sizes.count else None
