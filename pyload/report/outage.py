"""The outages of a run as part of its result; `pyload.report.outages` finds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.report.latency import time_text

if TYPE_CHECKING:
    from collections.abc import Mapping

LISTED: Final = 20
"""Outages that are kept one by one; further ones are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """One outage; the times after `duration` count from its beginning.

    Attributes:
        began: Seconds from the start of the run.
        duration: Seconds that it lasted, or has lasted so far.
        open: Whether it had not ended.
        lost: Proxies that were without a stream at its worst.
        connected: Proxies that still had one then.
        first_back: When the first proxy had a stream again; None if none has.
        half_back: When half of them had.
        last_back: When all of them had, or nearly all.
        disconnects: Streams that ended and dials that failed in it, by reason.
    """

    began: float
    duration: float
    open: bool
    lost: int
    connected: int
    first_back: float | None
    half_back: float | None
    last_back: float | None
    disconnects: Mapping[str, int]

    def text(self) -> str:
        """Return the line of the summary."""
        back = [
            f"{name} back after {time_text(after)}"
            for name, after in (("first", self.first_back), ("half", self.half_back))
            if after is not None
        ]
        if self.last_back is not None:
            back.append(f"last after {time_text(self.last_back)}")
        parts = (
            f"from {time_text(self.began)} for {time_text(self.duration)}",
            f"{self.lost:,} of {self.lost + self.connected:,} proxies lost",
            *(back or ["none back"]),
            *(["not over at the end"] if self.open else []),
        )
        reasons = reasons_text(self.disconnects)
        return f"{', '.join(parts)}; {reasons}" if reasons else ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Outages:
    """The outages of a run.

    Attributes:
        count: Outages of the control plane so far, one that has not ended included.
        longest: Time that the longest outage lasted; 0 without any.
        total: Time that all outages lasted together.
        first: The first 20 of them, in order.
    """

    count: int = 0
    longest: float = 0.0
    total: float = 0.0
    first: tuple[Outage, ...] = ()

    def with_outage(self, outage: Outage) -> Outages:
        """Return these outages with another."""
        return Outages(
            self.count + 1,
            max(self.longest, outage.duration),
            self.total + outage.duration,
            (*self.first, outage)[:LISTED],
        )

    def since(self, at: float) -> Outages:
        """Return those that were not over at a moment, among the first `LISTED` of the run."""
        later = Outages()
        for outage in self.first:
            if outage.open or outage.began + outage.duration > at:
                later = later.with_outage(outage)
        return later

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the summary, as names and texts; none without outages."""
        texts = [one.text() for one in self.first]
        if self.count > len(texts):
            texts.append(f"and {self.count - len(texts):,} more")
        return [("" if index else "outages", text) for index, text in enumerate(texts)]


def reasons_text(disconnects: Mapping[str, int]) -> str:
    """Format reasons with their counts, the most frequent first."""
    ordered = sorted(disconnects.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{reason} {count:,}" for reason, count in ordered)
