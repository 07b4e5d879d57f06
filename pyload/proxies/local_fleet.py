"""Many proxies on one event loop, started and stopped by key, counted as a whole."""

from __future__ import annotations

import asyncio
import logging
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from pyload.errors import UsageError
from pyload.proxies.behavior import DEFAULT
from pyload.proxies.connect import connect_proxy
from pyload.proxies.counts import FleetCounts
from pyload.proxies.dial_rate import DialRate
from pyload.proxies.dial_scheduler import DialScheduler
from pyload.proxies.fleet import NO_EVENTS
from pyload.proxies.identity import DEFAULT as FULL_NODES
from pyload.proxies.identity import NodeEncoder
from pyload.proxies.late import MAX_LATE, Late
from pyload.proxies.monitor import ProxyMonitor, StopLatch
from pyload.report.pacing import Pacing
from pyload.tasks import clock
from pyload.timer_heap import TimerHeap
from pyload.xds.prefix_cache import PREFIX_CACHE
from pyload.xds.response_cache import RESPONSE_CACHE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from random import Random
    from types import TracebackType

    from pyload.proxies.behavior import ProxyBehavior
    from pyload.proxies.fleet import FleetEvents
    from pyload.proxies.identity import NodeOptions
    from pyload.proxies.spec import ProxySpec
    from pyload.report.metrics import Metrics
    from pyload.xds.client import Channel
    from pyload.xds.credentials import Principal

STOP_SECONDS: Final = 10.0
"""How long the fleet waits for proxies to close their streams."""

COUNT_SECONDS: Final = 1.0
"""How often the proxies that are starting are counted, for those who look on meanwhile."""

STARTING_SECONDS: Final = 5.0
"""How long a proxy may be without its first config, at least, before it counts as late."""

log = logging.getLogger("pyload")


