"""Running watches: a bounded queue between the store and one slow reader."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.store import Event, Store
    from pyload.embedded.apiserver.watch_plan import WatchPlan

BOOKMARK_SECONDS: Final = 60.0
QUEUE: Final = 16_384
"""Lines that a watcher may be behind before it is closed and has to come back."""
QUEUE_BYTES: Final = 16 << 20
"""Bytes that it may be behind, which a few big objects reach long before."""


class Watcher:
    """One watch that has begun.

    Args:
        store: What is watched.
        plan: The objects to show, and their form.
        closed: Called when the watch is closed, perhaps more than once.
        queue: Number of lines that the reader may be behind.
        queue_bytes: Their size, unless it is one line.

    Attributes:
        on_overflow: Called once if the reader was too far behind, so that the watch is closed.
    """

    def __init__(
        self,
        store: Store,
        plan: WatchPlan,
        *,
        closed: Callable[[Watcher], None],
        queue: int = QUEUE,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self.on_overflow: Callable[[], object] | None = None
        self._store = store
        self._plan = plan
        self._closed = closed
        self._limit = queue
        self._limit_bytes = queue_bytes
        self._bytes = 0
        self._lines: list[bytes] = []
        self._open = not plan.failed
        self._waiting: asyncio.Future[None] | None = None
        self._unsubscribe = store.subscribe(plan.kind, self._offer)

    @property
    def kind(self) -> Kind:
        """What is watched."""
        return self._plan.kind

    def _offer(self, event: Event) -> None:
        line = self._plan.line(event)
        if line is None or not self._open:
            return
        self._bytes += len(line)
        if len(self._lines) >= self._limit or (self._lines and self._bytes > self._limit_bytes):
            self.close()
            if self.on_overflow is not None:
                self.on_overflow()
            return
        self._lines.append(line)
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def close(self) -> None:
        """End the watch after the lines that are waiting."""
        self._open = False
        self._unsubscribe()
        self._closed(self)
        self._wake()

    async def batches(self) -> AsyncGenerator[list[bytes]]:
        """Yield lines, each with its newline, as many as there are at a time, until the end."""
        plan = self._plan
        loop = asyncio.get_running_loop()
        end = loop.time() + plan.timeout
        bookmark = loop.time() + BOOKMARK_SECONDS
        try:
            if plan.initial:
                first, plan.initial = plan.initial, []
                yield first
            while self._open or self._lines:
                now = loop.time()
                if not self._lines:
                    now = await self._wait(min(end, bookmark) if plan.bookmarks else end)
                batch, self._lines, self._bytes = self._lines, [], 0
                if plan.bookmarks and self._open and now >= min(end, bookmark):
                    # Only now is there no event that the bookmark would skip.
                    batch.append(plan.bookmark(self._store.revision))
                    bookmark = now + BOOKMARK_SECONDS
                if batch:
                    yield batch
                if now >= end:
                    return
        finally:
            self.close()

    async def _wait(self, until: float) -> float:
        """Wait for lines, but not for ever; return what time it is then.

        Timers may be a little early. Time is up all the same: to wait for the rest would be to ask
        for the same timer again and again.
        """
        loop = asyncio.get_running_loop()
        self._waiting = loop.create_future()
        timer = loop.call_at(until, self._wake)
        try:
            await self._waiting
            return max(loop.time(), until) if not self._lines and self._open else loop.time()
        finally:
            timer.cancel()
            self._waiting = None
