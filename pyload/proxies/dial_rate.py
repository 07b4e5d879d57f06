"""How fast proxies may connect: a rate that the user sets, and that the control plane lowers.

istiod refuses new streams beyond a rate of its own with RESOURCE_EXHAUSTED. So a refusal lowers the
rate by a factor, and each stream that is served raises it by a little: additive increase,
multiplicative decrease, as TCP finds the capacity of a path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

DECREASE: Final = 0.7
INCREASE: Final = 2.0
"""Dials per second that the rate grows in one second of streams that are served."""
SLOWEST: Final = 1.0
"""Dials per second that are always allowed."""
PAUSE: Final = 1.0
"""Seconds between two decreases: one wave of refusals is one signal."""
SPREAD: Final = 0.5
"""Share of an interval by which a dial may be early or late."""


class DialRate:
    """The rate of dials, and the time of the next one.

    Args:
        limit: Dials per second at most; None for no limit.
        rng: Spreads the dials around the rate by half an interval.

    Attributes:
        rate: Dials per second allowed now; None for no limit.
        refusals: Streams that the control plane refused for their rate.
    """

    __slots__ = ("_counted_since", "_dials", "_limit", "_lowered", "_next", "_rng", "rate",
                 "refusals")  # fmt: skip

    def __init__(self, limit: float | None, *, rng: Random) -> None:
        self._limit = limit
        self._rng = rng
        # When the next dial may begin, and when the rate was lowered last.
        self._next = 0.0
        self._lowered = -PAUSE
        # Dials since then: the rate that a refusal lowers where no rate was set.
        self._counted_since = 0.0
        self._dials = 0
        self.rate = limit
        self.refusals = 0

    def wait(self, now: float) -> float:
        """Count a dial and return 0 if one may begin now; else return the seconds until then."""
        if self.rate is not None and now < self._next:
            return self._next - now
        if now - self._counted_since > PAUSE:
            self._counted_since, self._dials = now, 0
        self._dials += 1
        if self.rate is not None:
            # What was not used is lost: proxies that start late must not start all at once.
            gap = self._rng.uniform(1 - SPREAD, 1 + SPREAD) / self.rate
            self._next = max(self._next, now - 1 / self.rate) + gap
        return 0.0

    def refused(self, now: float) -> None:
        """Lower the rate, as the control plane has refused a stream for it."""
        self.refusals += 1
        if now - self._lowered < PAUSE:
            return
        self._lowered = now
        rate = self.rate
        if rate is None:
            rate = self._dials / max(now - self._counted_since, PAUSE)
        self.rate = max(rate * DECREASE, SLOWEST)

    def served(self) -> None:
        """Raise the rate a little, as a new stream has got its first response."""
        if self.rate is None or self.rate == self._limit:
            return
        self.rate += INCREASE / self.rate
        if self._limit is not None:
            self.rate = min(self.rate, self._limit)
