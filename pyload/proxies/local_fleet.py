"""Many proxies on one event loop, started and stopped by key, counted as a whole."""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from pyload.errors import UsageError
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.proxies.counts import Counts
from pyload.proxies.dial_rate import DialRate
from pyload.proxies.dial_scheduler import DialScheduler
from pyload.proxies.identity import name_of, node_of
from pyload.proxies.monitor import ProxyMonitor, StopLatch
from pyload.report.pacing import Pacing
from pyload.tasks import clock
from pyload.timer_heap import Timers
from pyload.xds.client import Channel, Client, bearer
from pyload.xds.delta import Delta
from pyload.xds.node import ENVOYS, ZTUNNEL
from pyload.xds.prefix_cache import PREFIX_CACHE
from pyload.xds.response_cache import RESPONSE_CACHE
from pyload.xds.sotw import Sotw

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from random import Random
    from types import TracebackType

    from pyload.proxies.spec import ProxySpec
    from pyload.report.metrics import Metrics
    from pyload.xds.transport import Transport
    from pyload.xds.types import Push

STOP_SECONDS: Final = 10.0
"""How long the fleet waits for proxies to close their streams."""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Route:
    """How a proxy reaches its control plane.

    Attributes:
        transport: Opens streams to it.
        token: Whether it wants a token.
        secure: Whether it is over TLS.
        bearer: The token, where it is known already.
    """

    transport: Transport
    token: bool
    secure: bool = False
    bearer: str = ""


