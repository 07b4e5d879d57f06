"""A token bucket that limits the rate of requests; its callers pass the time."""

from __future__ import annotations


class Limiter:
    """Lets `rate` requests per second through, and `burst` at once after a rest.

    A request that has to wait takes its place in line when it asks; giving up afterwards does not
    give the place to another.

    Args:
        rate: Requests per second, above 0.
        burst: Requests that may go at once, at least 1.
    """

    __slots__ = ("_burst", "_rate", "_tokens", "_updated")

    def __init__(self, rate: float, burst: float) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"a limiter needs rate > 0 and burst >= 1, not {rate} and {burst}")
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._updated = float("-inf")

    def reserve(self, now: float) -> float:
        """Reserve the next place in line.

        Args:
            now: Seconds on any clock that does not go back.

        Returns:
            Seconds to wait before the request may go.
        """
        earned = (now - self._updated) * self._rate
        self._tokens = min(self._burst, self._tokens + earned)
        self._updated = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
