"""The numbers of HTTP/2, and the bytes of the frames that a client writes.

Sections named in this package are those of RFC 9113.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

from pyload.errors import RemoteProtocolError

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD: Final = struct.Struct(">IBI")
"""Length and type in one number, flags, stream: the nine bytes before every payload."""
HEAD_SIZE: Final = 9
PAIR: Final = struct.Struct(">HI")
LAST_AND_CODE: Final = struct.Struct(">II")
STREAM: Final = 1
"""The only stream of a connection."""

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

_SHOWN: Final = 256
"""Bytes of a peer's text that go into a status."""

_OF_A_STREAM: Final = {DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, CONTINUATION}
_OF_THE_CONNECTION: Final = {SETTINGS, PING, GOAWAY}
_SIZES: Final = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}

ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
WITH_PRIORITY: Final = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

DEFAULT_WINDOW: Final = 65_535
DEFAULT_FRAME: Final = 16_384
LARGEST_FRAME: Final = (1 << 24) - 1
LARGEST_WINDOW: Final = (1 << 31) - 1
ID_MASK: Final = (1 << 31) - 1


class Code(IntEnum):
    """Error codes, section 7."""

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


def code_name(number: int) -> str:
    """Return the name of an error code, or its number in words if it is an extension's."""
    try:
        return Code(number).name
    except ValueError:
        return f"error code {number}"


class Http2Error(RemoteProtocolError):
    """Raised when the peer breaks HTTP/2.

    Args:
        code: The error code for the peer.
        what: What the peer did.
        stream: Whether only the stream is broken, not the whole connection.
    """

    def __init__(self, code: Code, what: str, *, stream: bool = False) -> None:
        super().__init__(f"HTTP/2 {code.name}: {what}")
        self.code = code
        self.stream = stream

    def frame(self) -> bytes:
        """Return the frame that tells the peer of the error: RST_STREAM or GOAWAY."""
        return rst_stream(self.code) if self.stream else goaway(self.code, self.what)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Encode a frame."""
    return HEAD.pack(len(payload) << 8 | kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """Encode a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(PAIR.pack(*pair) for pair in values.items()))


def window_update(stream: int, size: int) -> bytes:
    """Encode a WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, size.to_bytes(4, "big"))


def hello(window: int, largest_list: int) -> bytes:
    """Encode what a client sends first: the preface, its settings and the connection's window.

    Args:
        window: Bytes that the server may send ahead.
        largest_list: Bytes of header fields that it may send in one block.
    """
    values = {
        HEADER_TABLE_SIZE: 0,
        ENABLE_PUSH: 0,
        INITIAL_WINDOW_SIZE: window,
        MAX_HEADER_LIST_SIZE: largest_list,
    }
    return PREFACE + settings(values) + window_update(0, window - DEFAULT_WINDOW)


def rst_stream(code: int) -> bytes:
    """Encode a RST_STREAM frame."""
    return frame(RST_STREAM, 0, STREAM, code.to_bytes(4, "big"))


def goaway(code: int, text: str) -> bytes:
    """Encode a GOAWAY frame; a client has seen no stream of the server's."""
    return frame(GOAWAY, 0, 0, bytes(4) + code.to_bytes(4, "big") + text.encode()[:128])


def read_goaway(payload: memoryview) -> tuple[int, str]:
    """Read a GOAWAY: the last stream that the peer has served, and the frame in words.

    Raises:
        Http2Error: The frame is too short.
    """
    if len(payload) < LAST_AND_CODE.size:
        raise Http2Error(Code.FRAME_SIZE_ERROR, f"GOAWAY with {len(payload)} bytes")
    last, code = LAST_AND_CODE.unpack_from(payload)
    debug = bytes(payload[8 : 8 + _SHOWN]).decode("utf-8", "replace")
    return last & ID_MASK, f"received GOAWAY {code_name(code)}, debug data: {debug!r}"


