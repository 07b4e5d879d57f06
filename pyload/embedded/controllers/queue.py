"""The queue of work: items in their order of arrival, each at most once, and delayed items."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class WorkQueue(Generic[Item]):
    """Items that need attention, now or at a time; for one reader.

    An item that is in the queue already is not added again, so the queue is bounded by the number
    of different items. An item that was taken out may be added again.
    """

    def __init__(self) -> None:
        self._ready: deque[Item] = deque()
        self._queued: set[Item] = set()
        self._heap: list[tuple[float, int, Item]] = []
        self._due: dict[Item, float] = {}
        self._count = 0
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, item: Item) -> None:
        """Add an item for attention now."""
        if item not in self._queued:
            self._queued.add(item)
            self._ready.append(item)
            self._wake.set()

    def add_later(self, item: Item, seconds: float) -> None:
        """Add an item after some seconds, unless it will be added earlier anyway."""
        when = asyncio.get_running_loop().time() + seconds
        due = self._due.get(item)
        if due is not None and due <= when:
            return
        self._due[item] = when
        self._count += 1
        heapq.heappush(self._heap, (when, self._count, item))
        self._wake.set()

    async def get(self) -> Item:
        """Wait for the next item, and take it out."""
        loop = asyncio.get_running_loop()
        while True:
            self._promote(loop.time())
            if self._ready:
                item = self._ready.popleft()
                self._queued.discard(item)
                return item
            self._wake.clear()
            try:
                async with asyncio.timeout_at(self._heap[0][0] if self._heap else None):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _promote(self, now: float) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, _, item = heapq.heappop(heap)
            if self._due.get(item) == when:
                del self._due[item]
                self.add(item)
