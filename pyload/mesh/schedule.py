"""The moments at which the changes of a running mesh are due."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random


@dataclass(slots=True)
class Schedule:
    """Moments at an average distance that a user chose.

    Each moment is planned from the one before, not from when the work was done, so that the
    average holds. Moments that pass while other work is under way are dropped, and counted.

    Attributes:
        interval: Mean time between two moments, in seconds; above 0.
        due: The next moment.
    """

    interval: float
    due: float

    @classmethod
    def starting(cls, interval: float, *, now: float, rng: Random) -> Schedule:
        """Begin at `now`; the first moment is one interval away."""
        return cls(interval, now + pause(interval, rng))

    def advance(self, rng: Random) -> None:
        """Plan the moment after this one."""
        self.due += pause(self.interval, rng)

    def drop(self, now: float) -> int:
        """Drop the moments before `now`, and count them; the next one is not before it."""
        if self.due >= now:
            return 0
        dropped = int((now - self.due) / self.interval) + 1
        self.due += dropped * self.interval
        return dropped


def pause(interval: float, rng: Random) -> float:
    """Draw the time until the next moment: normally distributed, a fifth of it wide.

    Args:
        interval: Mean, in seconds.
        rng: Randomness.

    Returns:
        Seconds, never negative.
    """
    return max(0.0, rng.gauss(interval, interval / 5))
