"""Many waits of one length, at hardly any cost each.

Waits of equal length end in the order in which they began. So they stand in a queue, those of about
a second together in one *slot*, and only the first slot has a timer: to wait costs a place in
a list. The price is that a wait may be as much longer as a slot is.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyload.timer_heap import TimerHeap

T = TypeVar("T")


class DelayLine(Generic[T]):
    """Calls a function for each item some time after the item was added, in the same order.

    Args:
        timers: Holds the one timer.
        clock: Returns the time in seconds.
        call: Handles an item that is due; an error goes to the loop's exception handler.
        seconds: How long each item waits at least.
        slot: By how many seconds it may be longer.
    """

    def __init__(
        self,
        timers: TimerHeap,
        clock: Callable[[], float],
        call: Callable[[T], None],
        *,
        seconds: float,
        slot: float = 1.0,
    ) -> None:
        self._timers = timers
        self._clock = clock
        self._call = call
        self._seconds = seconds
        self._slot = slot
        # When each slot is due, and its items; the first has the timer.
        self._slots: deque[tuple[float, list[T]]] = deque()

    def add(self, item: T) -> None:
        """Start the wait of an item; the same may wait several times."""
        due = self._clock() + self._seconds
        if self._slots and due <= self._slots[-1][0]:
            self._slots[-1][1].append(item)
            return
        self._slots.append((due + self._slot, [item]))
        if len(self._slots) == 1:
            self._arm()

    def _arm(self) -> None:
        self._timers.call_later(self._slots[0][0] - self._clock(), self._due)

    def _due(self) -> None:
        _, items = self._slots.popleft()
        if self._slots:
            self._arm()
        self._handle(iter(items))

    def _handle(self, left: Iterator[T]) -> None:
        try:
            for item in left:
                self._call(item)
        except Exception:
            # A fault of one item: the others are due all the same.
            self._timers.call_later(0.0, lambda: self._handle(left))
            raise
