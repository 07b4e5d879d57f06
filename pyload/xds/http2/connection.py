"""The connection's state machine: what the peer's frames mean, and which of them it may not send.

The receiving side of the stream, which is all that a client waits for::

    GREETING ──SETTINGS──▶ HEAD ──response headers──▶ BODY ──trailers, END_STREAM──▶ ENDED
                           │  ▲                                                        ▲
                           │  └─ 1xx                                                   │
                           └──────── trailers only ────────────────────────────────────┤
    from everywhere: RST_STREAM, GOAWAY without the stream, an error, `close`, `lost` ─┘

Nothing leads out of ENDED: what arrives then is not looked at.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from pyload.errors import RemoteProtocolError
from pyload.xds.http2 import fields, frames
from pyload.xds.http2.frames import Code, Http2Error
from pyload.xds.http2.headers import ResponseHeaders
from pyload.xds.http2.inbox import Inbox
from pyload.xds.http2.outbox import MAX_WAITING, Outbox
from pyload.xds.http2.status import named, of_reset
from pyload.xds.prefix_cache import PREFIX_CACHE

if TYPE_CHECKING:
    from pyload.xds.http2.inbox import Events
    from pyload.xds.prefix_cache import PrefixCache
    from pyload.xds.transport import Status

WINDOW: Final = 1 << 20
"""Bytes that the peer may send ahead, as to Istio's agent."""
MAX_IDLE_FRAMES: Final = 100_000
"""Frames that bring no bytes of a message and may come between two that do.

At a PING every 30 s it lasts for a month; all at once it is a fraction of a second's work.
"""

_HELLO: Final = frames.hello(WINDOW, fields.LARGEST_LIST)
_SHOWN: Final = 256


class State(Enum):
    """What the peer sends next on the stream."""

    GREETING = auto()
    HEAD = auto()
    BODY = auto()
    ENDED = auto()


