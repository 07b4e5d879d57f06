"""A server over a real socket that sends what a test lets it send."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from pyload.xds.transport import DELTA_METHOD
from tests.xds.http2.frames import GREETING
from tests.xds.streams import Recorder

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

    from pyload.xds.lean import LeanTransport
    from pyload.xds.lean_stream import LeanStream


class Server(asyncio.Protocol):
    """A server that sends what a test lets it send.

    Attributes:
        greeting: Is sent on each new connection.
        connections: All that there ever were.
    """

    def __init__(self, greeting: bytes = GREETING) -> None:
        self.greeting = greeting
        self.connections: list[ServerConnection] = []
        self.changed = asyncio.Event()

    def new(self) -> ServerConnection:
        """Make a protocol."""
        self.connections.append(ServerConnection(self))
        return self.connections[-1]

    async def until(self, done: Callable[[], object]) -> None:
        """Wait until something is true after something has come."""
        while not done():
            self.changed.clear()
            await self.changed.wait()


class ServerConnection(asyncio.Protocol):
    """One connection.

    Attributes:
        received: All that has come.
        transport: Its socket.
        ended: Whether it is over.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.received = b""
        self.transport: Any = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = transport
        self.transport.write(self._server.greeting)

    def data_received(self, data: bytes) -> None:
        """Keep what comes."""
        self.received += data
        self._server.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.ended = True
        self._server.changed.set()


@contextlib.asynccontextmanager
async def listen(
    server: Server | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[Server, str]]:
    """Run a server on a free port."""
    server = server or Server()
    listener = await asyncio.get_running_loop().create_server(server.new, host, 0, ssl=tls)
    try:
        yield server, f"{host}:{listener.sockets[0].getsockname()[1]}"
    finally:
        for one in server.connections:
            if one.transport is not None:
                one.transport.abort()
        listener.close()
        await listener.wait_closed()


async def open_stream(transport: LeanTransport) -> tuple[LeanStream, Recorder]:
    """Open a stream and wait for that."""
    sink = Recorder()
    stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
    await sink.open()
    return stream, sink
