"""Many timers on one timer of the event loop.

The timers stand in a heap, and the loop knows only the first of them. A cancelled timer, which
would be slow to find, stays in the heap until it is due or most of the heap is cancelled.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_SLACK: Final = 64
"""Cancelled timers that may stay in the heap before it is swept."""


class Timer:
    """A call that is due at a time of the loop's clock, unless it is cancelled before."""

    __slots__ = ("_call", "_timers", "when")

    def __init__(self, timers: TimerHeap, when: float, call: Callable[[], None]) -> None:
        self._timers = timers
        self._call: Callable[[], None] | None = call
        self.when = when

    def __lt__(self, other: Timer) -> bool:
        return self.when < other.when

    @property
    def cancelled(self) -> bool:
        """Whether it has been cancelled, or has been called."""
        return self._call is None

    def cancel(self) -> None:
        """Do not call; doing so again, or too late, does nothing."""
        if self._call is not None:
            self._call = None
            self._timers.dropped()

    def fire(self) -> None:
        """Call now."""
        call, self._call = self._call, None
        if call is not None:
            call()


class TimerHeap:
    """Calls at given times, all by one timer of the running loop.

    A loop's own timer costs uvloop a handle each, and ten thousand proxies that wait to dial again
    would hold as many.
    """

    # Not the loop: what is kept for each loop, by a weak reference to it, would keep it alive.
    __slots__ = ("_cancelled", "_handle", "_heap")

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._cancelled = 0
        self._handle: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._heap) - self._cancelled

    def call_later(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call in `seconds` from now; an error of the call goes to the loop's exception handler."""
        timer = Timer(self, asyncio.get_running_loop().time() + seconds, call)
        heapq.heappush(self._heap, timer)
        if self._heap[0] is timer:
            self._arm()
        return timer

    def dropped(self) -> None:
        """Count a cancelled timer; for `Timer`."""
        self._cancelled += 1
        if self._cancelled > _SLACK and self._cancelled * 2 > len(self._heap):
            self._heap = [one for one in self._heap if not one.cancelled]
            heapq.heapify(self._heap)
            self._cancelled = 0
            self._arm()

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._heap:
            self._handle = asyncio.get_running_loop().call_at(self._heap[0].when, self._due)

    def _due(self) -> None:
        self._handle = None
        # uvloop counts whole milliseconds and may call a little early.
        now = asyncio.get_running_loop().time() + 0.001
        try:
            while self._heap and self._heap[0].when <= now:
                timer = heapq.heappop(self._heap)
                if timer.cancelled:
                    self._cancelled -= 1
                else:
                    timer.fire()
        finally:
            self._arm()
