"""One proxy for use from Python: connect, and iterate over what the control plane sends."""

from __future__ import annotations

import asyncio
from collections import deque
from random import Random
from typing import TYPE_CHECKING, Self

from pyload.errors import UsageError
from pyload.proxies.channels import ChannelResolver, TransportCache, transport_factory
from pyload.proxies.connect import connect_proxy, loop_scheduler
from pyload.proxies.identity import NodeEncoder
from pyload.proxies.targets import TargetResolver
from pyload.xds.credentials import infer, uses_certificate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from pyload.proxies.spec import ProxySpec
    from pyload.xds.client import Client
    from pyload.xds.tls import TlsConfig
    from pyload.xds.transport import Transport
    from pyload.xds.types import Push, Received


class Proxy:
    """Runs one proxy while its context is open; iterate over it for the pushes.

    ::

        async with Proxy(spec, "localhost:15010") as proxy:
            async for push in proxy:
                print(push.type_url, push.names)

    The proxy connects again whenever its stream ends, so the iteration ends only with the context.
    A consumer that is slower than the control plane loses the oldest pushes.

    Args:
        spec: The proxy.
        address: ``HOST:PORT`` of the control plane.
        delta: Whether to speak delta instead of SotW.
        auth: ``plaintext``, ``jwt``, ``plaintext-jwt``, or ``mtls`` together with a `transport`;
            empty leaves it to the port.
        token: Returns the bearer token of the next stream; needed for the modes with one.
        transport: Opens the streams; None for pyload's own to `address`.
        with_resources: Whether pushes carry names and bodies.
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
        with_resources: bool = True,
        buffer: int = 256,
    ) -> None:
        mode = infer(auth, address)
        if uses_certificate(mode) and transport is None:
            raise UsageError(
                "a Proxy gets no certificate by itself", fix="pass a transport that shows one"
            )
        self._spec = spec
        self._delta = delta
        self._with_resources = with_resources
        targets = TargetResolver(
            address=address,
            auth=mode,
            tokens=None if token is None else lambda _namespace, _account: token(),
        )
        create = transport_factory("lean", {})
        if transport is not None:

            def create(_address: str, _tls: TlsConfig | None) -> Transport:
                return transport

        self._resolver = ChannelResolver(targets, TransportCache(create))
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
        self._client = connect_proxy(
            self._spec,
            self._resolver,
            loop_scheduler(),
            observer=self._inbox,
            rng=Random(),  # noqa: S311 - spreads retries
            delta=self._delta,
            nodes=NodeEncoder(),
            with_resources=self._with_resources,
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
        """Return whether the proxy lives; raise the error if it died of one."""
        if self._client is None:
            raise UsageError("the proxy has not started", fix="use it as `async with Proxy(…)`")
        if self._inbox.error is not None:
            raise self._inbox.error
        return not self._inbox.over.is_set()


class _Inbox:
    """Keeps the client's pushes until the consumer asks for them."""

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

    def push(self, received: Received) -> None:
        self.last_error = ""
        self.dropped += len(self.pushes) == self.pushes.maxlen
        self.pushes.append(received.push)
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
