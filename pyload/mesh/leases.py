"""Keeps the fake nodes alive: one task renews the leases of all of them.

Kubernetes takes a node for dead if its lease is not renewed in time. A heap has the nodes by
the time at which they are due; the task sleeps until the first one is, renews all that are due, a
few at a time, and puts them back. A node that is added meanwhile wakes it up.

While the API server is away all of them fail, again and again. That is logged when it begins and
when it is over: once the last node whose lease was not renewed has it again.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pyload.errors import PyloadError
from pyload.manifests import objects
from pyload.report.latency import time_text

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.kube.resources import Obj

RENEW_SECONDS: Final = 20.0
"""Time from one renewal to the next."""

RETRY_SECONDS: Final = 1.0
"""Time from a renewal that failed to the next attempt."""

_CONCURRENT: Final = 50

log = logging.getLogger("pyload")


class Leases:
    """Renews a node's lease at once, then 20 s after each success, 1 s after each failure.

    Args:
        write: Writes one Lease object.
        run_id: Value of the run label.
    """

    def __init__(self, write: Callable[[Obj], Awaitable[object]], *, run_id: str) -> None:
        self._write = write
        self._run_id = run_id
        self._due: list[tuple[float, str, str]] = []
        self._wake = asyncio.Event()
        # Nodes whose last renewal failed, and since when there are any.
        self._failing: set[str] = set()
        self._failing_since = 0.0

    def add(self, node: str, uid: str) -> None:
        """Begin to renew the lease of a node that now exists.

        Args:
            node: Node name.
            uid: The Node object's UID, which owns the lease.
        """
        heapq.heappush(self._due, (asyncio.get_running_loop().time(), node, uid))
        self._wake.set()

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await self._wait()
            now = asyncio.get_running_loop().time()
            batch: list[tuple[float, str, str]] = []
            while self._due and self._due[0][0] <= now and len(batch) < _CONCURRENT:
                batch.append(heapq.heappop(self._due))
            renewed = await asyncio.gather(*(self._renew(node, uid) for _, node, uid in batch))
            now = asyncio.get_running_loop().time()
            for (_, node, uid), success in zip(batch, renewed, strict=True):
                pause = RENEW_SECONDS if success else RETRY_SECONDS
                heapq.heappush(self._due, (now + pause, node, uid))

    async def _wait(self) -> None:
        """Wait until a lease is due; a node that is added wakes this up."""
        self._wake.clear()
        when = self._due[0][0] if self._due else None
        try:
            async with asyncio.timeout_at(when):
                if when is None or when > asyncio.get_running_loop().time():
                    await self._wake.wait()
        except TimeoutError:
            return

    async def _renew(self, node: str, uid: str) -> bool:
        lease = objects.lease(node, node_uid=uid, now=datetime.now(UTC), run_id=self._run_id)
        try:
            await self._write(lease)
        except PyloadError as error:
            self._on_failure(node, error)
            return False
        self._on_success(node)
        return True

    def _on_failure(self, node: str, error: PyloadError) -> None:
        if self._failing:
            log.debug("lease update for %s failed: %s", node, error)
        else:
            self._failing_since = asyncio.get_running_loop().time()
            log.warning("lease update for %s failed: %s", node, error)
        self._failing.add(node)

    def _on_success(self, node: str) -> None:
        if node in self._failing:
            self._failing.discard(node)
            if not self._failing:
                took = asyncio.get_running_loop().time() - self._failing_since
                log.warning("the leases of all nodes are renewed again, after %s", time_text(took))