class LocalFleet:
    """Runs proxies in this process until they are stopped, or the context is left.

    Args:
        resolver: Resolves a proxy's principal to the channel of its next dial.
        delta: Whether the proxies speak delta; a ztunnel always does.
        metrics: Records what happens.
        rng: Spreads the waits between dials.
        events: Hears of the proxies.
        behavior: How the proxies behave.
        node: How their nodes look.
        with_resources: Whether pushes carry names and bodies, and go to `events`.
        run_id: The run whose marks are reported; see `pyload.xds.marks`.
        ready: Returns once proxies may connect, awaited by `run`; None where they may at once.

    Attributes:
        metrics: As above.
        events: As above.
        with_resources: As above.
        run_id: As above.
        nodes: Encodes the nodes of the proxies.
        now: Returns the loop's time in seconds.
        counts: How many proxies there are in each state, and were.
    """

    def __init__(
        self,
        resolver: Callable[[Principal], Channel | Awaitable[Channel]],
        *,
        delta: bool,
        metrics: Metrics,
        rng: Random,
        events: FleetEvents = NO_EVENTS,
        behavior: ProxyBehavior = DEFAULT,
        node: NodeOptions = FULL_NODES,
        with_resources: bool = False,
        run_id: str = "",
        ready: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._resolver = resolver
        self._ready = ready
        self._delta = delta
        self._rng = rng
        self._behavior = behavior
        self.metrics = metrics
        metrics.caches = _caches
        self.events = events
        self.with_resources = with_resources
        self.run_id = run_id
        self.nodes = NodeEncoder(node)
        self.now = clock()
        self.counts = FleetCounts()
        self._running: dict[str, ProxyMonitor] = {}
        self._scheduler = DialScheduler(
            DialRate(behavior.connect_rate, rng=rng),
            timers=TimerHeap(),
            clock=self.now,
            limit=behavior.dialling,
            held=ready is not None,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop_all()

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, key: str) -> bool:
        return key in self._running

    def worker_of(self, key: str) -> int | None:
        """Return None: there are no workers."""
        del key
        return None

    @property
    def pacing(self) -> Pacing:
        """How fast proxies may connect."""
        rate = self._scheduler.rate
        return Pacing(rate.refusals, rate.rate, self._scheduler.waiting)

    def start(self, spec: ProxySpec, *, restarted: bool = False) -> None:
        """Start a proxy.

        Args:
            spec: The proxy.
            restarted: Whether it was configured before, in a process that is gone, so that nothing
                that is counted once for a proxy is counted again.

        Raises:
            UsageError: A proxy of the same key is running.
        """
        if spec.key in self._running:
            raise UsageError(f"proxy {spec.key} is running already")
        proxy = ProxyMonitor(spec, self, restarted=restarted)
        self._running[spec.key] = proxy
        self.counts.wanted += not restarted
        self.counts.starting += not restarted
        proxy.client = connect_proxy(
            spec,
            self._resolver,
            self._scheduler,
            observer=proxy,
            rng=self._rng,
            delta=self._delta,
            nodes=self.nodes,
            behavior=self._behavior,
            with_resources=self.with_resources,
        )
        proxy.client.start()

    def stop(self, key: str) -> Coroutine[Any, Any, bool]:
        """Stop a proxy at once, and return a coroutine that waits until its stream is closed.

        The coroutine returns whether there was such a proxy. The key is free again before it runs.
        """
        proxy = self._running.pop(key, None)
        if proxy is not None:
            proxy.stop()
            self.events.on_stopped(proxy.spec)
        return self._stopped(proxy)

    async def stop_all(self) -> None:
        """Stop all proxies at the same time; none can start any more."""
        self._scheduler.close()
        running = list(self._running.values())
        self._running.clear()
        for proxy in running:
            proxy.stop()
        self.count_starting()
        await self._wait(running)

    async def refresh(self) -> None:
        """Count the proxies that are starting, and the pushes that are over.

        All other counts are always those of this moment.
        """
        self.count_starting()
        self.metrics.spreads.advance(self.now())

    def count_starting(self) -> None:
        """Count the proxies that have no config yet, and of which none is due."""
        counts, first_config = self.counts, self.metrics.first_config
        counts.starting = counts.starting_connected = 0
        if counts.configured_now == len(self._running):
            return
        usual = first_config.percentile(99) if first_config.count else 0.0
        since = self.now() - max(STARTING_SECONDS, usual)
        for proxy in self._running.values():
            if proxy.is_starting(since):
                counts.starting += not proxy.is_connected
                counts.starting_connected += proxy.is_connected

    def late(self) -> list[Late]:
        """Return some of the proxies that are not configured."""
        late = (proxy for proxy in self._running.values() if proxy.lack)
        return [
            Late(f"{proxy.spec.namespace}/{proxy.spec.name}", proxy.lack)
            for proxy in islice(late, MAX_LATE)
        ]

    def learn_version(self, version: str) -> None:
        """Record the control plane's version of Istio, for proxies of which nothing says it."""
        self.nodes.learn(version)

    async def run(self) -> NoReturn:
        """Let proxies connect, and count those that are starting until cancelled.

        It never fails: proxies of a local fleet do so one by one.
        """
        if self._ready is not None:
            await self._ready()
            for proxy in self._running.values():
                proxy.released()
            self._scheduler.release()
        while True:
            await asyncio.sleep(COUNT_SECONDS)
            self.count_starting()

    # For the monitors of its proxies.

    def on_ended(self, proxy: ProxyMonitor, error: BaseException | None) -> None:
        """Forget a proxy that has ended."""
        key = proxy.spec.key
        ran = self._running.get(key) is proxy
        if ran:
            del self._running[key]
        if error is not None:
            # One proxy's death must not take down the others.
            log.error("proxy %s failed: %s", key, error, exc_info=error)
            if ran:
                self.events.on_died(proxy.spec)

    async def _stopped(self, proxy: ProxyMonitor | None) -> bool:
        if proxy is None:
            return False
        await self._wait([proxy])
        return True

    async def _wait(self, proxies: list[ProxyMonitor]) -> None:
        left = [proxy for proxy in proxies if not proxy.over]
        if left:
            waiter = asyncio.get_running_loop().create_future()
            latch = StopLatch(set(left), waiter)
            for proxy in left:
                proxy.latch = latch
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await waiter
            except TimeoutError:
                for proxy in latch.left:
                    log.warning(
                        "proxy %s did not close its stream in %g s", proxy.spec.key, STOP_SECONDS
                    )


def _caches() -> dict[str, int]:
    return {
        "messages": PREFIX_CACHE.size,
        "responses": RESPONSE_CACHE.size,
        "resources": RESPONSE_CACHE.decoder.size,
    }
