"""Many proxies on one event loop, started and stopped by key, counted as a whole."""

from __future__ import annotations

import asyncio
import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Self

from pyload.errors import UsageError
from pyload.proxies.identity import node_of
from pyload.tasks import clock
from pyload.xds.client import Client
from pyload.xds.types import short

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from random import Random
    from types import TracebackType

    from pyload.proxies.spec import ProxySpec
    from pyload.report.metrics import Metrics
    from pyload.xds.transport import Transport
    from pyload.xds.types import Push

State = Literal["connecting", "connected", "configured", "backoff"]

STOP_SECONDS: Final = 10.0
"""How long the fleet waits for proxies to close their streams."""

log = logging.getLogger("pyload")


@dataclass(slots=True)
class Counts:
    """What a fleet has come to; "ever" means at any time in the run.

    Attributes:
        wanted: Proxies started, ever.
        connected: Proxies that have had an open stream, ever.
        configured: Proxies that have received every type that they subscribed to, ever.
        reconnects: Streams that were answered, after a proxy's first such.
        failed: Proxies that died of an error in pyload itself.
        withdrawn: Proxies stopped before they were ever configured.
        connected_now: Proxies with an open stream.
        configured_now: Proxies whose open stream has brought every type.
    """

    wanted: int = 0
    connected: int = 0
    configured: int = 0
    reconnects: int = 0
    failed: int = 0
    withdrawn: int = 0
    connected_now: int = 0
    configured_now: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """How a proxy reaches its control plane.

    Attributes:
        transport: Opens streams to it.
        token: Whether it wants a token.
    """

    transport: Transport
    token: bool


