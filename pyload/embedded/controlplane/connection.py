"""One proxy's open stream: requests in their order, and pushes merged while the proxy is slow.

The task that serves the stream reads requests into a queue; a second task answers them one after
the other and then sends the pending push, and ends when there is nothing left to do, so that idle
proxies have one task each. While a response is being sent, further pushes are merged into one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import StreamError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pyload.embedded.controlplane.connected_proxy import ConnectedProxy, WorkloadIdentity
    from pyload.embedded.controlplane.controlplane import ControlPlane
    from pyload.embedded.controlplane.push_scope import PushRequest
    from pyload.embedded.controlplane.snapshot import Audience
    from pyload.embedded.controlplane.stream import ServerStream, XdsReply

# Requests that wait while a response is being sent. A proxy sends few per response it has read.
_WAITING: Final = 1000


class StreamPeer(Protocol):
    """The proxy's end of a stream, on any transport."""

    async def recv(self) -> bytes | None:
        """Wait for the next request; None once the proxy sends no more."""
        ...

    async def send(self, message: bytes) -> None:
        """Send a response; returns once there is room for the next.

        Raises:
            StreamError: The proxy is gone.
        """
        ...


class ProxyConnection:
    """Serves one stream.

    Args:
        hub: The control plane.
        peer: The proxy.
        stream: The protocol's state.
        authenticate: Returns the identity of the peer; None if no proof is needed.

    Attributes:
        stream: The protocol's state.
        verified: Whether its identity is proven and, for a gateway, may list Secrets.
        audience: The proxy's audience as of the last response; None before the first.
    """

    __slots__ = (
        "_authenticate",
        "_hub",
        "_identity",
        "_inbox",
        "_offered",
        "_peer",
        "_pending",
        "_tasks",
        "_worker",
        "audience",
        "stream",
        "verified",
    )

    def __init__(
        self,
        hub: ControlPlane,
        peer: StreamPeer,
        stream: ServerStream,
        *,
        authenticate: Callable[[], Awaitable[WorkloadIdentity]] | None,
    ) -> None:
        self.stream = stream
        self.audience: Audience | None = None
        self.verified = False
        self._hub = hub
        self._peer = peer
        self._authenticate = authenticate
        self._identity: WorkloadIdentity | None = None
        self._inbox: deque[bytes] = deque()
        self._pending: PushRequest | None = None
        # Begin of the first of the pending pushes.
        self._offered = 0.0
        self._tasks: asyncio.TaskGroup | None = None
        self._worker: asyncio.Task[None] | None = None

    @property
    def proxy(self) -> ConnectedProxy:
        """The proxy; known from its first request on."""
        assert self.stream.proxy is not None, "only connections that have joined are asked"
        return self.stream.proxy

    async def run(self) -> None:
        """Serve the stream until the proxy ends it.

        Raises:
            StreamError: The stream must end with this status.
        """
        if self._authenticate is not None:
            self._identity = await self._authenticate()
        failures: tuple[BaseException, ...] = ()
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                try:
                    await self._read()
                finally:
                    self._tasks = None
        except* StreamError as errors:
            failures = errors.exceptions
        finally:
            self._hub.leave(self)
        if failures:
            raise failures[0]

    def offer(self, push: PushRequest, began: float) -> None:
        """Push changes to the proxy, once it has read all earlier responses.

        Args:
            push: The changes.
            began: When their push began.
        """
        if self._pending is None:
            self._pending, self._offered = push, began
        else:
            self._pending = self._pending.merge(push)
        self._wake()

    async def _read(self) -> None:
        while (message := await self._peer.recv()) is not None:
            if len(self._inbox) >= _WAITING:
                raise StreamError(
                    code=8, name="RESOURCE_EXHAUSTED", message="the proxy reads no responses"
                )
            self._inbox.append(message)
            self._wake()
        if self._worker is not None:
            self._worker.cancel()

    def _wake(self) -> None:
        # Idle connections have no task but the one that waits for requests.
        if self._worker is None and self._tasks is not None:
            self._worker = self._tasks.create_task(self._work(), name="xds-stream")

    async def _work(self) -> None:
        try:
            while self._inbox or self._pending is not None:
                if self._inbox:
                    await self._answer(self._inbox.popleft())
                elif self._pending is not None:
                    push, self._pending = self._pending, None
                    await self._push(push)
        except StreamError:
            # From here on the group accepts no more tasks.
            self._tasks = None
            raise
        finally:
            self._worker = None

    async def _answer(self, message: bytes) -> None:
        request = self.stream.read(message)
        if request is None:
            return
        if self.audience is None:
            if self._identity is not None:
                self.proxy.check(self._identity)
                # Other proxies ask for none.
                asks = self.proxy.type == "router"
                self.verified = not asks or await self._hub.may_list_secrets(self._identity)
            await self._hub.join(self)
            self.audience = self._hub.audience(self.proxy, verified=self.verified)
        # The audience changes only in pushes, which compare it with the last one.
        outcome = self.stream.answer(request, self._hub.view(self.audience))
        if outcome.rejected:
            self._hub.rejected(request.type_url, self.proxy, outcome.rejected)
        await self._send(outcome.replies)

    async def _push(self, push: PushRequest) -> None:
        began, stats, now = self._offered, self._hub.stats, self._hub.clock
        if delay := self._hub.effort.delay(now()):
            await asyncio.sleep(delay)
        stats.queue.record(now() - began)
        self.audience = self._hub.audience(self.proxy, verified=self.verified)
        await self._send(self.stream.push(push, self._hub.view(self.audience)))
        stats.convergence.record(now() - began)

    async def _send(self, replies: Iterable[XdsReply]) -> None:
        for reply in replies:
            self._hub.sent(reply.type_url)
            await self._peer.send(reply.message)
