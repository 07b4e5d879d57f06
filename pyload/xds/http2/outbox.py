"""The bytes that a connection has to write: control frames at once, messages within the windows.

Control frames (settings, acknowledgements, the end of the stream) go before all messages, since a
peer may wait for them. A message that fits into one frame and into the windows becomes a frame at
once, which is nearly every acknowledgement. Others wait in a queue until the windows of the stream
and of the connection allow them, and are cut into DATA frames only when they are written. A stream
that has nothing to send holds no list of either.
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Final

from pyload.xds.http2 import frames
from pyload.xds.http2.frames import Code, Http2Error

CHUNK: Final = 256 << 10
"""Most bytes of messages that one call of `Outbox.take` returns."""
MAX_WAITING: Final = 32 << 20
"""Bytes of messages that may wait for the peer."""
OVERHEAD: Final = 256
"""The least that a message counts as, however short: memory that it uses in the queue."""
MAX_CONTROL: Final = 64 << 10
"""Bytes of control frames that may wait for a peer that does not read."""

Piece = bytes | memoryview

_PREFIX: Final = 5
_WHOLE: Final = struct.Struct(">IBIBI")
"""The head of a DATA frame with a whole message, and gRPC's prefix of that."""
_LARGE: Final = 2 * frames.DEFAULT_FRAME
"""Bytes from which on a message is queued as it is, and not copied behind its prefix."""


