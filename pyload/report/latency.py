"""Percentiles of a distribution of times, and how people read them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from pyload.units import Duration

if TYPE_CHECKING:
    from pyload.report.histogram import Histogram

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000


PERCENTILES: Final = {"p50": 50, "p90": 90, "p95": 95, "p99": 99, "p99_9": 99.9}
"""The percentiles of a distribution, by their names in the result."""

_SHOWN: Final = ("p50", "p90", "p99", "max")
"""Those for people: what fits a line of a terminal beside its name and the count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """A distribution of times in seconds; its values are None where nothing was measured.

    Attributes:
        count: Times that were measured.
        min: The least of them.
        p50: The time that 50 % of them do not exceed.
        p90: The time that 90 % of them do not exceed.
        p95: The time that 95 % of them do not exceed.
        p99: The time that 99 % of them do not exceed.
        p99_9: The time that 99.9 % of them do not exceed.
        max: The largest.
        histogram: The whole distribution, for the result's `histograms`; None where it is not kept.
    """

    count: int = 0
    min: float | None = None
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    p99_9: float | None = None
    max: float | None = None
    histogram: Histogram | None = field(
        default=None, repr=False, compare=False, metadata={"apart": True}
    )

    @classmethod
    def of(cls, histogram: Histogram) -> Self:
        """Return the percentiles of a histogram."""
        if not histogram.count:
            return cls()
        values = histogram.percentiles(*PERCENTILES.values())
        return cls(
            count=histogram.count,
            min=histogram.min,
            **dict(zip(PERCENTILES, values, strict=True)),
            max=histogram.max,
            histogram=histogram.copy(),
        )


def latency_text(latency: Latency) -> str:
    """Format a distribution for people."""
    if not latency.count:
        return "not measured"
    values = [(name, getattr(latency, name)) for name in _SHOWN]
    texts = [f"{name} {time_text(value)}" for name, value in values if value is not None]
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