def headers(block: bytes, size: int) -> bytes:
    """Encode a header block as HEADERS and, where it is longer than a frame, CONTINUATION."""
    pieces = [block[start : start + size] for start in range(0, len(block), size)]
    last = len(pieces) - 1
    return b"".join(
        frame(CONTINUATION if at else HEADERS, END_HEADERS if at == last else 0, STREAM, piece)
        for at, piece in enumerate(pieces)
    )


SETTINGS_ACK: Final = frame(SETTINGS, ACK, 0)


def check(kind: int, stream: int, size: int) -> None:
    """Check whether the stream and the size of a frame are allowed for its type.

    Frames of unknown types always are: section 5.5 wants them ignored.

    Raises:
        Http2Error: They are not.
    """
    if kind in (_OF_THE_CONNECTION if stream else _OF_A_STREAM):
        raise Http2Error(Code.PROTOCOL_ERROR, f"a frame of type {kind} of stream {stream}")
    if size != _SIZES.get(kind, size):
        # A PRIORITY that is too long or short breaks only its stream.
        alone = kind == PRIORITY and stream == STREAM
        raise Http2Error(
            Code.FRAME_SIZE_ERROR, f"a frame of type {kind} with {size} bytes", stream=alone
        )
    if stream not in (0, STREAM) and kind <= CONTINUATION and kind != PRIORITY:
        raise Http2Error(Code.PROTOCOL_ERROR, f"stream {stream} was never opened")
    if kind == PUSH_PROMISE:
        raise Http2Error(Code.PROTOCOL_ERROR, "PUSH_PROMISE, which the settings forbid")


def payloads(
    data: memoryview, at: int, left: int, window: int, *, alone: bool
) -> tuple[list[memoryview], int, int, int]:
    """Cut the payload of consecutive DATA frames out of received bytes.

    Args:
        data: The received bytes.
        at: Where the payload of the first frame begins, or goes on, or where its head begins.
        left: Bytes of that payload that are still to come; 0 before its head.
        window: Bytes that the peer may send after that payload.
        alone: Whether to stop at the end of the first frame.

    Returns:
        The pieces of payload; where the first frame begins that is not plain DATA or whose head is
        cut off; the bytes of the last frame that are still to come; and the window after those.
    """
    end = len(data)
    pieces: list[memoryview] = []
    while True:
        if left:
            stop = at + left
            if alone or stop > end:
                stop = min(stop, end)
                pieces.append(data[at:stop])
                left -= stop - at
                at = stop
                break
            pieces.append(data[at:stop])
            at, left = stop, 0
        if end - at < HEAD_SIZE:
            break
        word, flags, stream = HEAD.unpack_from(data, at)
        size: int = word >> 8
        # What is padded, ends the stream or breaks a rule is not plain.
        if word & 0xFF or flags or stream != STREAM or not 0 < size <= DEFAULT_FRAME:
            break
        if size > window:
            break
        at += HEAD_SIZE
        left = size
        window -= size
    return pieces, at, left, window


def unpadded(payload: memoryview, flags: int) -> memoryview:
    """Return a payload without its padding.

    Raises:
        Http2Error: The padding is longer than the frame.
    """
    if not flags & PADDED:
        return payload
    if not payload:
        raise Http2Error(Code.FRAME_SIZE_ERROR, "a padded frame of nothing")
    if payload[0] >= len(payload):
        raise Http2Error(Code.PROTOCOL_ERROR, "the padding is longer than the frame")
    return payload[1 : len(payload) - payload[0]]


def without_priority(payload: memoryview, flags: int) -> memoryview:
    """Return the payload of HEADERS without the priority, which only HTTP/2's first edition had.

    Raises:
        Http2Error: The priority is cut off.
    """
    if not flags & WITH_PRIORITY:
        return payload
    if len(payload) < 5:
        raise Http2Error(Code.FRAME_SIZE_ERROR, "HEADERS with priority, and too short")
    return payload[5:]
