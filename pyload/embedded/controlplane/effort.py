"""Work that each push costs, for tests of a control plane that can only do so much."""

from __future__ import annotations


class Effort:
    """The work of a machine with one core, which pushes to one proxy after the other.

    Args:
        seconds: Work for a push to one proxy.

    Attributes:
        spent: Seconds of work so far, with what is already planned.
    """

    def __init__(self, seconds: float) -> None:
        self.spent = 0.0
        self._seconds = seconds
        self._free_at = 0.0

    def delay(self, now: float) -> float:
        """Plan a push, and return the seconds until its work is done."""
        if not self._seconds:
            return 0.0
        self.spent += self._seconds
        self._free_at = max(now, self._free_at) + self._seconds
        return self._free_at - now
