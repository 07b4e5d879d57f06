"""A scripted gRPC server and a sink that records, for tests of transports."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import grpc.aio

from pyload.xds.transport import DELTA_METHOD

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import trustme

    from pyload.xds.messages import Message
    from pyload.xds.transport import Status, Transport

BIG = bytes(8 << 20)
_Handler: Any = grpc.GenericRpcHandler


class Server(_Handler):  # type: ignore[misc]
    """Does what each message says: ``big``, ``many``, ``refuse``, ``end``; echoes any other."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, Any]] = []
        self.peers: set[str] = set()
        self.received = 0

    def service(self, handler_call_details: Any) -> Any:
        """Accept every method."""
        return grpc.stream_stream_rpc_method_handler(self._serve)

    async def _serve(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        self.metadata.append(dict(context.invocation_metadata()))
        self.peers.add(context.peer())
        if ("limit", "1") in context.invocation_metadata():
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "request rate limit exceeded")
        async for request in requests:
            self.received += 1
            if request == b"refuse":
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Größe % exceeded")
            if request == b"end":
                return
            if request == b"many":
                for number in range(3000):
                    yield b"%d" % number
            else:
                yield BIG if request == b"big" else request


@contextlib.asynccontextmanager
async def serve(
    certificate: trustme.LeafCert | None = None,
    port: int = 0,
    *,
    clients: trustme.CA | None = None,
    options: tuple[tuple[str, Any], ...] = (),
    compression: grpc.Compression | None = None,
) -> AsyncIterator[tuple[Server, str]]:
    """Run a server on a free port."""
    handler = Server()
    options = (("grpc.max_receive_message_length", -1), *options)
    server: Any = grpc.aio.server(options=options, compression=compression)
    server.add_generic_rpc_handlers((handler,))
    address = f"127.0.0.1:{port}"
    if certificate is None:
        port = server.add_insecure_port(address)
    else:
        chain = b"".join(one.bytes() for one in certificate.cert_chain_pems)
        credentials = grpc.ssl_server_credentials(
            [(certificate.private_key_pem.bytes(), chain)],
            root_certificates=None if clients is None else clients.cert_pem.bytes(),
            require_client_auth=clients is not None,
        )
        port = server.add_secure_port(address, credentials)
    await server.start()
    try:
        yield handler, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


class Recorder:
    """A sink that records its calls.

    Args:
        on_message: Is called with each message.

    Attributes:
        calls: Names of the calls, in order.
        messages: The messages that have come.
        status: How the stream has ended.
    """

    def __init__(self, on_message: Callable[[bytes], None] | None = None) -> None:
        self._on_message = on_message
        self._called = asyncio.Event()
        self.calls: list[str] = []
        self.messages: list[bytes] = []
        self.status: Status | None = None

    def opened(self) -> None:
        """See `pyload.xds.transport.Sink`."""
        self._note("opened")

    def message(self, message: Message) -> None:
        """See `pyload.xds.transport.Sink`."""
        whole = message.whole()
        self.messages.append(whole)
        self._note("message")
        if self._on_message is not None:
            self._on_message(whole)

    def closed(self, status: Status) -> None:
        """See `pyload.xds.transport.Sink`."""
        assert self.status is None
        self.status = status
        self._note("closed")

    def _note(self, call: str) -> None:
        assert "closed" not in self.calls
        self.calls.append(call)
        self._called.set()

    def has(self, count: int) -> bool:
        """Return whether exactly that many messages have come."""
        return len(self.messages) == count

    async def until(self, done: Callable[[], object]) -> None:
        """Wait until something is true after a call."""
        while not done():
            self._called.clear()
            await self._called.wait()

    async def next(self) -> bytes:
        """Wait for the next message, and return it."""
        count = len(self.messages)
        await self.until(lambda: len(self.messages) > count)
        return self.messages[count]

    async def open(self) -> None:
        """Wait until the stream is open."""
        await self.until(lambda: self.calls)
        assert self.calls[0] == "opened", self.status

    async def end(self) -> Status:
        """Wait until the stream has ended."""
        await self.until(lambda: self.status)
        assert self.status is not None
        return self.status


async def echo(transport: Transport) -> Status | None:
    """Open a stream, send a message and receive one; return the status if that fails."""
    sink = Recorder()
    stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
    stream.send(b"echo")
    await sink.until(lambda: sink.messages or sink.status)
    status = sink.status
    stream.close()
    await sink.end()
    return status
