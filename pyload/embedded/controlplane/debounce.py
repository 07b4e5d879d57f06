"""When to push: not while changes keep coming, and not too late either. Pure."""

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
        """Take note of a change."""
        if self._first is None:
            self._first = now
        self._last = now

    def due(self) -> float | None:
        """Say when to push; None while there is nothing to push, or a push is in flight."""
        if self._first is None or self._pushing:
            return None
        return min(self._last + self._quiet, self._first + self._longest)

    def started(self) -> None:
        """Take note that everything seen so far is being pushed."""
        self._first = None
        self._pushing = True

    def finished(self) -> None:
        """Take note that the push has been handed to all proxies."""
        self._pushing = False
