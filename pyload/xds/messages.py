"""gRPC messages as they arrive on a stream, without a copy for each of the streams.

A control plane sends the same half megabyte to thousands of proxies, different only in the nonce
near its end. So the first stream that receives a large message records it; every other stream
compares what arrives with the record, chunk by chunk, and keeps nothing but its own position and
the last bytes. Streams that receive the same message at the same time record it together.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import RemoteProtocolError
from pyload.xds.prefix_cache import KEY_BYTES, PREFIX_CACHE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyload.xds.prefix_cache import PrefixCache, PrefixNode

LARGE: Final = 4096
"""Messages of fewer bytes are cheaper to copy than to compare."""
TAIL: Final = 1024
"""Bytes at the end of a large message that are each stream's own: the nonce stands there."""
MAX_MESSAGE: Final = 256 << 20
PREFIX: Final = 5


class Message:
    """One received message.

    Attributes:
        tail: The last bytes of it, or all.
    """

    __slots__ = ("_node", "_place", "tail")

    def __init__(self, tail: bytes, node: PrefixNode | None = None, place: int = 0) -> None:
        self.tail = tail
        # Of the shared part: where it is recorded, and how long it is.
        self._node = node
        self._place = place

    def __len__(self) -> int:
        return self._place + len(self.tail)

    @property
    def shared(self) -> bool:
        """Whether what comes before the tail is recorded, and can be known."""
        return self._node is not None

    @property
    def annotation(self) -> Any:
        """What is known of messages that are the same up to the tail, and as long; or None."""
        if self._node is None:
            return None
        found = self._node.at(self._place).annotations
        return None if found is None else found.get(self._place)

    def annotate(self, annotation: Any, size: int) -> None:
        """Keep what is known of such messages, as long as they are recorded.

        Args:
            annotation: It replaces what was known before.
            size: Bytes that it takes more than that.
        """
        assert self._node is not None
        node = self._node.at(self._place)
        node.tree.charge(size)
        if node.annotations is None:
            node.annotations = {}
        node.annotations[self._place] = annotation

    def whole(self) -> bytes:
        """Put the message together: a copy."""
        return self.tail if self._node is None else self._node.until(self._place, self.tail)


class Assembler:
    """Puts the messages of one stream together from chunks of any size.

    Args:
        cache: Where large messages are recorded.
    """

    __slots__ = (
        "_at",
        "_cache",
        "_compressed",
        "_length",
        "_new",
        "_node",
        "_own",
        "_shared",
        "gzip",
    )

    def __init__(self, cache: PrefixCache = PREFIX_CACHE) -> None:
        self._cache = cache
        self.gzip = False
        # Bytes of this message so far that only this stream has: its prefix, or all, or its tail.
        self._own = bytearray()
        self._length = -1
        self._compressed = False
        # Whether this message may be one of those that are recorded.
        self._shared = False
        self._node: PrefixNode | None = None
        self._at = 0
        # Bytes that this stream was the first to receive.
        self._new = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._own) or self._length >= 0

    def feed(self, chunks: Iterable[memoryview], deliver: Callable[[Message], None]) -> None:
        """Take received bytes; they are not kept.

        Args:
            chunks: The bytes; format ``B``.
            deliver: Is called with each message that they complete.

        Raises:
            RemoteProtocolError: The bytes are no gRPC framing, or a message is too long.
        """
        for chunk in chunks:
            node, at = self._node, self._at
            stop = at + len(chunk)
            # Nearly always all of it is in the record already.
            if (
                node is not None
                and at > node.start
                and stop <= self._length - TAIL
                and node.data.startswith(chunk, at - node.start)
            ):
                self._at = stop
            else:
                self._feed(chunk, deliver)

    def _feed(self, chunk: memoryview, deliver: Callable[[Message], None]) -> None:
        start, end = 0, len(chunk)
        while start < end:
            if self._length < 0:
                start = self._begin(chunk, start)
            elif self._node is None:
                start = self._copy(chunk, start)
            elif self._at < self._length - TAIL:
                start = self._follow(chunk, start)
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
        self._shared = length >= LARGE and not self._compressed
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
        if not self._shared:
            return self._take(chunk, start, self._length)
        stop = self._take(chunk, start, KEY_BYTES)
        if len(self._own) == KEY_BYTES:
            self._node = self._cache.begin(bytes(self._own), self._length)
            self._shared = self._node is not None
            if self._shared:
                self._at, self._own, self._new = KEY_BYTES, bytearray(), 0
        return stop

    def _follow(self, chunk: memoryview, start: int) -> int:
        """Compare with what is recorded, and record what is not."""
        node, at = self._node, self._at
        assert node is not None
        stop = min(start + self._length - TAIL - at, len(chunk))
        piece = chunk[start:stop]
        self._at = at + stop - start
        if at <= node.start or not node.data.startswith(piece, at - node.start):
            before = node.tree.recorded
            self._node = node.follow(at, piece)
            self._new += node.tree.recorded - before
        return stop

    def _finish(self) -> Message:
        own, node, place = bytes(self._own), self._node, self._at
        if node is not None:
            node.tree.end(place, self._new)
        self._own = bytearray()
        self._length = -1
        self._at = 0
        self._node = None
        return Message(_unzip(own) if self._compressed else own, node, place)


def _unzip(data: bytes) -> bytes:
    unzip = zlib.decompressobj(wbits=31)
    try:
        message = unzip.decompress(data, MAX_MESSAGE + 1)
    except zlib.error as error:
        raise RemoteProtocolError("a compressed message cannot be read") from error
    if len(message) > MAX_MESSAGE or not unzip.eof:
        raise RemoteProtocolError("a compressed message is too long or cut off")
    return message
