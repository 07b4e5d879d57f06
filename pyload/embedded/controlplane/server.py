"""The control plane's ports: grpc.aio servers that pass encoded messages on as they are.

grpc.aio does not bear to be cancelled at two points, where it logs a traceback of its own. One is
the start of a server: the caller's cancellation ends a future that the server's task sets right
after. The other is the first write of a stream: grpc notes only when it is over that the headers
have gone, and so would send them again with the status. Both are run to their end here, as is the
stop. That comes last, when all streams have ended by themselves, each with a status that says why.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio

from pyload.errors import ControlPlaneUnreachable, StreamError
from pyload.tasks import uncancelled
from pyload.xds.ca import METHOD as CA_METHOD
from pyload.xds.ca import SERVICE as CA_SERVICE
from pyload.xds.transport import DELTA_METHOD, SERVICE, SOTW_METHOD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pyload.embedded.controlplane.ca import CertificateService
    from pyload.embedded.controlplane.connection import StreamPeer

    Serve = Callable[[StreamPeer, dict[str, str], bool], Awaitable[None]]
    Handle = Callable[[Any, bool], Awaitable[None]]

_EOF: Final[Any] = vars(grpc.aio)["EOF"]
_GRACE: Final = 0.5
"""Seconds that streams have to end by themselves, and then calls that came in meanwhile."""

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
class ListenAddresses:
    """The addresses on which a control plane listens.

    Attributes:
        plaintext: ``HOST:PORT`` without TLS and without tokens.
        tls: ``HOST:PORT`` with TLS, where a token is needed; empty if not asked for. Certificates
            are signed there.
        mtls: ``HOST:PORT`` with TLS, where a signed certificate is needed; empty if not asked for.
            Istiod takes both on one port, which gRPC for Python cannot.
        root: Certificate by which both can be verified, in PEM; empty without them.
    """

    plaintext: str
    tls: str = ""
    mtls: str = ""
    root: bytes = b""


@dataclass(frozen=True, slots=True)
class TlsPorts:
    """The services behind the ports with TLS.

    Attributes:
        ca: Signs certificates.
        port: Port with TLS and tokens; 0 for any.
        token: Serves a stream there.
        certificate: Serves a stream of the port with client certificates, which has any free
            number; its argument is the certificate in PEM.
    """

    ca: CertificateService
    port: int
    token: Serve
    certificate: Callable[[StreamPeer, bytes, bool], Awaitable[None]]


@contextlib.asynccontextmanager
async def listen(
    open_: Serve, *, host: str, port: int, secured: TlsPorts | None
) -> AsyncIterator[ListenAddresses]:
    """Serve streams until the context is left, which ends them all at once.

    Args:
        open_: Serves a stream of the plaintext port.
        host: Address to listen on.
        port: Port without TLS; 0 for any.
        secured: The ports with TLS; None for none.

    Raises:
        ControlPlaneUnreachable: A port is taken.
    """
    async with contextlib.AsyncExitStack() as stack:
        plaintext = await stack.enter_async_context(_server(_with_headers(open_), f"{host}:{port}"))
        if secured is None:
            yield ListenAddresses(f"{host}:{plaintext}")
            return
        authority = secured.ca.authority
        own = authority.for_server(host)
        pair = [(own.key, own.chain)]
        tls = await stack.enter_async_context(
            _server(
                _with_headers(secured.token),
                f"{host}:{secured.port}",
                grpc.ssl_server_credentials(pair),
                secured.ca,
            )
        )
        mtls = await stack.enter_async_context(
            _server(
                lambda context, delta: secured.certificate(
                    _GrpcPeer(context), _certificate(context), delta
                ),
                f"{host}:0",
                grpc.ssl_server_credentials(pair, authority.root, require_client_auth=True),
            )
        )
        yield ListenAddresses(
            f"{host}:{plaintext}", f"{host}:{tls}", f"{host}:{mtls}", root=authority.root
        )


@contextlib.asynccontextmanager
async def _server(
    handle: Handle,
    address: str,
    credentials: grpc.ServerCredentials | None = None,
    ca: CertificateService | None = None,
) -> AsyncIterator[int]:
    """Run one grpc.aio server until the context is left, and yield its port."""
    server: Any = grpc.aio.server(options=_OPTIONS)
    calls = _Calls(handle)
    handlers = {
        method.rpartition("/")[2]: grpc.stream_stream_rpc_method_handler(handle)
        for method, handle in ((SOTW_METHOD, calls.sotw), (DELTA_METHOD, calls.delta))
    }
    service = SERVICE.removeprefix("/")
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    if ca is not None:
        sign = grpc.unary_unary_rpc_method_handler(_Signing(ca).create)
        name = CA_METHOD.rpartition("/")[2]
        service = CA_SERVICE.removeprefix("/")
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service, {name: sign}),)
        )
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise ControlPlaneUnreachable(
            f"cannot listen on {address}", fix="choose another port"
        ) from error
    try:
        await uncancelled(server.start(), name="grpc-start")
        yield port
    finally:
        await uncancelled(_stop(server, calls), name="grpc-stop")


async def _stop(server: Any, calls: _Calls) -> None:
    await calls.end()
    # This is for what came in meanwhile.
    await server.stop(_GRACE)


class _Calls:
    """The streams of one port."""

    def __init__(self, handle: Handle) -> None:
        self._serve = handle
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ending = False

    async def sotw(self, _: Any, context: Any) -> None:
        await self._handle(context, delta=False)

    async def delta(self, _: Any, context: Any) -> None:
        await self._handle(context, delta=True)

    async def end(self) -> None:
        """End all streams, and refuse new ones."""
        self._ending = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_GRACE)

    async def _handle(self, context: Any, *, delta: bool) -> None:
        if self._ending:
            await _refuse(context)
        else:
            await self._serve_until_end(context, delta=delta)

    async def _serve_until_end(self, context: Any, *, delta: bool) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(context, delta)
        except StreamError as error:
            # A cancelled call has no client any more.
            if error.code != grpc.StatusCode.CANCELLED.value[0]:
                await _abort(context, _CODES[error.code], error.message)
        except asyncio.CancelledError:
            if not self._ending:
                raise
            # The cancellation was ours: the status lets the proxy reconnect elsewhere.
            task.uncancel()
            await _refuse(context)
        finally:
            self._tasks.discard(task)


async def _refuse(context: Any) -> None:
    await _abort(context, grpc.StatusCode.UNAVAILABLE, "the control plane is shutting down")


async def _abort(context: Any, code: grpc.StatusCode, message: str) -> None:
    """End a call; grpc's own error then ends its task, if the client has not been faster."""
    with contextlib.suppress(grpc.aio.InternalError):
        await context.abort(code, message)


