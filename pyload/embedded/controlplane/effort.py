"""Work that each push costs, for tests of a control plane that can only do so much."""

from __future__ import annotations


class Effort:
    """The work of a machine with one core, which pushes to one proxy after the other.

    Args:
        seconds: Work for a push to one proxy.

    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._planned = 0.0
        self._free_at = 0.0

    def delay(self, now: float) -> float:
        """Plan a push, and return the seconds until its work is done."""
        if not self._seconds:
            return 0.0
        self._planned += self._seconds
        self._free_at = max(now, self._free_at) + self._seconds
        return self._free_at - now

    def metrics_page(self, now: float) -> bytes:
        """Return the CPU that this takes of the one core, as istiod says it; empty for no work."""
        if not self._seconds:
            return b""
        done = self._planned - max(0.0, self._free_at - now)
        return b"process_cpu_seconds_total %.9f\ngo_sched_gomaxprocs_threads 1\n" % done