class Outbox:
    """The sending half of a connection with one stream.

    Attributes:
        blocked: Whether the socket accepts no more for now; the owner sets it.
        waiting: Bytes of messages in the queue.
    """

    __slots__ = (
        "_control_size",
        "_frame",
        "_initial",
        "_queue",
        "_ready",
        "_sent",
        "_stream_window",
        "_window",
        "blocked",
        "waiting",
    )

    def __init__(self) -> None:
        # Frames that go out next, and the bytes of the control frames among them.
        self._ready: list[Piece] | None = None
        self._control_size = 0
        self._queue: deque[Piece] | None = None
        # Bytes of the first message in the queue that are written already.
        self._sent = 0
        self._frame = frames.DEFAULT_FRAME
        self._initial = frames.DEFAULT_WINDOW
        # Bytes of messages that the peer accepts, of the connection and of the stream; the latter
        # is None until the stream is open.
        self._window = frames.DEFAULT_WINDOW
        self._stream_window: int | None = None
        self.blocked = False
        self.waiting = 0

    def open(self, block: bytes) -> None:
        """Open the stream with a header block; messages may follow."""
        self.control(frames.headers(block, self._frame))
        self._stream_window = self._initial

    @property
    def opened(self) -> bool:
        """Whether the stream has been opened."""
        return self._stream_window is not None

    @property
    def full(self) -> bool:
        """Whether no more messages may be queued."""
        return self.waiting > MAX_WAITING

    def put(self, message: bytes) -> bool:
        """Queue a message, unless the outbox is full; return whether it was not."""
        size = len(message) + _PREFIX
        room = self._stream_window
        if (
            self._queue is None
            and room is not None
            and size <= room
            and size <= self._window
            and size <= self._frame
            and not self.blocked
        ):
            self._window -= size
            self._stream_window = room - size
            head = _WHOLE.pack(size << 8, 0, frames.STREAM, 0, size - _PREFIX)
            if self._ready is None:
                self._ready = [head, message]
            else:
                self._ready += (head, message)
            return True
        if self.full:
            return False
        if self._queue is None:
            self._queue = deque()
        # gRPC's prefix: not compressed, and the length.
        prefix = b"\0" + len(message).to_bytes(4, "big")
        if len(message) < _LARGE:
            self._queue.append(prefix + message)
            self.waiting += max(len(message), OVERHEAD)
            return True
        # A copy of all of it would cost more than to send it: nodes of Envoys are large.
        first = frames.DEFAULT_FRAME - _PREFIX
        for piece in (prefix + message[:first], memoryview(message)[first:]):
            self._queue.append(piece)
            self.waiting += max(len(piece) - _PREFIX, OVERHEAD)
        return True

    def control(self, data: bytes) -> None:
        """Queue control frames, which go before all messages that wait.

        Raises:
            Http2Error: The peer asks for answers, and does not read them.
        """
        self._queue_control(data)
        self._control_size += len(data)
        if self._control_size > MAX_CONTROL and self.blocked:
            raise Http2Error(Code.ENHANCE_YOUR_CALM, "asks for answers and does not read them")

    def end(self, data: bytes) -> None:
        """Queue the last frames, and drop the messages in the queue."""
        self._queue_control(data)
        self._queue = None
        self.blocked = False

    def _queue_control(self, data: bytes) -> None:
        if self._ready is None:
            self._ready = [data]
        else:
            self._ready.append(data)

    def take(self) -> bytes:
        """Return the bytes to write next; empty when there are none for now.

        After this call you must write them, and call again unless they were empty.
        """
        queue, pieces = self._queue, self._ready
        if self.blocked or (queue is None and pieces is None):
            return b""
        pieces = [] if pieces is None else pieces
        self._ready = None
        self._control_size = 0
        if queue is not None and self._stream_window is not None:
            self._cut(queue, pieces, min(self._window, self._stream_window, CHUNK))
        return b"".join(pieces)

    def _cut(self, queue: deque[Piece], pieces: list[Piece], room: int) -> None:
        """Cut bytes of the messages into frames, as many as there is room for."""
        assert self._stream_window is not None
        before = room
        while room > 0 and queue:
            message = queue[0]
            size = min(len(message) - self._sent, room, self._frame)
            pieces.append(frames.HEAD.pack(size << 8, 0, frames.STREAM))
            whole = size == len(message)
            pieces.append(message if whole else message[self._sent : self._sent + size])
            room -= size
            self._sent += size
            if self._sent == len(message):
                queue.popleft()
                self._sent = 0
                self.waiting -= max(len(message) - _PREFIX, OVERHEAD)
        if not queue:
            self._queue = None
        self._window -= before - room
        self._stream_window -= before - room

    def credit(self, stream: int, size: int) -> None:
        """Enlarge a window, for a WINDOW_UPDATE of the peer.

        Args:
            stream: The stream's window; 0 for the connection's.
            size: Bytes that the peer is ready to receive in addition.

        Raises:
            Http2Error: The size is 0, or the window would be larger than HTTP/2 allows.
        """
        if not size:
            raise Http2Error(Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing", stream=stream != 0)
        if stream == 0:
            self._window = _grown(self._window, size, stream=False)
        elif self._stream_window is not None:
            self._stream_window = _grown(self._stream_window, size, stream=True)

    def set_peer_settings(self, payload: memoryview) -> int | None:
        """Apply the peer's SETTINGS and acknowledge them.

        Returns:
            How many streams they allow; None if they do not say.

        Raises:
            Http2Error: HTTP/2 does not allow a value, or the payload is cut off.
        """
        if len(payload) % frames.PAIR.size:
            raise Http2Error(Code.FRAME_SIZE_ERROR, f"SETTINGS with {len(payload)} bytes")
        streams = None
        for name, value in frames.PAIR.iter_unpack(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self.set_window(value)
            elif name == frames.MAX_FRAME_SIZE:
                self.set_frame(value)
            elif name == frames.ENABLE_PUSH and value:
                raise Http2Error(Code.PROTOCOL_ERROR, f"ENABLE_PUSH {value} of a server")
            elif name == frames.MAX_CONCURRENT_STREAMS:
                streams = value
        self.control(frames.SETTINGS_ACK)
        return streams

    def set_window(self, size: int) -> None:
        """Apply the peer's INITIAL_WINDOW_SIZE, which also changes the open stream's window.

        Raises:
            Http2Error: A window would become larger than HTTP/2 allows.
        """
        if size > frames.LARGEST_WINDOW:
            raise Http2Error(Code.FLOW_CONTROL_ERROR, f"INITIAL_WINDOW_SIZE {size}")
        if self._stream_window is not None:
            change = size - self._initial
            self._stream_window = _grown(self._stream_window, change, stream=False)
        self._initial = size

    def set_frame(self, size: int) -> None:
        """Apply the peer's MAX_FRAME_SIZE.

        Raises:
            Http2Error: HTTP/2 does not allow the size.
        """
        if not frames.DEFAULT_FRAME <= size <= frames.LARGEST_FRAME:
            raise Http2Error(Code.PROTOCOL_ERROR, f"MAX_FRAME_SIZE {size}")
        self._frame = size


def _grown(window: int, size: int, *, stream: bool) -> int:
    if window + size > frames.LARGEST_WINDOW:
        raise Http2Error(Code.FLOW_CONTROL_ERROR, "a window is too large", stream=stream)
    return window + size