class _Signing:
    """The calls of the certificate service."""

    def __init__(self, ca: CertificateService) -> None:
        self._ca = ca

    async def create(self, message: bytes, context: Any) -> bytes:
        try:
            return await self._ca.create(message, _headers(context))
        except StreamError as error:
            await context.abort(_CODES[error.code], error.message)
            raise AssertionError("abort raises") from error


class _GrpcPeer:
    """The control plane's end of a stream."""

    __slots__ = ("_context", "_has_answered")

    def __init__(self, context: Any) -> None:
        self._context = context
        self._has_answered = False

    async def recv(self) -> bytes | None:
        message: Any = await self._context.read()
        return None if message is _EOF else bytes(message)

    async def send(self, message: bytes) -> None:
        write = self._context.write(message)
        try:
            if self._has_answered:
                await write
            else:
                await uncancelled(write, name="xds-first-write")
                self._has_answered = True
        except (grpc.RpcError, grpc.aio.BaseError) as error:
            raise StreamError(
                code=1, name="CANCELLED", message="the proxy closed the stream"
            ) from error


def _with_headers(serve: Serve) -> Handle:
    return lambda context, delta: serve(_GrpcPeer(context), _headers(context), delta)


def _headers(context: Any) -> dict[str, str]:
    return {name: _text(value) for name, value in context.invocation_metadata() or ()}


def _certificate(context: Any) -> bytes:
    """Return the client's certificate in PEM, or nothing if it has shown none."""
    shown: list[bytes] = context.auth_context().get("x509_pem_cert", [])
    return shown[0] if shown else b""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
