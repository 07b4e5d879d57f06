"""The control plane's ports: grpc.aio servers that pass messages on as bytes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from pyload.embedded.controlplane.certificate import self_signed
from pyload.errors import ControlPlaneUnreachable, StreamError
from pyload.xds.transport import DELTA_METHOD, SERVICE, SOTW_METHOD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pyload.embedded.controlplane.connection import Peer

    Serve = Callable[[Peer, dict[str, str], bool], Awaitable[None]]

_EOF: Final[Any] = vars(grpc.aio)["EOF"]
_GRACE: Final = 0.5
_OPTIONS: Final = (
    # Istiod's limits: requests of 4 MiB, and pings at most every 15 s.
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_concurrent_streams", 100_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 15_000),
    ("grpc.so_reuseport", 0),
    # By default grpc turns calls away at random once a thousand wait, as in a storm of connects.
    ("grpc.server.max_pending_requests", 100_000),
    ("grpc.server.max_pending_requests_hard_limit", 100_000),
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a control plane listens.

    Attributes:
        plaintext: ``HOST:PORT`` without TLS and without tokens.
        tls: ``HOST:PORT`` with TLS, where a token is needed; None if not asked for.
    """

    plaintext: str
    tls: str | None


@contextlib.asynccontextmanager
async def listen(
    open_: Serve, verified: Serve, *, host: str, port: int, tls_port: int | None
) -> AsyncIterator[Addresses]:
    """Serve streams until the context is left, which ends them all at once.

    Args:
        open_: Serves a stream of the plaintext port.
        verified: Serves a stream of the TLS port.
        host: Address to listen on.
        port: Port without TLS; 0 for any.
        tls_port: Port with TLS, 0 for any; None for no such port.

    Raises:
        ControlPlaneUnreachable: A port is taken.
    """
    async with contextlib.AsyncExitStack() as stack:
        plaintext = await stack.enter_async_context(_server(open_, f"{host}:{port}", None))
        tls = None
        if tls_port is not None:
            key, certificate = self_signed(host)
            credentials = grpc.ssl_server_credentials([(key, certificate)])
            bound = await stack.enter_async_context(
                _server(verified, f"{host}:{tls_port}", credentials)
            )
            tls = f"{host}:{bound}"
        yield Addresses(f"{host}:{plaintext}", tls)


@contextlib.asynccontextmanager
async def _server(
    serve: Serve, address: str, credentials: grpc.ServerCredentials | None
) -> AsyncIterator[int]:
    server: Any = grpc.aio.server(options=_OPTIONS)
    calls = _Calls(serve)
    handlers = {
        method.rpartition("/")[2]: grpc.stream_stream_rpc_method_handler(handle)
        for method, handle in ((SOTW_METHOD, calls.sotw), (DELTA_METHOD, calls.delta))
    }
    service = SERVICE.removeprefix("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ControlPlaneUnreachable(
            f"cannot listen on {address}", fix="choose another port"
        ) from error
    await server.start()
    try:
        yield port
    finally:
        calls.end()
        # The calls have ended by themselves; this is for what came in meanwhile.
        await server.stop(_GRACE)


class _Calls:
    """The streams of one port."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending = False

    async def sotw(self, _: Any, context: Any) -> None:
        await self._handle(context, delta=False)

    async def delta(self, _: Any, context: Any) -> None:
        await self._handle(context, delta=True)

    def end(self) -> None:
        """End all streams."""
        self._ending = True
        for task in self._tasks:
            task.cancel()

    async def _handle(self, context: Any, *, delta: bool) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        headers = {name: _text(value) for name, value in context.invocation_metadata() or ()}
        try:
            await self._serve(_GrpcPeer(context), headers, delta)
        except StreamError as error:
            # A cancelled call has nobody left to tell.
            if error.code != grpc.StatusCode.CANCELLED.value[0]:
                await context.abort(_CODES[error.code], error.message)
        except asyncio.CancelledError:
            if not self._ending:
                raise
            # The cancellation was ours: the proxy is told, so that it can reconnect elsewhere.
            task.uncancel()
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the control plane is shutting down")
        finally:
            self._tasks.discard(task)


class _GrpcPeer:
    """The control plane's end of a stream."""

    __slots__ = ("_context",)

    def __init__(self, context: Any) -> None:
        self._context = context

    async def recv(self) -> bytes | None:
        message: Any = await self._context.read()
        return None if message is _EOF else bytes(message)

    async def send(self, message: bytes) -> None:
        try:
            await self._context.write(message)
        except (grpc.RpcError, grpc.aio.UsageError) as error:
            raise StreamError(
                code=1, name="CANCELLED", message="the proxy closed the stream"
            ) from error


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
