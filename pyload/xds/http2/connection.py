"""One HTTP/2 connection with one gRPC stream, seen from the client: bytes in, bytes out.

The engine has no socket, no clock and no task: its owner reads and writes for it::

    received bytes ─▶ receive ─▶ frames ─┬─ DATA ────▶ Assembler ─▶ Sink.message
                                         ├─ HEADERS ─▶ ResponseHeaders ─▶ status
                                         └─ others ──▶ answers
                                                           ▼
                      messages ─▶ send ──────────────▶ Outbox `out` ─▶ bytes to write

A control plane sends hardly anything but DATA, and much of it. So DATA goes past everything else:
its payload is never copied, neither is it collected into frames; `_payload` hands on the views of
all DATA frames that follow one another in the received bytes. Every other frame is collected until
it is whole. What the peer may send when is in `pyload.xds.http2.state`.

Whatever a hostile or broken peer can make grow has a bound: frames that bring nothing, a header
list, answers that the peer does not read, and messages that wait for the peer's window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.errors import RemoteProtocolError
from pyload.xds.http2 import fields, frames
from pyload.xds.http2.frames import Code, Http2Error
from pyload.xds.http2.headers import ResponseHeaders
from pyload.xds.http2.outbox import MAX_WAITING, Outbox
from pyload.xds.http2.state import TRANSITIONS, Input, State
from pyload.xds.http2.status import named, of_reset
from pyload.xds.messages import Assembler
from pyload.xds.prefix_cache import PREFIX_CACHE

if TYPE_CHECKING:
    from pyload.xds.prefix_cache import PrefixCache
    from pyload.xds.transport import Sink, Status

WINDOW: Final = 1 << 20
"""Bytes that the peer may send ahead, as to Istio's agent."""
MAX_IDLE_FRAMES: Final = 100_000
"""Frames that bring no bytes of a message and may come between two that do.

At a PING every 30 s it lasts for a month; all at once it is a fraction of a second's work.
"""

_HELLO: Final = frames.hello(WINDOW, fields.LARGEST_LIST)


