"""How fast proxies connect, where something limits that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pacing:
    """The pace at one moment; those of several fleets add up.

    Attributes:
        refusals: Streams that the control plane refused for the rate of new ones, ever.
        rate: Dials per second that are allowed now; None for no limit.
        waiting: Proxies that wait for their turn to dial.
    """

    refusals: int = 0
    rate: float | None = None
    waiting: int = 0

    def __add__(self, other: Pacing) -> Pacing:
        known = self.rate is not None and other.rate is not None
        rate = (self.rate or 0.0) + (other.rate or 0.0) if known else None
        waiting = self.waiting + other.waiting
        return Pacing(self.refusals + other.refusals, rate, waiting)

    def since(self, refusals: int) -> Pacing:
        """Return the pace with the refusals after so many."""
        return Pacing(self.refusals - refusals, self.rate, self.waiting)
