"""Starts and stops proxies until a fleet equals what the cache says should run."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from pyload.pods.reader import spec_of
from pyload.tasks import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from random import Random

    from pyload.pods.cache import Changes, PodCache
    from pyload.pods.pod_counter import PodCounts
    from pyload.pods.reader import PodRecord
    from pyload.proxies.spec import ProxySpec

SETTLE_SECONDS: Final = 1.0
"""How long what was missed may take to arrive after the API server answers again."""

_TURN: Final = 20
"""Proxies that are started in a row before others get their turn."""

Timed = Literal["ip to start", "ip to config", "ready to config"]

log = logging.getLogger("pyload")


class FleetLike(Protocol):
    """Runs proxies."""

    def start(self, spec: ProxySpec) -> None:
        """Start a proxy."""
        ...

    def stop(self, key: str) -> Coroutine[Any, Any, object]:
        """Stop a proxy, and return when its stream is closed."""
        ...


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Cluster and fleet at one moment.

    Attributes:
        cache: Nodes and pods.
        queued: Proxies that should run, and wait for their turn to start.
        running: Proxies that were started and not stopped.
        stopping: Proxies that are being stopped.
        started: Proxies started, ever.
        withdrawn: Pods that ended before it was their proxy's turn, ever.
        away: Seconds since the API server stopped answering; 0 while it does.
    """

    cache: PodCounts
    queued: int
    running: int
    stopping: int
    started: int
    withdrawn: int
    away: float


class Reconciler:
    """Keeps a fleet equal to a cache.

    While a watch is stale, no proxy starts, and none stops because time has passed: sidecars would
    go on, too.

    Args:
        cache: What should run; every change that it returns must be given to `apply`.
        fleet: Runs the proxies; nobody else starts or stops those of pods.
        spec: Makes the proxy of a pod.
        rate: Proxies started per second; None for as many as there are.
        timed: Called with durations in seconds: from a pod's IP to its proxy's start and to its
            first full config, and from its readiness to that.
        rng: Spreads the starts.
    """

    def __init__(
        self,
        cache: PodCache,
        fleet: FleetLike,
        *,
        spec: Callable[[PodRecord], ProxySpec] = spec_of,
        rate: float | None = None,
        timed: Callable[[Timed, float], None] | None = None,
        rng: Random,
    ) -> None:
        self._cache = cache
        self._fleet = fleet
        self._spec = spec
        self._rate = rate
        self._timed = timed
        self._rng = rng
        self._queue: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._running: set[str] = set()
        self._stopping: set[str] = set()
        self._started = 0
        self._withdrawn = 0
        self._stale: dict[str, float] = {}
        self._frozen = False
        self._thaw_timer: asyncio.TimerHandle | None = None
        self._due_timer: asyncio.TimerHandle | None = None
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Start and stop proxies until cancelled, and then leave them as they are."""
        try:
            async with asyncio.TaskGroup() as self._group:
                await self._start_queued()
        finally:
            self._group = None
            for timer in (self._due_timer, self._thaw_timer):
                if timer is not None:
                    timer.cancel()

    def apply(self, changes: Changes) -> None:
        """Take what has changed; stops happen at once, starts when it is their turn."""
        for uid in changes.stop:
            if uid in self._queue:
                del self._queue[uid]
                self._withdrawn += uid not in changes.start
            if uid in self._running:
                self._running.discard(uid)
                self._stopping.add(uid)
                assert self._group is not None
                self._group.create_task(self._stop(uid), name=f"kwok-stop[{uid}]")
        for uid in changes.start:
            self._queue[uid] = None
        if changes.start:
            self._wake.set()
        self._set_timer()

    def stale(self, name: str, *, stale: bool) -> None:
        """Take that a watch has gone stale, or is no longer so.

        Args:
            name: Which watch.
            stale: Whether it may have missed something.
        """
        if self._thaw_timer is not None:
            self._thaw_timer.cancel()
            self._thaw_timer = None
        if stale:
            self._stale.setdefault(name, clock()())
            if not self._frozen:
                self._frozen = True
                log.info("API server is away: %d proxies stay as they are", len(self._running))
                self._set_timer()
            return
        self._stale.pop(name, None)
        if self._frozen and not self._stale:
            loop = asyncio.get_running_loop()
            self._thaw_timer = loop.call_later(SETTLE_SECONDS, self._thaw)

    def configured(self, key: str) -> None:
        """Take that a proxy has its first full config; to be called once after each start."""
        if self._timed is None:
            return
        now = clock()()
        ip_at, ready_at = self._cache.times(key)
        if ip_at is not None:
            self._timed("ip to config", now - ip_at)
        if ready_at is not None:
            self._timed("ready to config", now - ready_at)

    def snapshot(self) -> Snapshot:
        """Give the figures of this moment."""
        return Snapshot(
            cache=self._cache.counts(),
            queued=len(self._queue),
            running=len(self._running),
            stopping=len(self._stopping),
            started=self._started,
            withdrawn=self._withdrawn,
            away=clock()() - min(self._stale.values()) if self._stale else 0.0,
        )

    async def _stop(self, uid: str) -> None:
        await self._fleet.stop(uid)
        self._stopping.discard(uid)
        if self._cache.wants(uid):
            self._queue[uid] = None
            self._wake.set()

    async def _start_queued(self) -> None:
        now = clock()
        next_at = now()
        turn = 0
        while True:
            if self._frozen or not self._queue:
                self._wake.clear()
                await self._wake.wait()
                continue
            if self._rate is not None:
                wait = next_at - now()
                if wait > 0:
                    await asyncio.sleep(wait)
                    continue
                # A pause is not made up for by a burst.
                next_at = max(next_at, now() - 1) + self._rng.uniform(0.8, 1.2) / self._rate
            self._start_one(now())
            turn += 1
            if turn % _TURN == 0:
                await asyncio.sleep(0)

    def _start_one(self, now: float) -> None:
        uid = next(iter(self._queue))
        del self._queue[uid]
        if uid in self._stopping:
            # It is queued again when its former proxy has stopped.
            return
        self._fleet.start(self._spec(self._cache.pod(uid)))
        self._running.add(uid)
        self._started += 1
        ip_at, _ = self._cache.times(uid)
        if self._timed is not None and ip_at is not None:
            self._timed("ip to start", now - ip_at)

    def _set_timer(self) -> None:
        """Let the cache know when time has passed that it waits for."""
        due = None if self._frozen else self._cache.due
        if self._due_timer is not None:
            if self._due_timer.when() == due:
                return
            self._due_timer.cancel()
            self._due_timer = None
        if due is not None:
            loop = asyncio.get_running_loop()
            self._due_timer = loop.call_at(due, self._on_due, due)

    def _on_due(self, due: float) -> None:
        self._due_timer = None
        # A timer may fire a little early.
        self.apply(self._cache.tick(max(due, clock()())))

    def _thaw(self) -> None:
        self._thaw_timer = None
        self._frozen = False
        log.info("API server is back: proxies start and stop again")
        self._cache.resume(clock()())
        self._set_timer()
        self._wake.set()
