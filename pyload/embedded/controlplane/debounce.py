"""When to push: after changes have been quiet for a while, and not too late either."""

from __future__ import annotations


class Debounce:
    """Decides when the changes seen so far should be pushed.

    Args:
        quiet: Seconds without a change after which to push.
        longest: Seconds after the first change at which to push in any case.
    """

    def __init__(self, *, quiet: float, longest: float) -> None:
        self._quiet = quiet
        self._longest = longest
        self._first: float | None = None
        self._last = 0.0
        self._pushing = False

    def changed(self, now: float) -> None:
        """Record a change."""
        if self._first is None:
            self._first = now
        self._last = now

    def due(self) -> float | None:
        """Return when to push; None while nothing has changed or a push is in flight."""
        if self._first is None or self._pushing:
            return None
        return min(self._last + self._quiet, self._first + self._longest)

    def started(self) -> float:
        """Record that all changes so far are being pushed; return the time of the first."""
        assert self._first is not None, "a push is due after a change"
        first, self._first = self._first, None
        self._pushing = True
        return first

    def finished(self) -> None:
        """Record that the push has been handed to all connections."""
        self._pushing = False
