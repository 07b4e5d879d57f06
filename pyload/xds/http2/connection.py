"""One HTTP/2 connection with one gRPC stream, seen from the client: bytes in, bytes out.

The engine has no socket, no clock and no task: its owner reads and writes for it::

    received bytes ─▶ receive ─▶ FrameReader ─┬─ DATA ────▶ Assembler ─▶ Sink.message
                                              ├─ HEADERS ─▶ ResponseHeaders ─▶ status
                                              └─ others ──▶ answers
                                                               ▼
                           messages ─▶ send ─────────────▶ Outbox `out` ─▶ bytes to write

What the peer may send when is in `pyload.xds.http2.state`.

Whatever a hostile or broken peer can make grow has a bound: frames that bring nothing, a header
list, answers that the peer does not read, and messages that wait for the peer's window.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.errors import RemoteProtocolError
from pyload.xds.http2 import fields, foreign, frames
from pyload.xds.http2.frames import Code, Http2Error
from pyload.xds.http2.headers import ResponseHeaders
from pyload.xds.http2.outbox import MAX_WAITING, Outbox
from pyload.xds.http2.reader import WINDOW, FrameReader
from pyload.xds.http2.state import TRANSITIONS, Input, State
from pyload.xds.http2.status import named, of_reset
from pyload.xds.messages import Assembler
from pyload.xds.prefix_cache import PREFIX_CACHE

if TYPE_CHECKING:
    from pyload.xds.prefix_cache import PrefixCache
    from pyload.xds.transport import Sink, Status

_HELLO: Final = frames.hello(WINDOW, fields.LARGEST_LIST)
_PING: Final = frames.frame(frames.PING, 0, 0, bytes(8))
_OF_AN_OPEN_STREAM: Final = (frames.HEADERS, frames.CONTINUATION, frames.RST_STREAM)


class Connection(FrameReader):
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

    __slots__ = ("_assembler", "_block", "_goaway", "_headers", "_sink", "_state", "out", "quote")

    def __init__(self, block: bytes, *, sink: Sink, cache: PrefixCache = PREFIX_CACHE) -> None:
        super().__init__()
        self.out = Outbox()
        """The bytes that are to be written."""
        self.quote: foreign.Quote | None = None
        """The beginning of an answer that is not gRPC's; call `timed_out` unless it ends soon."""

        # Empty once it is sent.
        self._block = block
        self._sink = sink
        self._state = State.GREETING
        # Puts messages together from the payload of DATA, and holds them back in a pause.
        self._assembler = Assembler(sink, cache)
        # The headers and trailers of the response, and what they mean.
        self._headers = ResponseHeaders()
        # The peer's GOAWAY in words, for the status; empty until one comes.
        self._goaway = ""

        self.out.control(_HELLO)

    @property
    def opened(self) -> bool:
        """Whether the stream has been opened, or has ended."""
        return self.out.opened or self.status is not None

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
        if self._block:
            self._receive_first(data)
            return
        try:
            self._parse(data)
        except RemoteProtocolError as error:
            self.fail(error)

    def _receive_first(self, data: memoryview) -> None:
        """Handle bytes of a peer that has not shown yet that it speaks HTTP/2."""
        if self.quote is not None:
            self._quoted([data])
            return
        first = bytes(self._partial or b"") + bytes(data[: foreign.MAX_HEAD])
        try:
            self._parse(data)
        except RemoteProtocolError as error:
            if self._state is not State.GREETING:
                self.fail(error)
                return
            what = "the answer is not that of an HTTP/2 server"
            if foreign.is_http1(first):
                self._move(Input.FOREIGN)
                self.quote = foreign.Quote(named("UNAVAILABLE", what), http1=True)
                self._quoted([first])
            else:
                text = f"{what}: {foreign.in_words(first) or error}"
                self._end(named("UNAVAILABLE", text), b"")

    def send(self, message: bytes) -> None:
        """Queue a message; `out` returns it as soon as the peer's window allows.

        Allowed from within the sink. After the end of the stream the message is dropped. If
        `MAX_WAITING` bytes are in the queue already, the stream ends instead.
        """
        if self.status is None and not self.out.put(message):
            text = f"{MAX_WAITING >> 20} MiB of requests wait, and the control plane takes none"
            self._end(named("RESOURCE_EXHAUSTED", text), frames.rst_stream(Code.CANCEL))

    def ping(self) -> None:
        """Ask the peer for a sign of life: any byte that it sends is one."""
        self.out.control(_PING)

    def close(self, status: Status) -> None:
        """End the stream from this side, with a status; messages that are held back are dropped.

        If it has ended already, the status stays what it was.
        """
        self._assembler.drop()
        self.quote = None
        self._end(status, frames.rst_stream(Code.CANCEL) if self.opened else b"")

    def timed_out(self, why: str) -> None:
        """End a stream that was not opened in time, or an answer that is quoted and goes on."""
        if self._state is State.WAITING:
            why = f"{why}: the server allows no streams"
        self._end(named("UNAVAILABLE", why), frames.rst_stream(Code.CANCEL) if self.opened else b"")

    def lost(self, why: str) -> None:
        """End the stream because the connection is gone; there is nothing to write any more.

        Call it when the socket has closed or failed. Messages that are held back stay: deliver them
        with `drain`.
        """
        if self._state is State.GREETING:
            why = f"{why} before the server answered"
        elif self._state is State.WAITING:
            why = f"{why}, and had allowed no streams"
        status = named("UNAVAILABLE", why + self._goaway)
        self._end(replace(status, broken=True), b"")

    def fail(self, error: Exception) -> None:
        """End the stream for an error of the peer, or for a message that the sink rejects."""
        if isinstance(error, Http2Error):
            last = error.frame()
        else:
            self._assembler.drop()
            last = frames.rst_stream(Code.CANCEL)
        self._end(named("INTERNAL", str(error)), last)

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

    # What the reader found.

    def _admit(self, kind: int, length: int) -> None:
        if self._state is State.GREETING and kind != frames.SETTINGS:
            raise Http2Error(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if self._state is State.WAITING and kind in _OF_AN_OPEN_STREAM:
            raise Http2Error(Code.PROTOCOL_ERROR, "the stream was never opened")
        if length > frames.DEFAULT_FRAME:
            raise Http2Error(Code.FRAME_SIZE_ERROR, f"a frame of {length} bytes")
        if self._headers.unfinished and kind != frames.CONTINUATION:
            raise Http2Error(Code.PROTOCOL_ERROR, "a header block is interrupted")

    def _admit_data(self) -> None:
        if self._state is not State.BODY and self.quote is None:
            raise Http2Error(Code.PROTOCOL_ERROR, "DATA before the headers", stream=True)

    def _frame(self, kind: int, flags: int, stream: int, payload: memoryview) -> None:
        match kind:
            case frames.HEADERS if self.quote is not None:
                # Its trailers.
                self._end(self.quote.status(), frames.rst_stream(Code.CANCEL))
            case frames.HEADERS:
                self._flows = False
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

    def _body(self, chunks: list[memoryview], size: int) -> None:
        if self.quote is not None:
            self._quoted(chunks)
            return
        if size:
            self._headers.count(size)
        self._assembler.feed(chunks)

    def _quoted(self, pieces: list[memoryview] | list[bytes]) -> None:
        """Add to the quote, which ends the stream once it is long enough."""
        if self.quote is not None and self.quote.add(pieces):
            self._end(self.quote.status(), frames.rst_stream(Code.CANCEL) if self.opened else b"")

    def _data_done(self, *, ended: bool) -> None:
        if ended:
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

    def _answered(self, status: Status | None) -> None:
        """Act on a header block or a part of one, and on the status that the block may bring."""
        if status is not None:
            if status.code == 0 and self._assembler.partial:
                status = named("INTERNAL", "the stream ended within a message")
            self._end(status, frames.rst_stream(Code.CANCEL))
        elif self._headers.begun and self._state is State.HEAD:
            self._move(Input.ANSWERED)
            self._flows = not self._headers.limited
            self._assembler.gzip = self._headers.gzip
        elif self._headers.foreign is not None and self._state is State.HEAD:
            self._move(Input.FOREIGN)
            self.quote = foreign.Quote(self._headers.foreign)

    def _settings(self, flags: int, payload: memoryview) -> None:
        if not flags & frames.ACK:
            streams = self.out.set_peer_settings(payload)
            if self._block:
                self._greeted(streams)
        elif payload:
            raise Http2Error(Code.FRAME_SIZE_ERROR, "SETTINGS acknowledged with a payload")
        elif self._state is State.GREETING:
            raise Http2Error(Code.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        else:
            self._headers.acknowledged = True

    def _greeted(self, streams: int | None) -> None:
        """Open the stream as soon as the settings allow one; some servers do so a little later."""
        if streams is None:
            streams = self._state is State.GREETING
        if streams:
            self._move(Input.GREETED)
            self.out.open(self._block)
            # A proxy's own token may be in it.
            self._block = b""
            self._sink.opened()
        elif self._state is State.GREETING:
            self._move(Input.HELD_UP)

    def _go_away(self, payload: memoryview) -> None:
        last, text = frames.read_goaway(payload)
        self._goaway = f", {text}"
        if last < frames.STREAM:
            self._end(named("UNAVAILABLE", f"the stream was refused{self._goaway}"), b"")

    def _end(self, status: Status, last: bytes) -> None:
        """End the stream with its last frame, unless it has ended already."""
        if self.status is None:
            self.status = status if self.quote is None else self.quote.status()
            self._move(Input.END)
            self._partial = None
            self.out.end(last)

    def _move(self, happened: Input) -> None:
        self._state = TRANSITIONS[self._state, happened]
