"""The times of changes, from the beginning of a write to the arrival at the proxies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.report.histogram import Histogram
from pyload.report.latency import Latency
from pyload.units import Duration

if TYPE_CHECKING:
    from pyload.commands.latency.arrivals import Spread

COLUMNS: Final = ("written", "first", "median", "last")


@dataclass(frozen=True, slots=True)
class ChangeTimes:
    """The moments of one change, in seconds on the loop's clock.

    Attributes:
        begun: Beginning of its write.
        written: When the API server had taken it.
        arrived: When the proxies had it.
    """

    begun: float
    written: float
    arrived: Spread

    @property
    def columns(self) -> tuple[float, ...]:
        """Seconds since the beginning, in the order of `COLUMNS`."""
        arrived = self.arrived
        moments = (self.written, arrived.first, arrived.median, arrived.last)
        return tuple(moment - self.begun for moment in moments)

    def texts(self) -> tuple[str, str]:
        """Format how long the change took, and how much of it after the write, as pilot-load does.

        A proxy may have the change before the API server has answered.
        """
        ended = max(self.arrived.last, self.written)
        return span(ended - self.begun), span(ended - self.written)


class ChangeHistograms:
    """The times of many changes, column by column."""

    def __init__(self) -> None:
        self._times = {column: Histogram() for column in COLUMNS}

    def record(self, times: ChangeTimes) -> None:
        """Add the times of a change."""
        for column, seconds in zip(COLUMNS, times.columns, strict=True):
            self._times[column].record(seconds)

    def latencies(self) -> dict[str, Latency]:
        """Return the figures of each column."""
        return {column: Latency.of(times) for column, times in self._times.items()}


def span(seconds: float) -> str:
    """Format seconds as Go does."""
    return str(Duration.from_seconds(seconds))
