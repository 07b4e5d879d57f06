"""Several proxies for each one that is asked for, started one after another."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.proxies.fleet import Fleet
    from pyload.proxies.spec import ProxySpec

log = logging.getLogger("pyload")


class Replicas:
    """Stands in for a fleet, and starts each proxy several times in it.

    All replicas of a proxy are the same node to the control plane.

    Args:
        fleet: Runs the proxies.
        count: Replicas of each proxy.
        delay: Seconds between two starts.
    """

    def __init__(self, fleet: Fleet, *, count: int, delay: float) -> None:
        self._fleet = fleet
        self._count = count
        self._delay = delay
        self._queue: dict[str, ProxySpec] = {}
        self._wake = asyncio.Event()

    @staticmethod
    def original(key: str) -> str | None:
        """Return the key of the proxy whose first replica has this key; None for other replicas."""
        proxy, _, index = key.rpartition("#")
        return proxy if index == "0" else None

    @property
    def queued(self) -> int:
        """Replicas that wait for their turn to start."""
        return len(self._queue)

    def start(self, spec: ProxySpec) -> None:
        """Start the replicas of a proxy, when it is their turn."""
        for index in range(self._count):
            key = f"{spec.key}#{index}"
            self._queue[key] = replace(spec, key=key)
        self._wake.set()

    async def stop(self, key: str) -> bool:
        """Stop the replicas of a proxy and wait until their streams are closed."""
        keys = [f"{key}#{index}" for index in range(self._count)]
        queued = [self._queue.pop(one, None) is not None for one in keys]
        stopped = await asyncio.gather(*(self._fleet.stop(one) for one in keys))
        return any(queued) or any(stopped)

    async def run(self) -> None:
        """Start queued replicas until cancelled."""
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            key = next(iter(self._queue))
            spec = self._queue.pop(key)
            pod = (spec.name, spec.namespace, spec.ip)
            log.info("Starting pod %s/%s (%s), replica %s", *pod, key.rpartition("#")[2])
            self._fleet.start(spec)
            # Without a delay too others get their turn.
            await asyncio.sleep(self._delay)