class Fleet:
    """Runs proxies until they are stopped, or the context is left.

    Args:
        transport: Opens streams to the control plane; None where `route` does.
        delta: Whether the proxies speak delta; a ztunnel always does.
        tokens: Gives a bearer token for a namespace and a service account; None sends none.
        metrics: Is told what happens.
        rng: Spreads the waits between dials.
        observer: Is called with the proxy's spec and each push; it must not block.
        detail: Whether those pushes carry names and bodies.
        route: Gives the way of each proxy where they differ, instead of `transport`.
        configured: Is called with a proxy's spec when it is configured for the first time.
    """

    def __init__(
        self,
        transport: Transport | None,
        *,
        delta: bool,
        tokens: Callable[[str, str], Awaitable[str]] | None = None,
        metrics: Metrics,
        rng: Random,
        observer: Callable[[ProxySpec, Push], None] | None = None,
        detail: bool = False,
        route: Callable[[ProxySpec], Route] | None = None,
        configured: Callable[[ProxySpec], None] | None = None,
    ) -> None:
        self._configured = configured
        self._route = route or _one_way(transport)
        self._delta = delta
        self._tokens = tokens
        self._metrics = metrics
        self._rng = rng
        self._observer = observer
        self._detail = detail
        self._tasks: dict[str, asyncio.Task[None]] = {}
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
        return len(self._tasks)

    def __contains__(self, key: str) -> bool:
        return key in self._tasks

    def start(self, spec: ProxySpec) -> None:
        """Start a proxy; it runs from the loop's next turn on.

        Raises:
            UsageError: A proxy of the same key is running.
        """
        if spec.key in self._tasks:
            raise UsageError(f"proxy {spec.key} is running already")
        proxy = _Running(spec, self._metrics, self.counts, self._observer, self._configured)
        task = asyncio.create_task(self._client(spec, proxy).run(), name=f"proxy {spec.key}")
        task.add_done_callback(functools.partial(self._ended, spec.key, proxy))
        self._tasks[spec.key] = task

    async def stop(self, key: str) -> bool:
        """Stop a proxy and wait until its stream is closed; tell whether there was one.

        The key is free again at once.
        """
        task = self._tasks.pop(key, None)
        if task is None:
            return False
        await _end([task])
        return True

    async def stop_all(self) -> None:
        """Stop all proxies at the same time."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        await _end(tasks)

    def _ended(self, key: str, proxy: _Running, task: asyncio.Task[None]) -> None:
        if self._tasks.get(key) is task:
            del self._tasks[key]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # One proxy's death must not take down the others.
            log.error("proxy %s failed: %s", key, error, exc_info=error)
        proxy.end(failed=error is not None)

    def _client(self, spec: ProxySpec, proxy: _Running) -> Client:
        route, token = self._route(spec), None
        if self._tokens is not None and route.token:
            token = functools.partial(self._tokens, spec.namespace, spec.service_account)
        return Client(
            node=node_of(spec),
            node_type=spec.type,
            transport=route.transport,
            delta=self._delta,
            observer=proxy,
            token=token,
            cluster_id=spec.cluster_id,
            rng=self._rng,
            detail=self._detail,
        )


def _one_way(transport: Transport | None) -> Callable[[ProxySpec], Route]:
    assert transport is not None, "a fleet needs a transport or routes"
    route = Route(transport, token=True)
    return lambda _: route


class _Running:
    """Counts what happens to one proxy; the observer of its client."""

    __slots__ = (
        "_answered",
        "_clock",
        "_counts",
        "_ever_answered",
        "_ever_configured",
        "_ever_connected",
        "_metrics",
        "_observer",
        "_on_configured",
        "_spec",
        "_started",
        "_state",
    )

    def __init__(
        self,
        spec: ProxySpec,
        metrics: Metrics,
        counts: Counts,
        observer: Callable[[ProxySpec, Push], None] | None,
        on_configured: Callable[[ProxySpec], None] | None,
    ) -> None:
        self._spec = spec
        self._on_configured = on_configured
        self._metrics = metrics
        self._counts = counts
        self._observer = observer
        self._state: State | None = None
        self._answered = False
        self._ever_answered = False
        self._ever_connected = False
        self._ever_configured = False
        self._clock = clock()
        self._started = self._clock()
        counts.wanted += 1

    def connecting(self) -> None:
        self._enter("connecting")

    def connected(self, seconds: float) -> None:
        self._enter("connected")
        self._metrics.connect.record(seconds)
        self._answered = False
        if not self._ever_connected:
            self._ever_connected = True
            self._counts.connected += 1

    def push(self, push: Push) -> None:
        if not self._answered:
            self._answered = True
            # A stream that istiod's limiter refuses was open too, for a moment.
            self._counts.reconnects += self._ever_answered
            self._ever_answered = True
        self._metrics.push(self._spec.type, short(push.type_url), push.size)
        if self._observer is not None:
            self._observer(self._spec, push)

    def configured(self, seconds: float) -> None:
        del seconds  # its dial's; the first config is measured from the start, with all retries
        self._enter("configured")
        if not self._ever_configured:
            self._ever_configured = True
            self._counts.configured += 1
            self._metrics.first_config.record(self._clock() - self._started)
            if self._on_configured is not None:
                self._on_configured(self._spec)

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        del detail, retry_in
        self._enter("backoff")
        self._metrics.disconnect(reason)

    def end(self, *, failed: bool) -> None:
        if _is_open(self._state):
            self._metrics.disconnect("failed" if failed else "local")
        self._counts.failed += failed
        self._counts.withdrawn += not (failed or self._ever_configured)
        self._enter(None)

    def _enter(self, state: State | None) -> None:
        before, self._state = self._state, state
        if state is before:
            return
        self._metrics.proxy(self._spec.type, before, state)
        counts = self._counts
        counts.configured_now += (state == "configured") - (before == "configured")
        counts.connected_now += _is_open(state) - _is_open(before)


def _is_open(state: State | None) -> bool:
    return state in ("connected", "configured")


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        _, left = await asyncio.wait(running, timeout=STOP_SECONDS)
        for task in left:
            log.warning("%s did not close its stream in %g s", task.get_name(), STOP_SECONDS)
