"""gRPC messages as they arrive on a stream, without a copy for each of the streams.

A control plane sends the same half megabyte to thousands of proxies, different only in the nonce
near its end. If each stream collected its own copy, a push would fill the memory before the first
proxy has answered. So the first stream that receives a large message records it in a
`pyload.xds.prefix_cache`; every other stream compares what arrives with the record, chunk by
chunk, and keeps nothing but its position. Streams that receive the same message at the same time
record it together.

A message of `LARGE` bytes or more is thus cut in three::

    ├─ key ─┼──────────── shared part ────────────┼─ tail ─┤
     finds the     compared, recorded where new     copied: the nonce
     record                                         stands in it

Smaller messages, compressed ones, and those whose record would be of no use are copied whole.

A `Message` stands for the three parts. What a reader has found out about a message can be kept with
its record as an *annotation*, and is there for the next stream that receives the same:
`pyload.xds.response_cache` reads a response only once by that.
"""

from __future__ import annotations

import struct
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import RemoteProtocolError
from pyload.xds.prefix_cache import KEY_BYTES, PREFIX_CACHE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.xds.prefix_cache import PrefixCache, PrefixNode
    from pyload.xds.transport import Sink

LARGE: Final = 16 << 10
"""Messages of fewer bytes are cheaper to copy than to compare: they fit into one DATA frame."""
TAIL: Final = 1024
"""Bytes at the end of a large message that each stream copies: the nonce stands there."""
MAX_MESSAGE: Final = 256 << 20
"""Bytes of the longest message that is accepted."""
PREFIX: Final = 5
"""Bytes before a message in gRPC's framing: whether it is compressed, and its length."""
_PREFIX: Final = struct.Struct(">BI")


class Message:
    """One received message.

    Attributes:
        tail: The last bytes of the message, or all of it where nothing is shared.
    """

    __slots__ = ("_node", "_place", "tail")

    def __init__(self, tail: bytes, node: PrefixNode | None = None, place: int = 0) -> None:
        self.tail = tail
        # The node in which the shared part ends; None if there is no shared part.
        self._node = node
        # How long the shared part is, with the key.
        self._place = place

    @property
    def shared(self) -> bool:
        """Whether all before the tail is recorded, so that the message can have an annotation."""
        return self._node is not None

    @property
    def annotation(self) -> Any:
        """The annotation of messages whose shared part is the same; None if there is none."""
        if self._node is None:
            return None
        found = self._node.at(self._place).annotations
        return None if found is None else found.get(self._place)

    def annotate(self, annotation: Any, size: int) -> None:
        """Set the annotation of messages with this shared part, for as long as it is recorded.

        Args:
            annotation: Replaces the one before.
            size: Bytes that it uses in addition to that.
        """
        assert self._node is not None
        node = self._node.at(self._place)
        node.tree.charge(size)
        if node.annotations is None:
            node.annotations = {}
        node.annotations[self._place] = annotation

    def whole(self) -> bytes:
        """Return the bytes of the message: a copy, if a part of it is shared."""
        return self.tail if self._node is None else self._node.until(self._place, self.tail)