class Connection:
    """One connection with one stream.

    After each call but `pause` and `resume` you must write what `out.take` returns until nothing is
    left, and look at `status`: once it is set, close the socket after the last write.

    The connection calls `opened` and `message` of the sink, only within `receive` and `drain`; to
    call `closed` is up to you. What they raise passes through, except a `RemoteProtocolError`,
    which ends the stream.

    Args:
        block: Header block of the request, see `pyload.xds.http2.fields.request`.
        sink: Is told of the open stream and of each message.
        cache: Where large messages are recorded.
    """

    __slots__ = (
        "_assembler",
        "_block",
        "_ending",
        "_goaway",
        "_headers",
        "_idle_frames",
        "_left",
        "_partial",
        "_sink",
        "_state",
        "_window",
        "out",
        "status",
    )

    def __init__(self, block: bytes, *, sink: Sink, cache: PrefixCache = PREFIX_CACHE) -> None:
        self.out = Outbox()
        """The bytes that are to be written."""
        self.status: Status | None = None
        """How the stream has ended; None until then."""

        self._block = block
        self._sink = sink
        self._state = State.GREETING
        # Puts messages together from the payload of DATA, and holds them back in a pause.
        self._assembler = Assembler(sink, cache)
        # The headers and trailers of the response, and what they mean.
        self._headers = ResponseHeaders()
        # Bytes that are missing of the DATA frame that has begun, and whether it ends the stream.
        self._left = 0
        self._ending = False
        # Any other frame that has begun, from its first byte on.
        self._partial: bytearray | None = None
        # Bytes that the peer may send: of the stream and of the connection, which are always equal.
        self._window = WINDOW
        # Frames since the last one that brought bytes of a message.
        self._idle_frames = 0
        # The peer's GOAWAY in words, for the status; empty until one comes.
        self._goaway = ""

        self.out.control(_HELLO)

    @property
    def opened(self) -> bool:
        """Whether the stream has been opened, or has ended."""
        return self._state is not State.GREETING

    @property
    def drained(self) -> bool:
        """Whether every message that has come was delivered to the sink, or dropped."""
        return self._assembler.empty

    def receive(self, data: memoryview) -> None:
        """Handle received bytes: deliver the messages that they complete, and queue answers.

        Bytes of any number may come at a time. Nothing of them is kept as it is, so the buffer may
        be used again. If the peer breaks the protocol, this does not raise: `status` says so, and
        `out` has the frame that tells the peer. After the end further bytes are ignored.

        Args:
            data: The bytes; format ``B``.
        """
        try:
            self._parse(data)
        except RemoteProtocolError as error:
            self.fail(error)

    def send(self, message: bytes) -> None:
        """Queue a message; `out` returns it as soon as the peer's window allows.

        Allowed from within the sink. After the end of the stream the message is dropped. If
        `MAX_WAITING` bytes are in the queue already, the stream ends instead.
        """
        if self.status is not None:
            return
        if self.out.full:
            text = f"{MAX_WAITING >> 20} MiB of requests wait, and the control plane takes none"
            self._end(named("RESOURCE_EXHAUSTED", text), frames.rst_stream(Code.CANCEL))
        else:
            self.out.put(message)

    def close(self, status: Status) -> None:
        """End the stream from this side, with a status; messages that are held back are dropped.

        If it has ended already, the status stays what it was.
        """
        self._assembler.drop()
        self._end(status, frames.rst_stream(Code.CANCEL) if self.opened else b"")

    def lost(self, why: str) -> None:
        """End the stream because the connection is gone; there is nothing to write any more.

        Call it when the socket has closed or failed. Messages that are held back stay: deliver them
        with `drain`.
        """
        if not self.opened:
            why = f"{why} before the server answered"
        self._end(named("UNAVAILABLE", why + self._goaway), b"")

    def fail(self, error: Exception) -> None:
        """End the stream for an error of the peer, or for a message that the sink rejects."""
        if isinstance(error, Http2Error):
            last = error.frame()
        else:
            self._assembler.drop()
            last = frames.rst_stream(Code.CANCEL)
        if self.opened:
            self._end(named("INTERNAL", str(error)), last)
        else:
            text = f"the answer is not that of an HTTP/2 server: {error}"
            self._end(named("UNAVAILABLE", text), last)

    def pause(self) -> None:
        """Hold messages back, and do not renew the peer's window.

        Bytes that are on their way may still be received, at most a window of them.
        """
        self._assembler.paused = True

    def resume(self) -> None:
        """End a pause; after this call you must call `drain`, but not from within the sink."""
        self._assembler.paused = False

    def drain(self) -> None:
        """Deliver the messages that were held back, and renew the peer's window.

        The sink may pause again meanwhile; the rest then stays for the next `drain`.
        """
        try:
            self._assembler.drain()
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
        """Check by its first bytes whether a frame may come now."""
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
        kind = word & 0xFF
        stream &= frames.ID_MASK
        self._admit(kind, len(payload))
        frames.check(kind, stream, len(payload))
        if kind != frames.DATA:
            self._count()
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
                self.out.credit(stream, int.from_bytes(payload, "big") & frames.ID_MASK)

    # DATA, section 6.1.

    def _data(self, length: int, flags: int, stream: int) -> None:
        """Begin a DATA frame, whose payload comes next."""
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
        """Handle the payload of the DATA frame that has begun, and of those right behind it.

        Nearly all that a control plane sends goes this way. Return the end of the payload.
        """
        alone = self._ending or self._headers.limited
        chunks, stop, self._left, self._window = frames.payloads(
            data, at, self._left, self._window, alone=alone
        )
        self._idle_frames = 0
        if alone:
            self._headers.count(stop - at)
        self._assembler.feed(chunks)
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
        if size >= WINDOW // 2 and self._state is State.BODY and not self._assembler.paused:
            self._window = WINDOW
            self.out.control(
                frames.window_update(0, size) + frames.window_update(frames.STREAM, size)
            )

    # Every other frame.

    def _answered(self, status: Status | None) -> None:
        """Act on a header block or a part of one, and on the status that the block may bring."""
        if status is not None:
            if status.code == 0 and self._assembler.partial:
                status = named("INTERNAL", "the stream ended within a message")
            self._end(status, frames.rst_stream(Code.CANCEL))
        elif self._headers.begun and self._state is State.HEAD:
            self._move(Input.ANSWERED)
            self._assembler.gzip = self._headers.gzip

    def _settings(self, flags: int, payload: memoryview) -> None:
        if not flags & frames.ACK:
            streams = self.out.set_peer_settings(payload)
            if self._state is State.GREETING:
                self._greeted(streams=streams)
        elif payload:
            raise Http2Error(Code.FRAME_SIZE_ERROR, "SETTINGS acknowledged with a payload")
        elif self._state is State.GREETING:
            raise Http2Error(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        else:
            self._headers.acknowledged = True

    def _greeted(self, *, streams: bool) -> None:
        if streams:
            self._move(Input.GREETED)
            self.out.open(self._block)
            self._sink.opened()
        else:
            self._end(named("UNAVAILABLE", "the server allows no streams"), b"")

    def _go_away(self, payload: memoryview) -> None:
        last, text = frames.read_goaway(payload)
        self._goaway = f", {text}"
        if last < frames.STREAM:
            self._end(named("UNAVAILABLE", f"the stream was refused{self._goaway}"), b"")

    def _end(self, status: Status, last: bytes) -> None:
        """End the stream with its last frame, unless it has ended already."""
        if self.status is None:
            self.status = status
            self._move(Input.END)
            self._partial = None
            self.out.end(last)

    def _move(self, happened: Input) -> None:
        self._state = TRANSITIONS[self._state, happened]
