"""One proxy: keeps a stream to the control plane open and answers what comes in.

Only sending, receiving, waiting and logging happen here. What to send is decided by
`pyload.xds.sotw` and `pyload.xds.delta`, and when to connect again by `pyload.xds.session`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import PyloadError, RemoteProtocolError, StreamError
from pyload.tasks import clock
from pyload.units import Duration
from pyload.xds import session
from pyload.xds.delta import Delta
from pyload.xds.sotw import Sotw
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD
from pyload.xds.types import PREFIX, TypeUrl, short
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from pyload.xds.transport import Metadata, Stream, Transport
    from pyload.xds.types import Push, Received

logger = logging.getLogger("pyload.adsc")

_UNMATCHED_LOGGED: Final = 10


class Observer(Protocol):
    """Is told what happens to a proxy, as it happens; it must not block."""

    def connecting(self) -> None:
        """A dial begins."""

    def connected(self, seconds: float) -> None:
        """The stream is open, this long after the dial began."""

    def push(self, push: Push) -> None:
        """A response has come; its answer is sent next."""

    def configured(self, seconds: float) -> None:
        """Every type that the proxy wants has come on this stream, this long after its dial."""

    def disconnected(self, reason: str, detail: str, retry_in: float) -> None:
        """A dial has failed or a stream has ended; the next dial begins in so many seconds."""


class Client:
    """Runs one proxy.

    Args:
        node: The encoded node, see `pyload.xds.node`.
        node_type: Node type; a ``ztunnel`` is always delta.
        transport: Opens streams to the control plane.
        delta: Whether to speak delta instead of SotW.
        observer: Is told what happens.
        token: Gives a bearer token for each stream; None sends none.
        cluster_id: Istio's name of the cluster; goes with the token.
        rng: Spreads the waits.
        detail: Whether pushes carry names and bodies.
    """

    def __init__(
        self,
        *,
        node: bytes,
        node_type: str,
        transport: Transport,
        delta: bool,
        observer: Observer,
        token: Callable[[], Awaitable[str]] | None = None,
        cluster_id: str = "Kubernetes",
        rng: Random,
        detail: bool = False,
    ) -> None:
        self._node = node
        self._node_type = node_type
        self._transport = transport
        self._delta = delta or node_type == "ztunnel"
        self._observer = observer
        self._token = token
        self._cluster_id = cluster_id
        self._session = session.Session(rng=rng)
        self._detail = detail
        self._clock: Callable[[], float] = time.monotonic
        self._log = _Log(node, delta=self._delta)

    async def run(self) -> None:
        """Connect, and connect again whenever the stream ends, until cancelled.

        Cancelling closes the stream.
        """
        self._clock = clock()
        try:
            while True:
                await self._live_once()
        finally:
            self._session.close()
            self._log.info("Context closed, exiting stream")

    async def _live_once(self) -> None:
        """Go once round: dial, converse until the stream ends, wait."""
        now = self._clock
        self._session.dial(now())
        self._log.info("Connecting: %s", self._log.ip)
        self._observer.connecting()
        try:
            stream = await self._open()
        except _Refused as refused:
            await self._wait_to_dial_again(refused)
            return
        try:
            seconds = self._session.opened(now())
            self._log.info("Connected: %s in %s", self._log.ip, _Seconds(seconds))
            self._observer.connected(seconds)
            reason, detail = await self._converse(stream)
            self._log.ended(detail)
        finally:
            self._log.info("Closing: %s", self._log.ip)
            await stream.aclose()
        wait = self._session.ended()
        self._observer.disconnected(reason, detail, wait)
        self._log.info("Disconnected: %s, retrying in %s", self._log.ip, _Seconds(wait))
        await asyncio.sleep(wait)

    async def _open(self) -> Stream:
        metadata: Metadata = ()
        if self._token is not None:
            try:
                token = await self._token()
            except PyloadError as error:
                raise _Refused(session.TOKEN, str(error)) from error
            metadata = (("authorization", f"Bearer {token}"), ("clusterid", self._cluster_id))
        method = DELTA_METHOD if self._delta else SOTW_METHOD
        try:
            return await self._transport.open(method, metadata=metadata)
        except StreamError as error:
            raise _Refused(session.reason_failed(error), f"stream: {_in_go(error)}") from error

    async def _wait_to_dial_again(self, refused: _Refused) -> None:
        wait = self._session.failed()
        self._log.info("Error in ADS connection: %s", refused.detail)
        self._observer.disconnected(refused.reason, refused.detail, wait)
        await asyncio.sleep(wait)
        self._log.info("Starting retry %d after %s", self._session.failures, _Seconds(wait))

    async def _converse(self, stream: Stream) -> tuple[str, str]:
        """Serve one stream to its end; give the reason of its end and the server's words."""
        try:
            await self._serve(stream)
        except RemoteProtocolError as error:
            return session.PROTOCOL, str(error)
        except StreamError as error:
            return session.reason_ended(error), _in_go(error)
        status = stream.status
        assert status is not None, "an ended stream says how it ended"
        ended = StreamError(code=status.code, name=status.name, message=status.message)
        return session.reason_ended(ended), _in_go(ended)

    async def _serve(self, stream: Stream) -> None:
        protocol: Sotw | Delta
        if self._delta:
            protocol = Delta(self._node, node_type=self._node_type, detail=self._detail)
            self._log.plain("sending initial watches")
        else:
            protocol = Sotw(self._node, detail=self._detail)
        for request in protocol.start():
            await stream.send(request)
        seen: set[TypeUrl] = set()
        while (message := await stream.recv()) is not None:
            received = protocol.receive(message)
            # A waiting proxy must hold no message: that would be half a megabyte each.
            del message
            self._take(received, seen, configured=protocol.configured)
            requests = received.send
            del received
            for request in requests:
                await stream.send(request)

    def _take(self, received: Received, seen: set[TypeUrl], *, configured: bool) -> None:
        push = received.push
        assert push is not None
        now = self._clock()
        if not push.error:
            self._session.updated()
            if push.type_url not in seen:
                seen.add(push.type_url)
                self._log.first(push.type_url, self._session.elapsed(now))
        if received.unmatched:
            self._log.unmatched(push.type_url, received.unmatched)
        self._observer.push(push)
        if configured and self._session.state is session.State.CONNECTED:
            self._observer.configured(self._session.configured(now))


