"""One proxy for use from Python: connect, and iterate over what the control plane sends."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from random import Random
from typing import TYPE_CHECKING, Self

from pyload.errors import UsageError
from pyload.proxies.dial_rate import DialRate
from pyload.proxies.dial_scheduler import DialScheduler
from pyload.proxies.identity import name_of, node_of
from pyload.proxies.targets import transport_factory
from pyload.tasks import clock
from pyload.timer_heap import Timers
from pyload.xds.client import Channel, Client, bearer
from pyload.xds.credentials import infer, uses_certificate, uses_tls, uses_token
from pyload.xds.delta import Delta
from pyload.xds.node import ZTUNNEL
from pyload.xds.sotw import Sotw
from pyload.xds.tls import TlsConfig

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from pyload.proxies.spec import ProxySpec
    from pyload.xds.transport import Transport
    from pyload.xds.types import Push


class Proxy:
    """Runs one proxy while its context is open; iterate over it for the pushes.

    ::

        async with Proxy(spec, "localhost:15010") as proxy:
            async for push in proxy:
                print(push.type_url, push.names)

    The proxy connects again whenever its stream ends, so the iteration ends only with the context.
    A consumer that is slower than the control plane loses the oldest pushes.

    Args:
        spec: Who the proxy is.
        address: ``HOST:PORT`` of the control plane.
        delta: Whether to speak delta instead of SotW.
        auth: ``plaintext``, ``jwt``, ``plaintext-jwt``, or ``mtls`` together with a `transport`;
            empty leaves it to the port.
        token: Gives a bearer token for each stream; needed for the modes with one.
        transport: Opens the streams; pyload's own of `address` if there is none.
        detail: Whether pushes carry names and bodies.
        buffer: Pushes that wait for the consumer at most.
    """

    def __init__(
        self,
        spec: ProxySpec,
        address: str,
        *,
        delta: bool = True,
        auth: str = "plaintext",
        token: Callable[[], Awaitable[str]] | None = None,
        transport: Transport | None = None,
        detail: bool = True,
        buffer: int = 256,
    ) -> None:
        mode = infer(auth, address)
        if uses_certificate(mode) and transport is None:
            raise UsageError(
                "a Proxy gets no certificate by itself", fix="pass a transport that shows one"
            )
        self._spec = spec
        self._address = address
        self._secure = uses_tls(mode)
        self._delta = delta or spec.type == ZTUNNEL
        self._detail = detail
        self._token = token if uses_token(mode) else None
        self._transport = transport
        self._inbox = _Inbox(buffer)
        self._client: Client | None = None

    @property
    def dropped(self) -> int:
        """Pushes that the consumer was too slow for."""
        return self._inbox.dropped

    @property
    def last_error(self) -> str:
        """Why the last dial failed or the last stream ended; empty while all is well."""
        return self._inbox.last_error

    async def __aenter__(self) -> Self:
        spec, rng, timers = self._spec, Random(), Timers()  # noqa: S311 - spreads retries
        if self._transport is None:
            connect = transport_factory("lean", {})
            self._transport = connect(self._address, TlsConfig() if self._secure else None)
        self._client = Client(
            node=functools.partial(node_of, spec),
            name=name_of(spec),
            protocol=Delta(node_type=spec.type, detail=self._detail)
            if self._delta
            else Sotw(detail=self._detail),
            delta=self._delta,
            resolve=self._way,
            observer=self._inbox,
            scheduler=DialScheduler(DialRate(None, rng=rng), timers=timers, clock=clock()),
            timers=timers,
            clock=clock(),
            rng=rng,
        )
        self._client.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._client is not None
        self._client.stop()
        await self._inbox.over.wait()

    def _way(self) -> Channel | Awaitable[Channel]:
        assert self._transport is not None
        return (
            Channel(self._transport, secure=self._secure)
            if self._token is None
            else self._way_with(self._token())
        )

    async def _way_with(self, coming: Awaitable[str]) -> Channel:
        assert self._transport is not None
        metadata = bearer(await coming, self._spec.cluster_id)
        return Channel(self._transport, metadata, secure=self._secure)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Push:
        while not self._inbox.pushes:
            if not self._running():
                raise StopAsyncIteration
            self._inbox.ready.clear()
            await self._inbox.ready.wait()
        return self._inbox.pushes.popleft()

    async def wait_configured(self) -> None:
        """Wait until the proxy has received every type that it subscribed to.

        Raises:
            UsageError: The context has been left meanwhile.
        """
        if self._running():
            await self._inbox.was_configured.wait()
        if not self._running():
            raise UsageError("the proxy has stopped", fix="keep its context open")

    def _running(self) -> bool:
        """Tell whether the proxy lives; if it has died of an error, raise that."""
        if self._client is None:
            raise UsageError("the proxy has not started", fix="use it as `async with Proxy(…)`")
        if self._inbox.error is not None:
            raise self._inbox.error
        return not self._inbox.over.is_set()


class _Inbox:
    """Keeps what the client observes until the consumer takes it."""

    def __init__(self, size: int) -> None:
        self.pushes: deque[Push] = deque(maxlen=size)
        self.dropped = 0
        self.last_error = ""
        self.ready = asyncio.Event()
        self.was_configured = asyncio.Event()
        self.over = asyncio.Event()
        self.error: BaseException | None = None

    def connecting(self) -> None:
        pass

    def connected(self, seconds: float) -> None:
        pass

    def push(self, push: Push) -> None:
        self.last_error = ""
        self.dropped += len(self.pushes) == self.pushes.maxlen
        self.pushes.append(push)
        self.ready.set()

    def configured(self, seconds: float) -> None:
        del seconds
        self.was_configured.set()

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        del retry_in
        self.last_error = f"{reason}: {detail}"

    def ended(self, error: BaseException | None) -> None:
        self.error = error
        self.over.set()
        self.ready.set()
        self.was_configured.set()
