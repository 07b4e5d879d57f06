"""Frames as a server writes them, and a client's connection that receives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import hpack

from pyload.xds.http2 import fields
from pyload.xds.http2.connection import Connection
from pyload.xds.http2.frames import END_HEADERS, END_STREAM, HEADERS, SETTINGS, STREAM, frame
from pyload.xds.prefix_cache import PrefixCache
from pyload.xds.transport import DELTA_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.xds.messages import Message
    from pyload.xds.transport import Status

GREETING = frame(SETTINGS, 0, 0)
RESPONSE = ((":status", "200"), ("content-type", "application/grpc"))


def block(*pairs: tuple[str, str]) -> bytes:
    """Encode header fields without a dynamic table."""
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    return encoder.encode([(name.encode(), value.encode()) for name, value in pairs])


def head(*pairs: tuple[str, str], flags: int = END_HEADERS) -> bytes:
    """Write a HEADERS frame."""
    return frame(HEADERS, flags, STREAM, block(*pairs))


def answer(*more: tuple[str, str]) -> bytes:
    """Write the headers of a response."""
    return head(*RESPONSE, *more)


def trailers(*pairs: tuple[str, str]) -> bytes:
    """Write trailers."""
    return head(*pairs, flags=END_HEADERS | END_STREAM)


def framed(message: bytes) -> bytes:
    """Put gRPC's prefix before a message."""
    return b"\0" + len(message).to_bytes(4, "big") + message


class Client:
    """A client's connection, with a sink that records.

    Attributes:
        connection: The connection.
        messages: The messages that have come.
        opened_times: How often it was opened.
        sent: What it has written that was not taken.
    """

    def __init__(self, on_message: Callable[[bytes], None] | None = None) -> None:
        request = fields.request(
            DELTA_METHOD, authority="istiod:15010", scheme="http", agent="test", metadata=()
        )
        self.connection = Connection(request, sink=self, cache=PrefixCache())
        self.messages: list[bytes] = []
        self.opened_times = 0
        self._on_message = on_message

    def opened(self) -> None:
        """See `pyload.xds.transport.Sink`."""
        self.opened_times += 1

    def message(self, message: Message) -> None:
        """See `pyload.xds.transport.Sink`."""
        self.messages.append(message.whole())
        if self._on_message is not None:
            self._on_message(self.messages[-1])

    def closed(self, status: Status) -> None:
        """See `pyload.xds.transport.Sink`: the connection's owner calls it, not the connection."""
        raise AssertionError(status)

    @property
    def ended(self) -> bool:
        """Whether the stream has ended."""
        return self.connection.status is not None

    def receive(self, *pieces: bytes, size: int = 1 << 20) -> None:
        """Receive bytes in pieces of a size, from a buffer that is overwritten after each."""
        data = b"".join(pieces)
        for start in range(0, len(data), size):
            buffer = bytearray(data[start : start + size])
            self.connection.receive(memoryview(buffer))
            buffer[:] = bytes(len(buffer))

    def written(self) -> bytes:
        """Return all bytes that are to be written."""
        pieces = []
        while data := self.connection.out.take():
            pieces.append(data)
        return b"".join(pieces)


def opened(*pieces: bytes) -> Client:
    """Return a client that has exchanged settings and then received these bytes."""
    client = Client()
    client.receive(GREETING)
    client.written()
    client.receive(*pieces)
    return client
