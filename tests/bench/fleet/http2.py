"""The server's side of one HTTP/2 connection with one gRPC stream, as cheap as Python allows.

It serves well-behaved clients on loopback and checks little. A response is one large part that all
connections share and never copy, and a few bytes of its own. After its last byte comes a PING: its
answer says that the client has read all of it, and that nothing of it waits in the kernel any more.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, cast

import hpack

from pyload.xds.http2 import frames

if TYPE_CHECKING:
    from collections.abc import Mapping

_BATCH: Final = 256 << 10
"""Bytes to hand to the transport in one go."""
_UPDATE: Final = 16 << 10
"""Bytes received before the client's window is renewed: a quarter of it, as grpc-go does."""
_RECORD: Final = 16 << 10

_HELLO: Final = frames.settings({frames.MAX_CONCURRENT_STREAMS: 100_000})


def _response_headers() -> bytes:
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    block = encoder.encode([(":status", "200"), ("content-type", "application/grpc")])
    return frames.headers(block, frames.DEFAULT_FRAME)


_HEADERS: Final = _response_headers()


class Calls(Protocol):
    """The server of the connections, which call it."""

    def called(self, connection: Connection, headers: Mapping[str, str]) -> None:
        """A stream was opened."""

    def request(self, connection: Connection, message: bytes) -> None:
        """A message has come."""

    def ready(self, connection: Connection) -> None:
        """There is something to write, and nothing is being written; call `serve` in turn."""

    def written(self, connection: Connection) -> None:
        """The client has read all that was queued, after `serve`, or is gone."""

    def gone(self, connection: Connection) -> None:
        """The connection is closed."""


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        calls: Is told what comes.
        tls: Context of the server; None for plaintext.

    Attributes:
        delta: Whether its stream speaks delta.
        nonces: By type, the last that was sent.
        unanswered: Messages that were sent and not acknowledged.
    """

    __slots__ = (
        "_asked",
        "_at",
        "_buffer",
        "_calls",
        "_greeted",
        "_initial",
        "_message",
        "_paused",
        "_queue",
        "_received",
        "_serving",
        "_stream_window",
        "_tls",
        "_transport",
        "_window",
        "delta",
        "nonces",
        "unanswered",
    )

    def __init__(self, calls: Calls, tls: ssl.SSLContext | None) -> None:
        self._calls = calls
        self._tls = None if tls is None else _Tls(tls)
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._greeted = False
        self._message = bytearray()
        self._received = 0
        self._queue: deque[tuple[memoryview, bytes]] = deque()
        self._at = 0
        self._window = frames.DEFAULT_WINDOW
        self._initial = frames.DEFAULT_WINDOW
        self._stream_window = frames.DEFAULT_WINDOW
        self._paused = False
        self._serving = False
        self._asked = False
        self.delta = False
        self.nonces: dict[str, str] = {}
        self.unanswered = 0

    def send(self, shared: memoryview, own: bytes) -> None:
        """Queue a message.

        Args:
            shared: Its first bytes, gRPC's prefix included.
            own: The rest.
        """
        self._queue.append((shared, own))
        if len(self._queue) == 1 and not self._serving:
            self._calls.ready(self)

    def serve(self) -> None:
        """Write what is queued, until it is all read."""
        if self._transport is None:
            self._calls.written(self)
            return
        self._serving = True
        self._pump()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio's protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the settings."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_BATCH)
        self._write([_HELLO])

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything."""
        self._transport = None
        self._queue.clear()
        if self._serving:
            self._serving = False
            self._calls.written(self)
        self._calls.gone(self)

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        self._paused = True

    def resume_writing(self) -> None:
        """Go on."""
        self._paused = False
        self._pump()

    def data_received(self, data: bytes) -> None:
        """Handle bytes that were received."""
        if self._tls is not None:
            data = self._tls.read(data)
            self._write([])
        buffer = self._buffer
        buffer += data
        if not self._greeted:
            if len(buffer) < len(frames.PREFACE):
                return
            self._greeted = True
            del buffer[: len(frames.PREFACE)]
        at = 0
        while len(buffer) - at >= frames.HEAD_SIZE:
            word, flags, _ = frames.HEAD.unpack_from(buffer, at)
            end = at + frames.HEAD_SIZE + (word >> 8)
            if end > len(buffer):
                break
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big")
            payload = bytes(buffer[at + frames.HEAD_SIZE : end])
            self._frame(word & 0xFF, flags, stream, payload)
            at = end
        del buffer[:at]
        self._pump()

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.DATA:
            self._data(payload)
            if flags & frames.END_STREAM:
                self.close()
        elif kind == frames.WINDOW_UPDATE:
            if stream:
                self._stream_window += int.from_bytes(payload, "big")
            else:
                self._window += int.from_bytes(payload, "big")
        elif kind == frames.PING and flags & frames.ACK:
            self._read()
        elif kind == frames.PING:
            self._write([frames.frame(frames.PING, frames.ACK, 0, payload)])
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            for at in range(0, len(payload), frames.PAIR.size):
                name, value = frames.PAIR.unpack_from(payload, at)
                if name == frames.INITIAL_WINDOW_SIZE:
                    # Grpc's core changes it again and again.
                    self._stream_window += value - self._initial
                    self._initial = value
            self._write([frames.SETTINGS_ACK])
        elif kind == frames.HEADERS:
            block = payload[5:] if flags & frames.WITH_PRIORITY else payload
            pairs = hpack.Decoder().decode(block, raw=True)
            headers = {name.decode(): value.decode() for name, value in pairs}
            self._write([_HEADERS])
            self._calls.called(self, headers)
        elif kind in (frames.RST_STREAM, frames.GOAWAY):
            self.close()

    def _data(self, payload: bytes) -> None:
        self._received += len(payload)
        if self._received >= _UPDATE:
            for stream in (0, frames.STREAM):
                self._write([frames.window_update(stream, self._received)])
            self._received = 0
        message = self._message
        message += payload
        while len(message) >= 5:
            end = 5 + int.from_bytes(message[1:5], "big")
            if len(message) < end:
                return
            self._calls.request(self, bytes(message[5:end]))
            del message[:end]

    def _pump(self) -> None:
        """Write as far as the windows and the socket let it."""
        if not self._serving:
            return
        queue = self._queue
        while queue and not self._paused:
            room = min(self._window, self._stream_window, _BATCH)
            if room <= 0:
                return
            pieces: list[bytes | memoryview] = []
            left = room
            while queue and left > 0:
                left -= self._frames(pieces, left)
            self._window -= room - left
            self._stream_window -= room - left
            self._write(pieces)
        if not queue and not self._paused and not self._asked:
            self._asked = True
            self._write([frames.frame(frames.PING, 0, 0, bytes(8))])

    def _read(self) -> None:
        """Handle the answer to the PING."""
        self._asked = False
        if self._queue:
            self._pump()
        else:
            self._serving = False
            self._calls.written(self)

    def _frames(self, pieces: list[bytes | memoryview], room: int) -> int:
        """Cut the first message into frames; return the number of bytes that they carry."""
        shared, own = self._queue[0]
        at, size = self._at, len(shared) + len(own)
        stop = min(size, at + room)
        start = at
        while at < stop:
            length = min(stop - at, frames.DEFAULT_FRAME)
            pieces.append(frames.HEAD.pack(length << 8, 0, frames.STREAM))
            if at < len(shared):
                pieces.append(shared[at : at + length])
            if at + length > len(shared):
                pieces.append(own[max(0, at - len(shared)) : at + length - len(shared)])
            at += length
        self._at = at
        if at == size:
            self._queue.popleft()
            self._at = 0
        return at - start

    def _write(self, pieces: list[bytes | memoryview] | list[bytes]) -> None:
        if self._transport is None:
            return
        if self._tls is None:
            self._transport.writelines(pieces)
        else:
            data = self._tls.write(pieces)
            if data:
                self._transport.write(data)


class _Tls:
    """TLS between the socket and the frames."""

    __slots__ = ("_ciphers", "_in", "_out", "_waiting")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._ciphers = context.wrap_bio(self._in, self._out, server_side=True)
        # What was written before the handshake was over; None afterwards.
        self._waiting: list[bytes] | None = []

    def read(self, data: bytes) -> bytes:
        """Decrypt bytes of the socket, and return those of the client; then call `write`."""
        self._in.write(data)
        plain = bytearray()
        try:
            if self._waiting is not None:
                self._ciphers.do_handshake()
                waiting, self._waiting = self._waiting, None
                for one in waiting:
                    self._ciphers.write(one)
            while piece := self._ciphers.read(_RECORD):
                plain += piece
        except ssl.SSLWantReadError:
            pass
        return bytes(plain)

    def write(self, pieces: list[bytes | memoryview] | list[bytes]) -> bytes:
        """Encrypt bytes for the client, and return those for the socket."""
        if self._waiting is not None:
            self._waiting += [bytes(one) for one in pieces]
        elif pieces:
            data = memoryview(b"".join(pieces))
            for at in range(0, len(data), _RECORD):
                self._ciphers.write(data[at : at + _RECORD])
        return self._out.read()