class LocalFleet:
    """Runs proxies until they are stopped, or the context is left.

    Args:
        transport: Opens streams to the control plane; None where `route` does.
        delta: Whether the proxies speak delta; a ztunnel always does.
        tokens: Gives a bearer token for a namespace and a service account, at once if it has one;
            None sends none.
        metrics: Is told what happens.
        rng: Spreads the waits between dials.
        observer: Is called with the proxy's spec and each push; it must not block.
        detail: Whether those pushes carry names and bodies.
        route: Gives the way of each proxy where they differ, instead of `transport`; asked for
            each dial.
        configured: Is called with a proxy's spec when it is configured for the first time.
        died: Is called with a proxy's spec when it has died of an error in pyload itself.
        behavior: How the proxies behave.
    """

    def __init__(
        self,
        transport: Transport | None,
        *,
        delta: bool,
        tokens: Callable[[str, str], str | Awaitable[str]] | None = None,
        metrics: Metrics,
        rng: Random,
        observer: Callable[[ProxySpec, Push], None] | None = None,
        detail: bool = False,
        route: Callable[[ProxySpec], Route | Awaitable[Route]] | None = None,
        configured: Callable[[ProxySpec], None] | None = None,
        died: Callable[[ProxySpec], None] | None = None,
        behavior: ProxyBehavior = DEFAULT,
    ) -> None:
        self._configured = configured
        self._died = died
        self._route = route or _one_way(transport)
        self._delta = delta
        self._tokens = tokens
        self.metrics = metrics
        metrics.caches = _caches
        self._rng = rng
        self.observer = observer
        self._detail = detail
        self._behavior = behavior
        self._running: dict[str, ProxyMonitor] = {}
        self._clock = clock()
        self._timers = Timers()
        self._dial_rate = DialRate(behavior.connect_rate, rng=rng)
        self._scheduler = DialScheduler(
            self._dial_rate, timers=self._timers, clock=self._clock, limit=behavior.dialling
        )
        self.counts = Counts()

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

    @property
    def pacing(self) -> Pacing:
        """How fast proxies may connect."""
        return Pacing(self._dial_rate.refusals, self._dial_rate.rate)

    def start(self, spec: ProxySpec, *, again: bool = False) -> None:
        """Start a proxy.

        Args:
            spec: The proxy.
            again: Whether it has been configured before, in a process that is gone, so that
                nothing that is counted once for a proxy is counted again.

        Raises:
            UsageError: A proxy of the same key is running.
        """
        if spec.key in self._running:
            raise UsageError(f"proxy {spec.key} is running already")
        proxy = ProxyMonitor(spec, self, again=again)
        self._running[spec.key] = proxy
        self.counts.wanted += not again
        proxy.client = self._client(spec, proxy)
        proxy.client.start()

    def stop(self, key: str) -> Coroutine[Any, Any, bool]:
        """Stop a proxy at once; what is returned waits until its stream is closed.

        It gives whether there was such a proxy. The key is free again before it is awaited.
        """
        proxy = self._running.pop(key, None)
        if proxy is not None:
            proxy.stop()
        return self._ended(proxy)

    async def refresh(self) -> None:
        """Do nothing: the counts of a fleet are always those of this moment."""

    async def run(self) -> NoReturn:
        """Wait until cancelled: the proxies of a fleet fail one by one only."""
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def _ended(self, proxy: ProxyMonitor | None) -> bool:
        if proxy is None:
            return False
        await self._wait([proxy])
        return True

    async def stop_all(self) -> None:
        """Stop all proxies at the same time; none can start any more."""
        self._scheduler.close()
        running = list(self._running.values())
        self._running.clear()
        for proxy in running:
            proxy.stop()
        await self._wait(running)

    async def _wait(self, proxies: list[ProxyMonitor]) -> None:
        left = [proxy for proxy in proxies if not proxy.over]
        if left:
            waiter = asyncio.get_running_loop().create_future()
            group = StopLatch(set(left), waiter)
            for proxy in left:
                proxy.last = group
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await waiter
            except TimeoutError:
                for proxy in group.left:
                    log.warning(
                        "proxy %s did not close its stream in %g s", proxy.spec.key, STOP_SECONDS
                    )

    def now(self) -> float:
        """Give the loop's time in seconds; for its proxies."""
        return self._clock()

    def first_configured(self, spec: ProxySpec) -> None:
        """Tell that a proxy is configured for the first time; for its proxies."""
        if self._configured is not None:
            self._configured(spec)

    def forget(self, proxy: ProxyMonitor, error: BaseException | None) -> None:
        """Take the end of a proxy; for its proxies."""
        key = proxy.spec.key
        ran = self._running.get(key) is proxy
        if ran:
            del self._running[key]
        if error is not None:
            # One proxy's death must not take down the others.
            log.error("proxy %s failed: %s", key, error, exc_info=error)
            if ran and self._died is not None:
                self._died(proxy.spec)

    def _client(self, spec: ProxySpec, proxy: ProxyMonitor) -> Client:
        behavior = self._behavior
        delta = self._delta or spec.type == ZTUNNEL
        agent_types = behavior.agent_types if spec.type in ENVOYS else ()
        nack = behavior.refuses(spec.key)
        protocol = (
            Delta(node_type=spec.type, detail=self._detail, agent_types=agent_types, nack=nack)
            if delta
            else Sotw(detail=self._detail, agent_types=agent_types, nack=nack)
        )
        return Client(
            node=functools.partial(node_of, spec),
            name=name_of(spec),
            protocol=protocol,
            delta=delta,
            resolve=functools.partial(self._way, spec),
            observer=proxy,
            scheduler=self._scheduler,
            timers=self._timers,
            clock=self._clock,
            rng=self._rng,
            read_delay=behavior.read_delay if behavior.is_slow(spec.key) else 0.0,
        )

    def _way(self, spec: ProxySpec) -> Channel | Awaitable[Channel]:
        route = self._route(spec)
        if not isinstance(route, Route):
            return self._way_when(spec, route)
        token = self._token(spec, route)
        if isinstance(token, str):
            return _way(route, token, spec)
        return self._way_with(spec, route, token)

    async def _way_when(self, spec: ProxySpec, coming: Awaitable[Route]) -> Channel:
        route = await coming
        token = self._token(spec, route)
        return _way(route, token if isinstance(token, str) else await token, spec)

    async def _way_with(self, spec: ProxySpec, route: Route, coming: Awaitable[str]) -> Channel:
        return _way(route, await coming, spec)

    def _token(self, spec: ProxySpec, route: Route) -> str | Awaitable[str]:
        if route.bearer or self._tokens is None or not route.token:
            return route.bearer
        return self._tokens(spec.namespace, spec.service_account)


def _way(route: Route, token: str, spec: ProxySpec) -> Channel:
    metadata = bearer(token, spec.cluster_id) if token else ()
    return Channel(route.transport, metadata, secure=route.secure)


def _caches() -> dict[str, int]:
    return {
        "messages": PREFIX_CACHE.size,
        "responses": RESPONSE_CACHE.size,
        "resources": RESPONSE_CACHE.decoder.size,
    }


def _one_way(transport: Transport | None) -> Callable[[ProxySpec], Route]:
    assert transport is not None, "a fleet needs a transport or routes"
    route = Route(transport, token=True)
    return lambda _: route
