"""gRPC messages as they arrive on a stream, without a copy for each of the streams.

A control plane sends the same half megabyte to thousands of proxies, different only in the nonce
near its end. So the first stream that receives a large message records it; every other stream
compares what arrives with the record, chunk by chunk, and keeps nothing but its own position and
the last bytes. Streams that receive the same message at the same time record it together.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE: Final = 4096
"""Messages of fewer bytes are cheaper to copy than to compare."""
TAIL: Final = 1024
"""Bytes at the end of a large message that are each stream's own: the nonce stands there."""
HEAD: Final = 64
"""Bytes at the start of a large message by which a record is found."""
MAX_MESSAGE: Final = 256 << 20
PREFIX: Final = 5

Key = tuple[int, bytes]


class Body:
    """All bytes of a large message but the last `TAIL`, recorded once.

    Attributes:
        length: Bytes of the whole message.
        data: What is recorded so far.
        facts: What the reader of such messages has learnt of it; None until then.
    """

    __slots__ = ("data", "facts", "length")

    def __init__(self, length: int, data: bytearray) -> None:
        self.length = length
        self.data = data
        self.facts: Any = None


class Message:
    """One received message.

    Attributes:
        body: Its shared part; None for a small message.
        tail: The rest.
    """

    __slots__ = ("body", "tail")

    def __init__(self, tail: bytes, body: Body | None = None) -> None:
        self.tail = tail
        self.body = body

    def __len__(self) -> int:
        return len(self.tail) if self.body is None else self.body.length

    def whole(self) -> bytes:
        """Put the message together: a copy."""
        return self.tail if self.body is None else bytes(self.body.data) + self.tail


class Bodies:
    """The recorded bodies, the least recently used forgotten first.

    Args:
        limit: Bytes to keep; the last body stays even if it is larger.
        variants: Bodies of the same length and head to keep apart.

    Attributes:
        hits: Messages that were recorded already.
        misses: Messages that were not.
    """

    def __init__(self, *, limit: int = 40 << 20, variants: int = 64) -> None:
        self._limit = limit
        self._variants = variants
        self._known: OrderedDict[Key, list[Body]] = OrderedDict()
        self.size = 0
        self.hits = 0
        self.misses = 0

    def find(self, length: int, head: bytes) -> list[Body]:
        """Give the bodies of messages of this length that begin so."""
        key = (length, head)
        found = self._known.get(key)
        if found is None:
            return []
        self._known.move_to_end(key)
        return found

    def add(self, body: Body) -> None:
        """Keep a body, which may still grow."""
        key = (body.length, bytes(body.data[:HEAD]))
        found = self._known.setdefault(key, [])
        if len(found) == self._variants:
            self.size -= found.pop(0).length
        found.append(body)
        self.size += body.length
        self._known.move_to_end(key)
        while self.size > self._limit and len(self._known) > 1:
            _, dropped = self._known.popitem(last=False)
            self.size -= sum(one.length for one in dropped)


BODIES: Final = Bodies()
"""Shared by all streams of the process that name no other."""


class Assembler:
    """Puts the messages of one stream together from chunks of any size.

    Args:
        bodies: Where large messages are recorded.
    """

    __slots__ = ("_at", "_bodies", "_body", "_compressed", "_length", "_own", "gzip")

    def __init__(self, bodies: Bodies = BODIES) -> None:
        self._bodies = bodies
        self.gzip = False
        # Bytes of this message so far that only this stream has: its prefix, or all, or its tail.
        self._own = bytearray()
        self._length = -1
        self._compressed = False
        self._body: Body | None = None
        self._at = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._own) or self._length >= 0

    def feed(self, chunk: memoryview, deliver: Callable[[Message], None]) -> None:
        """Take received bytes; they are not kept.

        Args:
            chunk: The bytes; format ``B``.
            deliver: Is called with each message that they complete.

        Raises:
            RemoteProtocolError: The bytes are no gRPC framing, or a message is too long.
        """
        start, end = 0, len(chunk)
        while start < end:
            if self._length < 0:
                start = self._begin(chunk, start)
            elif self._body is None:
                start = self._copy(chunk, start)
            elif self._at < self._length - TAIL:
                start = self._compare(chunk, start)
            else:
                start = self._take(chunk, start, TAIL)
            if self._at + len(self._own) == self._length:
                deliver(self._finish())

    def _begin(self, chunk: memoryview, start: int) -> int:
        """Read the five bytes before a message."""
        stop = self._take(chunk, start, PREFIX)
        own = self._own
        if len(own) < PREFIX:
            return stop
        length = int.from_bytes(own[1:], "big")
        if own[0] > 1 or (own[0] and not self.gzip):
            raise RemoteProtocolError("a message is compressed, and not as the headers said")
        if length > MAX_MESSAGE:
            raise RemoteProtocolError(f"a message of {length} bytes is too long")
        self._compressed = bool(own[0])
        self._length = length
        self._own = bytearray()
        return stop

    def _take(self, chunk: memoryview, start: int, size: int) -> int:
        """Copy until this stream's own part has so many bytes; say how far."""
        stop = start + size - len(self._own)
        self._own += chunk[start:stop]
        return min(stop, len(chunk))

    def _copy(self, chunk: memoryview, start: int) -> int:
        """Copy a message that has no shared part, or none yet."""
        if self._length < LARGE or self._compressed:
            return self._take(chunk, start, self._length)
        stop = self._take(chunk, start, HEAD)
        if len(self._own) == HEAD:
            found = self._bodies.find(self._length, bytes(self._own))
            self._body = found[-1] if found else self._record(self._own)
            self._bodies.hits += bool(found)
            self._at, self._own = HEAD, bytearray()
        return stop

    def _record(self, data: bytearray) -> Body:
        body: Body = Body(self._length, data)
        self._bodies.add(body)
        self._bodies.misses += 1
        return body

    def _compare(self, chunk: memoryview, start: int) -> int:
        """Follow the record; where it ends, go on with it; where it differs, leave it."""
        at = self._at
        piece = chunk[start : start + self._length - TAIL - at]
        body = self._body
        assert body is not None
        if not _follows(body.data, at, piece):
            body = self._other(body, piece)
        if len(body.data) < at + len(piece):
            body.data += piece[len(body.data) - at :]
        self._body = body
        self._at = at + len(piece)
        return start + len(piece)

    def _other(self, body: Body, piece: memoryview) -> Body:
        """Find a record that has come this way too and goes on with these bytes, or begin one."""
        at = self._at
        come = body.data[:at]
        for other in self._bodies.find(self._length, bytes(come[:HEAD])):
            if other.data.startswith(come) and _follows(other.data, at, piece):
                return other
        self._bodies.hits -= 1
        return self._record(come)

    def _finish(self) -> Message:
        own, body = bytes(self._own), self._body
        self._own = bytearray()
        self._length = -1
        self._at = 0
        self._body = None
        return Message(_unzip(own) if self._compressed else own, body)


def _follows(data: bytearray, at: int, piece: memoryview) -> bool:
    """Tell whether a record goes on with these bytes, as far as it goes."""
    known = len(data) - at
    return data.startswith(piece if len(piece) <= known else piece[:known], at)


def _unzip(data: bytes) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    try:
        message = unzip.decompress(data, MAX_MESSAGE + 1)
    except zlib.error as error:
        raise RemoteProtocolError("a compressed message cannot be read") from error
    if len(message) > MAX_MESSAGE or not unzip.eof:
        raise RemoteProtocolError("a compressed message is too long or cut off")
    return message