class Connection:
    """One connection with one stream.

    After each call but `pause`, take and write `out`, and look at `status`. What a call of
    `events` raises passes through `receive` and `drain`, unless it is a `RemoteProtocolError`,
    which ends the stream.

    Args:
        block: Header block of the request, see `pyload.xds.http2.fields.request`.
        events: Hears of the stream.
        cache: Where large messages are recorded.

    Attributes:
        out: What is to be written.
        status: How the stream has ended; None until then.
    """

    __slots__ = (
        "_block",
        "_ending",
        "_events",
        "_goaway",
        "_headers",
        "_idle_frames",
        "_inbox",
        "_left",
        "_partial",
        "_state",
        "_window",
        "out",
        "status",
    )

    def __init__(self, block: bytes, *, events: Events, cache: PrefixCache = PREFIX_CACHE) -> None:
        self._block = block
        self._events = events
        self._inbox = Inbox(events, cache)
        self._headers = ResponseHeaders()
        self._state = State.GREETING
        # Bytes that are missing of the DATA frame that has begun, and whether it is the last.
        self._left = 0
        self._ending = False
        # Any other frame that has begun, from its first byte on.
        self._partial: bytearray | None = None
        # Both the stream's and the connection's: they are always the same.
        self._window = WINDOW
        self._idle_frames = 0
        self._goaway = ""
        self.out = Outbox()
        self.status: Status | None = None
        self.out.control(_HELLO)

    @property
    def opened(self) -> bool:
        """Whether the stream has been opened, or has ended."""
        return self._state is not State.GREETING

    @property
    def drained(self) -> bool:
        """Whether every message that has come was given to `events`."""
        return self._inbox.empty

    def receive(self, data: memoryview) -> None:
        """Take received bytes; they are not kept.

        Args:
            data: The bytes; format ``B``.
        """
        try:
            self._parse(data)
        except RemoteProtocolError as error:
            self.fail(error)

    def send(self, message: bytes) -> None:
        """Send a message as soon as the peer takes it; dropped if the stream has ended."""
        if self.status is not None:
            return
        if self.out.full:
            text = f"{MAX_WAITING >> 20} MiB of requests wait, and the control plane takes none"
            self._end(named("RESOURCE_EXHAUSTED", text), frames.rst_stream(Code.CANCEL))
        else:
            self.out.put(message)

    def close(self, status: Status) -> None:
        """End the stream from this side; messages that are held back are dropped."""
        self._inbox.drop()
        self._end(status, frames.rst_stream(Code.CANCEL) if self.opened else b"")

    def lost(self, why: str) -> None:
        """Take the end of the connection."""
        if not self.opened:
            why = f"{why} before the server answered"
        self._end(named("UNAVAILABLE", why + self._goaway), b"")

    def fail(self, error: Exception) -> None:
        """End the stream for what the peer did, or for what `events` could not handle."""
        if not isinstance(error, Http2Error):
            self._inbox.drop()
            last = frames.rst_stream(Code.CANCEL)
        elif error.stream:
            last = frames.rst_stream(error.code)
        else:
            last = frames.goaway(error.code, error.what)
        if self.opened:
            self._end(named("INTERNAL", str(error)), last)
        else:
            text = f"the answer is not that of an HTTP/2 server: {error}"
            self._end(named("UNAVAILABLE", text), last)

    def pause(self) -> None:
        """Hold messages back, and do not renew the peer's window."""
        self._inbox.paused = True

    def resume(self) -> None:
        """Undo `pause`; after this call you must call `drain`."""
        self._inbox.paused = False

    def drain(self) -> None:
        """Give the messages that were held back, and renew the peer's window."""
        try:
            self._inbox.drain()
            self._grant()
        except RemoteProtocolError as error:
            self.fail(error)

    # Frames, from bytes in any pieces.

    def _parse(self, data: memoryview) -> None:
        at, end = 0, len(data)
        while at < end and self._state is not State.ENDED:
            if self._left:
                at = self._payload(data, at)
                continue
            if self._partial is not None or end - at < frames.HEAD_SIZE:
                at = self._gather(data, at)
                continue
            word, flags, stream = frames.HEAD.unpack_from(data, at)
            if not word & 0xFF and not flags & frames.PADDED:
                at += frames.HEAD_SIZE
                self._data(word >> 8, flags, stream)
            elif end - at < frames.HEAD_SIZE + (word >> 8):
                at = self._gather(data, at)
            else:
                start = at + frames.HEAD_SIZE
                at = start + (word >> 8)
                self._frame(word, flags, stream, data[start:at])

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
            self._frame(word, flags, stream, memoryview(partial)[frames.HEAD_SIZE :])
        return min(stop, len(data))

    def _admit(self, kind: int, length: int) -> None:
        """Refuse a frame by its first bytes."""
        if self._state is State.GREETING and kind != frames.SETTINGS:
            raise Http2Error(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if length > frames.DEFAULT_FRAME:
            raise Http2Error(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
        if self._headers.unfinished and kind != frames.CONTINUATION:
            raise Http2Error(Code.PROTOCOL_ERROR, "a header block is interrupted")

    def _count(self) -> None:
        self._idle_frames += 1
        if self._idle_frames > MAX_IDLE_FRAMES:
            raise Http2Error(Code.ENHANCE_YOUR_CALM, "too many frames that bring nothing")

    def _frame(self, word: int, flags: int, stream: int, payload: memoryview) -> None:
        """Handle a whole frame, of any type but DATA without padding."""
        kind = word & 0xFF
        stream &= frames.ID_MASK
        self._admit(kind, len(payload))
        frames.check(kind, stream, len(payload))
        if kind != frames.DATA:
            self._count()
        self._handle(kind, flags, stream, payload)

    def _handle(self, kind: int, flags: int, stream: int, payload: memoryview) -> None:
        match kind:
            case frames.DATA:
                self._padded_data(flags, payload)
            case frames.HEADERS:
                block = frames.without_priority(frames.unpadded(payload, flags), flags)
                self._answered(self._headers.headers(block, flags))
            case frames.CONTINUATION:
                self._answered(self._headers.continuation(payload, flags))
            case frames.RST_STREAM:
                self._end(of_reset(int.from_bytes(payload, "big")), b"")
            case frames.SETTINGS:
                self._settings(flags, payload)
            case frames.PING if not flags & frames.ACK:
                self.out.control(frames.frame(frames.PING, frames.ACK, 0, bytes(payload)))
            case frames.GOAWAY:
                self._go_away(payload)
            case frames.WINDOW_UPDATE:
                self._window_update(stream, payload)
            case frames.PUSH_PROMISE:
                raise Http2Error(Code.PROTOCOL_ERROR, "PUSH_PROMISE, which the settings forbid")

    # DATA, section 6.1.

    def _data(self, length: int, flags: int, stream: int) -> None:
        """Begin a frame; its payload comes next."""
        self._admit(frames.DATA, length)
        if stream & frames.ID_MASK != frames.STREAM:
            raise Http2Error(Code.PROTOCOL_ERROR, f"DATA of stream {stream & frames.ID_MASK}")
        if self._state is not State.BODY:
            raise Http2Error(Code.PROTOCOL_ERROR, "DATA before the headers", stream=True)
        if length > self._window:
            raise Http2Error(Code.FLOW_CONTROL_ERROR, "more DATA than the window")
        self._window -= length
        self._left = length
        self._ending = bool(flags & frames.END_STREAM)
        if length:
            self._idle_frames = 0
        else:
            self._count()
            self._data_done()

    def _payload(self, data: memoryview, at: int) -> int:
        """Take the payload of the frame that has begun, and of those right behind it; say how far.

        Nearly all that a control plane sends goes this way.
        """
        alone = self._ending or self._headers.limited
        chunks, stop, self._left, self._window = frames.payloads(
            data, at, self._left, self._window, alone=alone
        )
        self._idle_frames = 0
        if alone:
            self._headers.count(stop - at)
        self._inbox.feed(chunks)
        self._data_done()
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
            self._data_done()

    def _data_done(self) -> None:
        if self._ending and not self._left:
            text = "the server ended the stream without trailers"
            self._end(named("INTERNAL", text), frames.rst_stream(Code.CANCEL))
        else:
            self._grant()

    def _grant(self) -> None:
        """Renew the peer's window once half of it is used."""
        size = WINDOW - self._window
        if size >= WINDOW // 2 and self._state is State.BODY and not self._inbox.paused:
            self._window = WINDOW
            self.out.control(
                frames.window_update(0, size) + frames.window_update(frames.STREAM, size)
            )

    # The other frames.

    def _answered(self, status: Status | None) -> None:
        """Act on a header block, or on a part of it."""
        if status is not None:
            if status.code == 0 and self._inbox.partial:
                status = named("INTERNAL", "the stream ended within a message")
            self._end(status, frames.rst_stream(Code.CANCEL))
        elif self._headers.begun and self._state is State.HEAD:
            self._state = State.BODY
            if self._headers.gzip:
                self._inbox.accept_gzip()

    def _settings(self, flags: int, payload: memoryview) -> None:
        if flags & frames.ACK:
            if payload:
                raise Http2Error(Code.FRAME_SIZE_ERROR, "SETTINGS acknowledged with a payload")
            if self._state is State.GREETING:
                raise Http2Error(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._headers.acknowledged = True
            return
        if len(payload) % frames.PAIR.size:
            raise Http2Error(Code.FRAME_SIZE_ERROR, f"SETTINGS with {len(payload)} bytes")
        streams = 1
        for name, value in frames.PAIR.iter_unpack(payload):
            if name == frames.INITIAL_WINDOW_SIZE:
                self.out.set_window(value)
            elif name == frames.MAX_FRAME_SIZE:
                self.out.set_frame(value)
            elif name == frames.ENABLE_PUSH and value:
                raise Http2Error(Code.PROTOCOL_ERROR, f"ENABLE_PUSH {value} of a server")
            elif name == frames.MAX_CONCURRENT_STREAMS:
                streams = value
        self.out.control(frames.SETTINGS_ACK)
        if self._state is State.GREETING:
            self._greeted(streams)

    def _greeted(self, streams: int) -> None:
        if not streams:
            self._end(named("UNAVAILABLE", "the server allows no streams"), b"")
            return
        self._state = State.HEAD
        self.out.open(self._block)
        self._events.opened()

    def _go_away(self, payload: memoryview) -> None:
        if len(payload) < 8:
            raise Http2Error(Code.FRAME_SIZE_ERROR, f"GOAWAY with {len(payload)} bytes")
        last, code = frames.LAST_AND_CODE.unpack_from(payload)
        debug = bytes(payload[8 : 8 + _SHOWN]).decode("utf-8", "replace")
        self._goaway = f", received GOAWAY {frames.code_name(code)}, debug data: {debug!r}"
        if last & frames.ID_MASK < frames.STREAM:
            self._end(named("UNAVAILABLE", f"the stream was refused{self._goaway}"), b"")

    def _window_update(self, stream: int, payload: memoryview) -> None:
        size = int.from_bytes(payload, "big") & frames.ID_MASK
        if not size:
            raise Http2Error(Code.PROTOCOL_ERROR, "WINDOW_UPDATE of nothing", stream=stream != 0)
        self.out.credit(stream, size)

    def _end(self, status: Status, last: bytes) -> None:
        """End the stream with its last frame, unless it has ended already."""
        if self.status is None:
            self.status = status
            self._state = State.ENDED
            self._partial = None
            self.out.end(last)