class _Refused(Exception):  # noqa: N818 - never leaves this module
    """No stream: why, for counters and for people."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class _Log:
    """The log lines of one proxy, with pilot-load's labels."""

    __slots__ = ("_delta", "_extra", "_id", "_info", "ip")

    def __init__(self, node: bytes, *, delta: bool) -> None:
        self._info = logger.isEnabledFor(logging.INFO)
        self._delta = delta
        self._id = discovery_pb2.Node.FromString(node).id
        _, _, rest = self._id.partition("~")
        self.ip, _, rest = rest.partition("~")
        workload = rest.partition("~")[0].rpartition(".")[0]
        self._extra = {"labels": {"workload": workload}}

    def info(self, text: str, *values: object) -> None:
        if self._info:
            logger.info(text, *values, extra=self._extra)

    def plain(self, text: str) -> None:
        if self._info:
            logger.info(text)

    def first(self, type_url: TypeUrl, seconds: float) -> None:
        if self._info:
            self.info(
                "Got Initial Update: %s for %s in %s", self.ip, short(type_url), _Seconds(seconds)
            )

    def ended(self, detail: str) -> None:
        if not self._info:
            return
        if self._delta:
            logger.info("Connection closed: %s", detail, extra={"labels": {"node": self._id}})
        else:
            logger.info("Connection closed for %s: %s", self._id, detail)

    def unmatched(self, type_url: TypeUrl, names: tuple[str, ...]) -> None:
        kind = type_url.removeprefix(f"{PREFIX}envoy.config.")
        extra = {"labels": {"node": self._id}}
        for name in names[:_UNMATCHED_LOGGED]:
            logger.warning("Ignoring unmatched resource %s/%s", kind, name, extra=extra)


class _Seconds:
    """Renders as Go writes a duration, if the line is written at all."""

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __str__(self) -> str:
        return str(Duration.from_seconds(self._seconds))


def _in_go(error: StreamError) -> str:
    """Write an error as Go's gRPC does, for scripts that search the log: ``code = Unavailable``."""
    if error.code == 0:
        return "EOF"
    name = "Canceled" if error.name == "CANCELLED" else error.name.title().replace("_", "")
    return f"rpc error: code = {name} desc = {error.message}"
