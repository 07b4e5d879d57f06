"""The frames of received bytes, and the flow control of DATA: the receiving half of a connection.

A control plane sends hardly anything but DATA, and much of it. So DATA goes past everything else:
its payload is never copied, neither is it collected into frames; `_payload` hands on the views of
all DATA frames that follow one another in the received bytes. While the body *flows*, that is all
that is asked of them; `_data` looks at one alone where it does not. Every other frame is collected
until it is whole.

What a frame means, and whether it may come now, is for `pyload.xds.http2.connection.Connection`,
which fills in the methods at the end. It is a subclass rather than a listener since ten thousand
connections would hold an object more each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.xds.http2 import frames
from pyload.xds.http2.frames import Code, Http2Error

if TYPE_CHECKING:
    from pyload.xds.transport import Status

WINDOW: Final = 1 << 20
"""Bytes that the peer may send ahead, as to Istio's agent."""
MAX_IDLE_FRAMES: Final = 100_000
"""Frames that bring no bytes of a message and may come between two that do.

At a PING every 30 s it lasts for a month; all at once it is a fraction of a second's work.
"""


class FrameReader:
    """Cuts received bytes into frames, until the stream has ended."""

    __slots__ = ("_ending", "_flows", "_idle_frames", "_left", "_partial", "_window", "status")

    def __init__(self) -> None:
        self.status: Status | None = None
        """How the stream has ended; None until then."""

        # Bytes that are missing of the DATA frame that has begun, and whether it ends the stream.
        self._left = 0
        self._ending = False
        # Whether plain DATA may come in any number, and none of it has to be counted.
        self._flows = False
        # Any other frame that has begun, from its first byte on.
        self._partial: bytearray | None = None
        # Bytes that the peer may send: of the stream and of the connection, which are always equal.
        self._window = WINDOW
        # Frames since the last one that brought bytes of a message.
        self._idle_frames = 0

    # Frames, from bytes in any pieces.

    def _parse(self, data: memoryview) -> None:
        at, end = 0, len(data)
        while at < end and self.status is None:
            if self._left:
                at = self._payload(data, at)
                continue
            if self._partial is not None or end - at < frames.HEAD_SIZE:
                at = self._gather(data, at)
                continue
            word, flags, stream = frames.HEAD.unpack_from(data, at)
            if not word & 0xFF and not flags & frames.PADDED:
                if self._flows and (stop := self._payload(data, at)) > at:
                    at = stop
                    continue
                at += frames.HEAD_SIZE
                self._data(word >> 8, flags, stream)
            elif end - at < frames.HEAD_SIZE + (word >> 8):
                at = self._gather(data, at)
            else:
                start = at + frames.HEAD_SIZE
                at = start + (word >> 8)
                self._whole(word, flags, stream, data[start:at])

    def _gather(self, data: memoryview, at: int) -> int:
        """Keep a piece of a frame that is cut, and handle the frame once it is whole."""
        partial = bytearray() if self._partial is None else self._partial
        self._partial = partial
        if len(partial) < frames.HEAD_SIZE:
            stop = at + frames.HEAD_SIZE - len(partial)
            partial += data[at:stop]
            if len(partial) < frames.HEAD_SIZE:
                return len(data)
            at = stop
        word: int
        word, flags, stream = frames.HEAD.unpack_from(partial)
        self._admit(word & 0xFF, word >> 8)
        if not word & 0xFF and not flags & frames.PADDED:
            self._partial = None
            self._data(word >> 8, flags, stream)
            return at
        stop = at + frames.HEAD_SIZE + (word >> 8) - len(partial)
        partial += data[at:stop]
        if stop <= len(data):
            self._partial = None
            self._whole(word, flags, stream, memoryview(partial)[frames.HEAD_SIZE :])
        return min(stop, len(data))

    def _whole(self, word: int, flags: int, stream: int, payload: memoryview) -> None:
        """Handle a frame that is not plain DATA."""
        kind = word & 0xFF
        stream &= frames.ID_MASK
        self._admit(kind, len(payload))
        frames.check(kind, stream, len(payload))
        if kind == frames.DATA:
            self._padded_data(flags, payload)
        else:
            self._count()
            self._frame(kind, flags, stream, payload)

    def _count(self) -> None:
        self._idle_frames += 1
        if self._idle_frames > MAX_IDLE_FRAMES:
            raise Http2Error(Code.ENHANCE_YOUR_CALM, "too many frames that bring nothing")

    # DATA, section 6.1.

    def _data(self, length: int, flags: int, stream: int) -> None:
        """Begin a DATA frame, whose payload comes next."""
        self._admit(frames.DATA, length)
        if stream & frames.ID_MASK != frames.STREAM:
            raise Http2Error(Code.PROTOCOL_ERROR, f"DATA of stream {stream & frames.ID_MASK}")
        self._admit_data()
        if length > self._window:
            raise Http2Error(Code.FLOW_CONTROL_ERROR, "more DATA than the window")
        self._window -= length
        self._left = length
        self._ending = bool(flags & frames.END_STREAM)
        if length:
            self._idle_frames = 0
        else:
            self._count()
            self._data_done(ended=self._ending)

    def _payload(self, data: memoryview, at: int) -> int:
        """Handle the payload of the DATA frame that has begun, and of those right behind it.

        Nearly all that a control plane sends goes this way. Return the end of the payload, which is
        its beginning if no frame has begun, and the next one is not plain DATA.
        """
        alone = self._ending or not self._flows
        chunks, stop, self._left, self._window = frames.payloads(
            data, at, self._left, self._window, alone=alone
        )
        if chunks:
            self._idle_frames = 0
            self._body(chunks, stop - at if alone else 0)
            self._data_done(ended=self._ending and not self._left)
        return stop

    def _padded_data(self, flags: int, payload: memoryview) -> None:
        chunk = frames.unpadded(payload, flags)
        # Padding counts against the window, and brings nothing.
        idle = self._idle_frames
        self._data(len(payload), 0, frames.STREAM)
        self._ending = bool(flags & frames.END_STREAM)
        self._left = len(chunk)
        if chunk:
            self._payload(chunk, 0)
        else:
            self._idle_frames = idle
            self._count()
            self._data_done(ended=self._ending)

    # What the connection makes of it.

    def _admit(self, kind: int, length: int) -> None:
        """Check by its first bytes whether a frame may come now."""
        raise NotImplementedError

    def _admit_data(self) -> None:
        """Check whether DATA may come now."""
        raise NotImplementedError

    def _frame(self, kind: int, flags: int, stream: int, payload: memoryview) -> None:
        """Handle a frame that is not DATA."""
        raise NotImplementedError

    def _body(self, chunks: list[memoryview], size: int) -> None:
        """Handle bytes of the body, of a size that is to be counted unless the body flows."""
        raise NotImplementedError

    def _data_done(self, *, ended: bool) -> None:
        """Handle the end of what was received of DATA, with which the stream may have ended."""
        raise NotImplementedError