class Assembler:
    """Puts the messages of one stream together from chunks of any size, and delivers them.

    Between two chunks a stream is in one of four places, which `_feed` tells apart: before the
    length of a message (`_length` is -1), in a message or key that it copies (`_node` is None), in
    a shared part, or in the tail.

    Args:
        sink: Its `message` is called with each message.
        cache: Where large messages are recorded.
    """

    __slots__ = (
        "_at",
        "_cache",
        "_compressed",
        "_dropped",
        "_held",
        "_length",
        "_new",
        "_node",
        "_own",
        "_shared",
        "_sink",
        "gzip",
        "paused",
    )

    def __init__(self, sink: Sink, cache: PrefixCache = PREFIX_CACHE) -> None:
        self._sink = sink
        self._cache = cache
        self.gzip = False
        """Whether messages may be compressed: the headers of the response say so."""
        self.paused = False
        """Whether messages are held back; call `drain` after the pause."""
        # Messages that are held back; None if there are none. The peer's window, which is not
        # renewed in a pause, bounds them.
        self._held: deque[Message] | None = None
        # Whether messages are dropped from now on.
        self._dropped = False
        # Bytes of this message so far that only this stream has: its prefix, key, tail, or all.
        self._own = bytearray()
        # Length of this message; -1 before it is known.
        self._length = -1
        self._compressed = False
        # Whether this message may have a shared part.
        self._shared = False
        # Where the shared part of this message has come to: the node, and the bytes before it.
        self._node: PrefixNode | None = None
        self._at = 0
        # Bytes of the shared part that this stream was the first to receive.
        self._new = 0

    @property
    def partial(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._own) or self._length >= 0

    @property
    def empty(self) -> bool:
        """Whether no message is held back."""
        return self._held is None

    def feed(self, chunks: Iterable[memoryview]) -> None:
        """Receive bytes, and deliver the messages that they complete.

        The chunks are compared or copied before this returns, so their memory may be used again.

        Args:
            chunks: The bytes; format ``B``.

        Raises:
            RemoteProtocolError: The bytes are no gRPC framing, or a message is too long.
        """
        for chunk in chunks:
            node, size = self._node, len(chunk)
            if node is None:
                # Nearly always a chunk is one small message, or the beginning of a large one.
                if size < LARGE and size >= PREFIX and self._length < 0 and not self._own:
                    compressed, length = _PREFIX.unpack_from(chunk)
                    if length == size - PREFIX and not compressed:
                        self._deliver(Message(bytes(chunk[PREFIX:])))
                        continue
            else:
                # Nearly always all of it is in the record already.
                at = self._at
                if (
                    at > node.start
                    and at + size <= self._length - TAIL
                    and node.data.startswith(chunk, at - node.start)
                ):
                    self._at = at + size
                    continue
            self._feed(chunk)

    def drain(self) -> None:
        """Deliver the messages that were held back, until there is none or another pause."""
        while self._held and not self.paused:
            message = self._held.popleft()
            if not self._held:
                self._held = None
            self._sink.message(message)

    def drop(self) -> None:
        """Deliver no message any more, and forget those that are held back."""
        self._held = None
        self._dropped = True

    def _deliver(self, message: Message) -> None:
        if self.paused or self._held is not None:
            if self._held is None:
                self._held = deque()
            self._held.append(message)
        elif not self._dropped:
            self._sink.message(message)

    def _feed(self, chunk: memoryview) -> None:
        start, end = 0, len(chunk)
        while start < end:
            if self._length < 0:
                start = self._begin(chunk, start)
            elif self._node is None:
                start = self._copy(chunk, start)
            elif self._at < self._length - TAIL:
                start = self._follow(chunk, start)
            else:
                start = self._collect(chunk, start, TAIL)
            if self._at + len(self._own) == self._length:
                self._deliver(self._finish())

    def _begin(self, chunk: memoryview, start: int) -> int:
        """Read the five bytes before a message."""
        stop = self._collect(chunk, start, PREFIX)
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

    def _collect(self, chunk: memoryview, start: int, size: int) -> int:
        """Copy from a place in a chunk until `_own` has a size, and return the place behind."""
        stop = start + size - len(self._own)
        self._own += chunk[start:stop]
        return min(stop, len(chunk))

    def _copy(self, chunk: memoryview, start: int) -> int:
        """Copy a message without a shared part, or the key of one that may have it."""
        if not self._shared:
            return self._collect(chunk, start, self._length)
        stop = self._collect(chunk, start, KEY_BYTES)
        if len(self._own) == KEY_BYTES:
            self._node = self._cache.begin(bytes(self._own), self._length)
            self._shared = self._node is not None
            if self._shared:
                self._at, self._own, self._new = KEY_BYTES, bytearray(), 0
        return stop

    def _follow(self, chunk: memoryview, start: int) -> int:
        """Compare the shared part with the record, and record what is new."""
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
        """Return the message that is complete, and begin the next."""
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
