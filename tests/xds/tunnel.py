"""A connection in memory, with something between the two that can stop passing bytes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pyload.xds import lean_stream
from pyload.xds.http2.frames import ACK, HEAD, HEAD_SIZE, PING, PREFACE, frame
from tests.xds.http2.frames import GREETING

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class Tunnel:
    """A server that greets and answers PINGs, behind a tunnel.

    Attributes:
        sockets: The client's sides of all connections that there ever were.
        passes_on: Whether new and old connections pass bytes on; they accept them always.
        greeting: The first bytes of the server.
    """

    def __init__(self, greeting: bytes = GREETING) -> None:
        self.sockets: list[Socket] = []
        self.passes_on = True
        self.greeting = greeting

    def replace_sockets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have every dial of the lean transport end here."""
        monkeypatch.setattr(lean_stream, "connect", self._connect)

    async def _connect(
        self, protocol: Callable[[], asyncio.BufferedProtocol], *_: object, **__: object
    ) -> None:
        self.sockets.append(Socket(self, protocol()))
        self.sockets[-1].begin()


class Socket(asyncio.Transport):
    """The client's side of one connection.

    Attributes:
        pings: When a PING came, in seconds of the loop.
        dead: Whether this connection passes nothing on, whatever others do.
        closed: Whether the client has closed it.
    """

    def __init__(self, tunnel: Tunnel, protocol: asyncio.BufferedProtocol) -> None:
        super().__init__()
        self._tunnel = tunnel
        self._protocol = protocol
        self._received = b""
        self.pings: list[float] = []
        self.dead = False
        self.closed = False

    def begin(self) -> None:
        """Connect, and greet."""
        self._protocol.connection_made(self)
        self.deliver(self._tunnel.greeting)

    def deliver(self, data: bytes) -> None:
        """Pass bytes of the server on to the client, unless the tunnel is dead."""
        if self._tunnel.passes_on and not self.dead and not self.closed:
            buffer: Any = self._protocol.get_buffer(-1)
            buffer[: len(data)] = data
            self._protocol.buffer_updated(len(data))

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Accept bytes, as a tunnel does whose other end is gone."""
        self._received = (self._received + bytes(data)).removeprefix(PREFACE)
        while len(self._received) >= HEAD_SIZE:
            word, flags, _ = HEAD.unpack_from(self._received)
            end = HEAD_SIZE + (word >> 8)
            if word & 0xFF == PING and not flags & ACK:
                loop = asyncio.get_running_loop()
                self.pings.append(loop.time())
                loop.call_soon(self.deliver, frame(PING, ACK, 0, self._received[HEAD_SIZE:end]))
            self._received = self._received[end:]

    def is_closing(self) -> bool:
        """Return whether the client has closed it."""
        return self.closed

    def close(self) -> None:
        """End the connection."""
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        """End the connection."""
        self.close()
