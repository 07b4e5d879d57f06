"""Starts and stops proxies until a fleet equals what the pod cache says should run.

Stops happen at once. Starts go through a queue, which the task in `Reconciler.run` empties some at
a time, so that a cluster of thousands of pods does not hold up the event loop; a pod that ends
before its turn leaves the queue again. A proxy whose predecessor (of the same pod, with another IP)
is still closing is queued once more when that has closed.

While a watch is stale, the cache may be out of date. Then no proxy starts, and none stops because
time has passed: real sidecars would go on, too. Only deletions that another watch still shows are
acted upon. When all watches are back, what was missed gets a moment to arrive before anything else
happens.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from pyload.tasks import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pyload.pods.cache import PodCache
    from pyload.pods.pod_table import Changes
    from pyload.proxies.spec import ProxySpec

SETTLE_SECONDS: Final = 1.0
"""How long missed events may take to arrive after the API server answers again."""

_BATCH: Final = 20
"""Proxies that are started in a row before other tasks get their turn."""

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
    """The fleet at one moment.

    Attributes:
        queued: Proxies that should run, and wait for their turn to start.
        running: Proxies that were started and not stopped.
        stopping: Proxies that are being stopped.
        started: Proxies started, ever.
        withdrawn: Pods that ended before it was their proxy's turn, ever.
        away: Seconds since the API server stopped answering; 0 while it does.
    """

    queued: int
    running: int
    stopping: int
    started: int
    withdrawn: int
    away: float


class Reconciler:
    """Keeps a fleet equal to a pod cache.

    Args:
        cache: The proxies that should run; all `Changes` that it returns must be given to `apply`.
        fleet: Runs the proxies; those of pods are started and stopped from here alone.
        timed: Called with durations in seconds: from a pod's IP to its proxy's start and to its
            first full config, and from its readiness to that.
    """

    def __init__(
        self,
        cache: PodCache,
        fleet: FleetLike,
        *,
        timed: Callable[[Timed, float], None] | None = None,
    ) -> None:
        self._cache = cache
        self._fleet = fleet
        self._timed = timed
        self._now = clock()
        # UIDs of pods whose proxies should start, in order; a set would lose the order.
        self._queue: dict[str, None] = {}
        # Set when there may be something to start.
        self._wake = asyncio.Event()
        self._running: set[str] = set()
        self._stopping: set[str] = set()
        self._started = 0
        self._withdrawn = 0
        # Watches that may have missed something, and since when.
        self._stale: dict[str, float] = {}
        # Whether a watch is stale, or was until a moment ago.
        self._frozen = False
        self._thaw_timer: asyncio.TimerHandle | None = None
        # Fires when the cache is due; on uvloop it has no `when` if that is already over.
        self._due_timer: asyncio.Handle | None = None
        self._due = 0.0
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Start and stop proxies until cancelled, and then leave them as they are."""
        try:
            async with asyncio.TaskGroup() as self._group:
                while True:
                    if self._frozen or not self._queue:
                        self._wake.clear()
                        await self._wake.wait()
                    else:
                        self._start_batch()
                        await asyncio.sleep(0)
        finally:
            self._group = None
            for timer in (self._due_timer, self._thaw_timer):
                if timer is not None:
                    timer.cancel()

    def apply(self, changes: Changes) -> None:
        """Stop proxies, and queue others for their start."""
        for uid in changes.stop:
            if uid in self._queue:
                del self._queue[uid]
                self._withdrawn += uid not in changes.start
            if uid in self._running:
                self._running.discard(uid)
                self._stopping.add(uid)
                assert self._group is not None
                self._group.create_task(self._stop(uid), name=f"stop-pod[{uid}]")
        for uid in changes.start:
            self._queue[uid] = None
        if changes.start:
            self._wake.set()
        self._set_due_timer()

    def set_stale(self, watch: str, *, stale: bool) -> None:
        """Record that a watch has gone stale, or is up to date again.

        Args:
            watch: Which watch.
            stale: Whether it may have missed something.
        """
        if self._thaw_timer is not None:
            self._thaw_timer.cancel()
            self._thaw_timer = None
        if stale:
            self._stale.setdefault(watch, self._now())
            if not self._frozen:
                self._frozen = True
                log.info("API server is away: %d proxies stay as they are", len(self._running))
                self._set_due_timer()
            return
        self._stale.pop(watch, None)
        if self._frozen and not self._stale:
            loop = asyncio.get_running_loop()
            self._thaw_timer = loop.call_later(SETTLE_SECONDS, self._thaw)

    def on_configured(self, uid: str) -> None:
        """Time a pod whose proxy has its first full config; call it once after each start."""
        if self._timed is None:
            return
        now = self._now()
        ip_at, ready_at = self._cache.pods.times(uid)
        if ip_at is not None:
            self._timed("ip to config", now - ip_at)
        if ready_at is not None:
            self._timed("ready to config", now - ready_at)

    def snapshot(self) -> Snapshot:
        """Return the figures of this moment."""
        return Snapshot(
            queued=len(self._queue),
            running=len(self._running),
            stopping=len(self._stopping),
            started=self._started,
            withdrawn=self._withdrawn,
            away=self._now() - min(self._stale.values()) if self._stale else 0.0,
        )

    async def _stop(self, uid: str) -> None:
        await self._fleet.stop(uid)
        self._stopping.discard(uid)
        if self._cache.pods.wants(uid):
            self._queue[uid] = None
            self._wake.set()

    def _start_batch(self) -> None:
        """Start the first proxies of the queue: one turn of the loop in `run`."""
        now = self._now()
        for uid in list(itertools.islice(self._queue, _BATCH)):
            del self._queue[uid]
            # Otherwise it is queued again when its former proxy has stopped.
            if uid not in self._stopping:
                self._start(uid, now)

    def _start(self, uid: str, now: float) -> None:
        self._fleet.start(self._cache.spec(uid))
        self._running.add(uid)
        self._started += 1
        ip_at, _ = self._cache.pods.times(uid)
        if self._timed is not None and ip_at is not None:
            self._timed("ip to start", now - ip_at)

    def _set_due_timer(self) -> None:
        """Have the cache called when time has passed that it waits for."""
        due = None if self._frozen else self._cache.due
        if self._due_timer is not None:
            if self._due == due:
                return
            self._due_timer.cancel()
            self._due_timer = None
        if due is not None:
            loop = asyncio.get_running_loop()
            self._due_timer = loop.call_at(due, self._on_due, due)
            self._due = due

    def _on_due(self, due: float) -> None:
        self._due_timer = None
        # A timer may fire a little early.
        self.apply(self._cache.tick(max(due, self._now())))

    def _thaw(self) -> None:
        self._thaw_timer = None
        self._frozen = False
        log.info("API server is back: proxies start and stop again")
        self._cache.resume(self._now())
        self._set_due_timer()
        self._wake.set()
