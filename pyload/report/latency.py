"""Percentiles of a distribution of times, and how people read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.units import Duration

if TYPE_CHECKING:
    from pyload.report.histogram import Histogram

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles of a distribution of times in seconds; None where nothing was measured."""

    count: int = 0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, histogram: Histogram) -> Latency:
        """Return the percentiles of a histogram."""
        if not histogram.count:
            return cls()
        p50, p90, p99 = (histogram.percentile(percent) for percent in (50, 90, 99))
        return cls(histogram.count, p50, p90, p99, histogram.max)


def latency_text(latency: Latency) -> str:
    """Format a distribution for people."""
    if not latency.count:
        return "not measured"
    times = {
        "p50": latency.p50,
        "p90": latency.p90,
        "p99": latency.p99,
        "max": latency.max,
    }
    texts = [f"{name} {time_text(value)}" for name, value in times.items() if value is not None]
    return f"{', '.join(texts)} ({latency.count:,} measured)"


def time_text(seconds: float) -> str:
    """Format seconds as Go does, to three or four digits."""
    span = Duration.from_seconds(seconds)
    if span < 10 * _MILLISECOND:
        step = 10_000
    elif span < _SECOND:
        step = _MILLISECOND
    else:
        step = 10 * _MILLISECOND
    rounded = round(span / step) * step
    return str(Duration(rounded)) if rounded or not span else "under 10µs"
