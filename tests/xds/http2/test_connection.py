"""What a client makes of a server's frames, and which it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h2.connection
import h2.exceptions
import pytest

from pyload.errors import RemoteProtocolError, StreamError
from pyload.xds.http2 import frames
from pyload.xds.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Code,
    frame,
)
from pyload.xds.http2.reader import WINDOW
from pyload.xds.session import reason_ended
from pyload.xds.transport import CANCELLED, Status
from tests.xds.http2.frames import GREETING, Client, answer, block, framed, head, opened, trailers

if TYPE_CHECKING:
    from collections.abc import Callable

ONE: Final = (1).to_bytes(4, "big")
MOST: Final = ((1 << 31) - 1).to_bytes(4, "big")
REQUEST: Final = ((b":path", b"/"), (b":scheme", b"http"), (b":authority", b"x"))
DONE: Final = trailers(("grpc-status", "0"))


def frames_of(data: bytes) -> list[tuple[int, int, int, bytes]]:
    """Read frames: type, flags, stream, payload."""
    found, start = [], 0
    while start < len(data):
        word, flags, stream = frames.HEAD.unpack_from(data, start)
        start += frames.HEAD_SIZE
        end = start + (word >> 8)
        found.append((word & 0xFF, flags, stream, data[start:end]))
        start = end
    return found


def setting(name: int, value: int) -> bytes:
    """Write SETTINGS with one of them."""
    return frames.settings({name: value})


BROKEN: Final = {
    "DATA of no stream": (answer() + frame(DATA, 0, 0, b"x"), Code.PROTOCOL_ERROR),
    "DATA of another stream": (answer() + frame(DATA, 0, 3, b"x"), Code.PROTOCOL_ERROR),
    "DATA of a pushed stream": (answer() + frame(DATA, 0, 2, b"x"), Code.PROTOCOL_ERROR),
    "DATA that is all padding": (answer() + frame(DATA, PADDED, 1, b"\5abcd"), Code.PROTOCOL_ERROR),
    "padded DATA of nothing": (answer() + frame(DATA, PADDED, 1), Code.FRAME_SIZE_ERROR),
    "padded DATA of no stream": (answer() + frame(DATA, PADDED, 0, b"\0x"), Code.PROTOCOL_ERROR),
    "padded DATA of stream 3": (answer() + frame(DATA, PADDED, 3, b"\0x"), Code.PROTOCOL_ERROR),
    "a frame that is too long": (
        answer() + frame(DATA, 0, 1, bytes(16_385)),
        Code.FRAME_SIZE_ERROR,
    ),
    "an unknown frame that is too long": (frame(99, 0, 1, bytes(16_385)), Code.FRAME_SIZE_ERROR),
    "HEADERS of no stream": (frame(HEADERS, 4, 0, block((":status", "200"))), Code.PROTOCOL_ERROR),
    "HEADERS of another stream": (frame(HEADERS, 4, 5, b""), Code.PROTOCOL_ERROR),
    "HEADERS that are all padding": (frame(HEADERS, 4 | PADDED, 1, b"\1"), Code.PROTOCOL_ERROR),
    "HEADERS without their priority": (
        frame(HEADERS, END_HEADERS | WITH_PRIORITY, 1, b"1234"),
        Code.FRAME_SIZE_ERROR,
    ),
    "no HPACK": (frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff"), Code.COMPRESSION_ERROR),
    "HPACK cut off": (frame(HEADERS, END_HEADERS, 1, b"\x40"), Code.COMPRESSION_ERROR),
    "an unknown index of HPACK": (frame(HEADERS, END_HEADERS, 1, b"\xbe"), Code.COMPRESSION_ERROR),
    "HEADERS interrupted": (
        frame(HEADERS, 0, 1, b"") + frame(PING, 0, 0, bytes(8)),
        Code.PROTOCOL_ERROR,
    ),
    "HEADERS interrupted by an unknown frame": (
        frame(HEADERS, 0, 1, b"") + frame(99, 0, 1),
        Code.PROTOCOL_ERROR,
    ),
    "trailers interrupted by DATA": (
        answer() + frame(HEADERS, END_STREAM, 1, b"") + frame(DATA, 0, 1, b"x"),
        Code.PROTOCOL_ERROR,
    ),
    "CONTINUATION of nothing": (frame(CONTINUATION, END_HEADERS, 1), Code.PROTOCOL_ERROR),
    "CONTINUATION of no stream": (
        frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, END_HEADERS, 0),
        Code.PROTOCOL_ERROR,
    ),
    "CONTINUATION of another stream": (
        frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, END_HEADERS, 3),
        Code.PROTOCOL_ERROR,
    ),
    "endless CONTINUATION": (
        frame(HEADERS, 0, 1, bytes(16_384)) + frame(CONTINUATION, 0, 1, bytes(16_384)) * 4,
        Code.ENHANCE_YOUR_CALM,
    ),
    "too many fields": (
        frame(HEADERS, END_HEADERS, 1, block(("x", "a" * 16_000)) + b"\x83" * 4_000),
        Code.ENHANCE_YOUR_CALM,
    ),
    "PRIORITY of no stream": (frame(PRIORITY, 0, 0, bytes(5)), Code.PROTOCOL_ERROR),
    "a short PRIORITY of another stream": (frame(PRIORITY, 0, 3, b""), Code.FRAME_SIZE_ERROR),
    "RST_STREAM of no stream": (frame(RST_STREAM, 0, 0, bytes(4)), Code.PROTOCOL_ERROR),
    "RST_STREAM of another stream": (frame(RST_STREAM, 0, 3, bytes(4)), Code.PROTOCOL_ERROR),
    "a short RST_STREAM": (frame(RST_STREAM, 0, 1, bytes(3)), Code.FRAME_SIZE_ERROR),
    "SETTINGS of a stream": (frame(SETTINGS, 0, 1), Code.PROTOCOL_ERROR),
    "SETTINGS cut off": (frame(SETTINGS, 0, 0, bytes(5)), Code.FRAME_SIZE_ERROR),
    "an acknowledgement with settings": (frame(SETTINGS, ACK, 0, bytes(6)), Code.FRAME_SIZE_ERROR),
    "push": (setting(frames.ENABLE_PUSH, 1), Code.PROTOCOL_ERROR),
    "an odd push": (setting(frames.ENABLE_PUSH, 2), Code.PROTOCOL_ERROR),
    "too large a window": (setting(frames.INITIAL_WINDOW_SIZE, 1 << 31), Code.FLOW_CONTROL_ERROR),
    "too small a frame": (setting(frames.MAX_FRAME_SIZE, 16_383), Code.PROTOCOL_ERROR),
    "too large a frame": (setting(frames.MAX_FRAME_SIZE, 1 << 24), Code.PROTOCOL_ERROR),
    "a window that settings overflow": (
        frame(WINDOW_UPDATE, 0, 1, b"\x7f\xff\0\0") + setting(frames.INITIAL_WINDOW_SIZE, 65_536),
        Code.FLOW_CONTROL_ERROR,
    ),
    "PUSH_PROMISE": (frame(PUSH_PROMISE, END_HEADERS, 1, bytes(4)), Code.PROTOCOL_ERROR),
    "PUSH_PROMISE of no stream": (frame(PUSH_PROMISE, END_HEADERS, 0, b""), Code.PROTOCOL_ERROR),
    "PING of a stream": (frame(PING, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "a long PING": (frame(PING, 0, 0, bytes(9)), Code.FRAME_SIZE_ERROR),
    "GOAWAY of a stream": (frame(GOAWAY, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "a short GOAWAY": (frame(GOAWAY, 0, 0, bytes(7)), Code.FRAME_SIZE_ERROR),
    "a short WINDOW_UPDATE": (frame(WINDOW_UPDATE, 0, 0, b"123"), Code.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of nothing": (frame(WINDOW_UPDATE, 0, 0, bytes(4)), Code.PROTOCOL_ERROR),
    "WINDOW_UPDATE of another stream": (frame(WINDOW_UPDATE, 0, 3, ONE), Code.PROTOCOL_ERROR),
    "a window that overflows": (frame(WINDOW_UPDATE, 0, 0, MOST), Code.FLOW_CONTROL_ERROR),
    "endless PING": (frame(PING, ACK, 0, bytes(8)) * 100_001, Code.ENHANCE_YOUR_CALM),
    "endless SETTINGS": (frame(SETTINGS, 0, 0) * 100_001, Code.ENHANCE_YOUR_CALM),
    "endless empty DATA": (answer() + frame(DATA, 0, 1) * 100_000, Code.ENHANCE_YOUR_CALM),
    "endless padding": (
        answer() + frame(DATA, PADDED, 1, b"\0") * 100_000,
        Code.ENHANCE_YOUR_CALM,
    ),
    "endless unknown frames": (frame(99, 0, 0) * 100_001, Code.ENHANCE_YOUR_CALM),
}


@pytest.mark.parametrize(("data", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_what_breaks_the_connection(data: bytes, code: Code) -> None:
    """A broken control plane must be seen as one, not as an odd config."""
    client = opened(data)
    status = client.connection.status
    assert status is not None
    assert (status.name, status.message.split(":")[0]) == ("INTERNAL", f"HTTP/2 {code.name}")
    kind, _, stream, payload = frames_of(client.written())[-1]
    assert (kind, stream, payload[:8]) == (GOAWAY, 0, bytes(4) + code.to_bytes(4, "big"))


STREAM_BROKEN: Final = {
    "DATA before headers": (frame(DATA, 0, 1, b"x"), Code.PROTOCOL_ERROR),
    "a short PRIORITY": (frame(PRIORITY, 0, 1, bytes(4)), Code.FRAME_SIZE_ERROR),
    "WINDOW_UPDATE of nothing": (frame(WINDOW_UPDATE, 0, 1, bytes(4)), Code.PROTOCOL_ERROR),
    "a window that overflows": (frame(WINDOW_UPDATE, 0, 1, MOST), Code.FLOW_CONTROL_ERROR),
    "trailers that do not end": (answer() + head(("grpc-status", "0")), Code.PROTOCOL_ERROR),
    "no status": (head(("content-type", "application/grpc")), Code.PROTOCOL_ERROR),
    "two statuses": (head((":status", "200"), (":status", "200")), Code.PROTOCOL_ERROR),
    "a status that is none": (head((":status", "20")), Code.PROTOCOL_ERROR),
    "a request's field": (head((":status", "200"), (":path", "/")), Code.PROTOCOL_ERROR),
    "a late status": (head(("x", "y"), (":status", "200")), Code.PROTOCOL_ERROR),
    "a status in trailers": (answer() + trailers((":status", "200")), Code.PROTOCOL_ERROR),
    "upper case": (answer(("X-Big", "y")), Code.PROTOCOL_ERROR),
    "a field of HTTP/1": (answer(("connection", "close")), Code.PROTOCOL_ERROR),
    "te": (answer(("te", "gzip")), Code.PROTOCOL_ERROR),
    "a line feed": (answer(("x", "a\nb")), Code.PROTOCOL_ERROR),
    "a space": (answer(("x", " a")), Code.PROTOCOL_ERROR),
    "switching protocols": (head((":status", "101")), Code.PROTOCOL_ERROR),
    "information at the end": (trailers((":status", "103")), Code.PROTOCOL_ERROR),
    "an odd length": (answer(("content-length", "x")), Code.PROTOCOL_ERROR),
    "two lengths": (answer(("content-length", "1"), ("content-length", "2")), Code.PROTOCOL_ERROR),
    "more than the length": (
        answer(("content-length", "5")) + frame(DATA, 0, 1, framed(b"x")),
        Code.PROTOCOL_ERROR,
    ),
    "less than the length": (
        answer(("content-length", "9")) + frame(DATA, 0, 1, framed(b"x")) + DONE,
        Code.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize(("data", "code"), STREAM_BROKEN.values(), ids=STREAM_BROKEN.keys())
def test_what_breaks_the_stream(data: bytes, code: Code) -> None:
    """A GOAWAY would condemn the whole connection for a fault of one stream."""
    client = opened(data)
    status = client.connection.status
    assert status is not None
    assert (status.name, status.message.split(":")[0]) == ("INTERNAL", f"HTTP/2 {code.name}")
    assert frames_of(client.written())[-1] == (RST_STREAM, 0, STREAM, code.to_bytes(4, "big"))


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        frame(SETTINGS, ACK, 0),
        frame(PING, 0, 0, bytes(8)),
    ],
    ids=["HTTP/1", "acknowledged first", "PING first"],
)
@pytest.mark.parametrize("size", [1, 100])
def test_a_server_that_does_not_greet_is_none(data: bytes, size: int) -> None:
    """A wrong port is a failed dial, and not a stream that ended."""
    client = Client()
    client.receive(data, size=size)
    assert client.written().count(frames.PREFACE) == 1
    assert client.connection.status is not None
    assert client.connection.status.name == "UNAVAILABLE"
    assert "not that of an HTTP/2 server" in client.connection.status.message
    assert client.opened_times == 0


HARMLESS: Final = {
    "unknown frames": frame(99, 0xFF, 0, b"x" * 100) + frame(12, 0, 77),
    "PRIORITY of any stream": frame(PRIORITY, 0, 1, bytes(5)) + frame(PRIORITY, 0, 8, bytes(5)),
    "an answer to no PING": frame(PING, ACK, 0, bytes(8)),
    "acknowledgements": frame(SETTINGS, ACK, 0) * 2,
    "unknown settings": setting(99, 7) + setting(frames.MAX_HEADER_LIST_SIZE, 1),
    "no more streams": setting(frames.MAX_CONCURRENT_STREAMS, 0),
    "push is off": setting(frames.ENABLE_PUSH, 0),
    "flags without a meaning": frame(PING, 0xFE, 0, bytes(8)),
    "the reserved bit": frame(WINDOW_UPDATE, 0, 1 << 31, b"\x80\0\0\1"),
    "information": head((":status", "103"), ("link", "x")) + head((":status", "100")),
}


@pytest.mark.parametrize("data", HARMLESS.values(), ids=HARMLESS.keys())
@pytest.mark.parametrize("size", [1, 9, 1 << 20])
def test_what_changes_nothing(data: bytes, size: int) -> None:
    """A server of a later version would be refused for what it may do."""
    client = opened()
    client.receive(data, answer(), frame(DATA, 0, 1, framed(b"x")), data[:0], DONE, size=size)
    assert client.connection.status == Status(0, "OK", "")
    assert client.messages == [b"x"]


ENDS: Final = {
    "in order": (answer() + DONE, (0, "OK", "")),
    "trailers only": (
        head(
            (":status", "200"),
            ("content-type", "application/grpc+proto"),
            ("grpc-status", "8"),
            ("grpc-message", "too many"),
            flags=END_HEADERS | END_STREAM,
        ),
        (8, "RESOURCE_EXHAUSTED", "too many"),
    ),
    "percent": (
        answer() + trailers(("grpc-status", "16"), ("grpc-message", "no %C3%A4 %zz %")),
        (16, "UNAUTHENTICATED", "no ä %zz %"),
    ),
    "no bytes of UTF-8": (
        answer() + trailers(("grpc-status", "2"), ("grpc-message", "%ff")),
        (2, "UNKNOWN", "\ufffd"),
    ),
    "no grpc-status": (
        answer() + trailers(("x", "y")),
        (2, "UNKNOWN", "the server ended the stream without a grpc-status"),
    ),
    "an unknown grpc-status": (
        answer() + trailers(("grpc-status", "17"), ("grpc-message", "new")),
        (2, "UNKNOWN", "grpc-status 17: new"),
    ),
    "an odd grpc-status": (
        answer() + trailers(("grpc-status", "-1")),
        (2, "UNKNOWN", "grpc-status -1: "),
    ),
    "a huge grpc-status": (
        answer() + trailers(("grpc-status", "9" * 5000)),
        (2, "UNKNOWN", f"grpc-status {'9' * 32}: "),
    ),
    "no trailers": (
        answer() + frame(DATA, END_STREAM, 1, framed(b"x")),
        (13, "INTERNAL", "the server ended the stream without trailers"),
    ),
    "no trailers and no DATA": (
        answer() + frame(DATA, END_STREAM, 1),
        (13, "INTERNAL", "the server ended the stream without trailers"),
    ),
    "no trailers but padding": (
        answer() + frame(DATA, END_STREAM | PADDED, 1, b"\2\0\0"),
        (13, "INTERNAL", "the server ended the stream without trailers"),
    ),
    "within a message": (
        answer() + frame(DATA, 0, 1, framed(b"xyz")[:-1]) + DONE,
        (13, "INTERNAL", "the stream ended within a message"),
    ),
    "within a message, for a reason": (
        answer() + frame(DATA, 0, 1, b"\0") + trailers(("grpc-status", "4")),
        (4, "DEADLINE_EXCEEDED", ""),
    ),
    "a gateway's page": (
        head((":status", "503"), ("content-type", "text/html"), flags=END_HEADERS | END_STREAM),
        (14, "UNAVAILABLE", "the answer is HTTP 503, not gRPC: content-type 'text/html'"),
    ),
    "a page for gRPC": (
        head((":status", "404"), ("content-type", "application/grpc"))
        + frame(DATA, END_STREAM, 1, b"no such route"),
        (12, "UNIMPLEMENTED", "the answer is HTTP 404, not gRPC: 'no such route'"),
    ),
    "an empty page for gRPC": (
        head(
            (":status", "401"),
            ("content-type", "application/grpc;x"),
            flags=END_HEADERS | END_STREAM,
        ),
        (16, "UNAUTHENTICATED", "the answer is HTTP 401, not gRPC"),
    ),
    "no content-type": (
        head((":status", "200")) + frame(DATA, END_STREAM, 1),
        (2, "UNKNOWN", "the answer is HTTP 200, not gRPC: content-type ''"),
    ),
    "another kind of gRPC": (
        head((":status", "200"), ("content-type", "application/grpc-web")) + trailers(("x", "y")),
        (2, "UNKNOWN", "the answer is HTTP 200, not gRPC: content-type 'application/grpc-web'"),
    ),
    "an unknown compression": (
        answer(("grpc-encoding", "snappy")),
        (13, "INTERNAL", "grpc-encoding 'snappy' is not supported"),
    ),
    "a message compressed without a word": (
        answer() + frame(DATA, 0, 1, b"\1" + framed(b"x")[1:]),
        (13, "INTERNAL", "a message is compressed, and not as the headers said"),
    ),
    "a message that is too long": (
        answer() + frame(DATA, 0, 1, b"\0\xff\xff\xff\xff"),
        (13, "INTERNAL", "a message of 4294967295 bytes is too long"),
    ),
    "GOAWAY without the stream": (
        frame(GOAWAY, 0, 0, bytes(4) + b"\0\0\0\7" + b"drain"),
        (
            14,
            "UNAVAILABLE",
            "the stream was refused, received GOAWAY REFUSED_STREAM, debug data: 'drain'",
        ),
    ),
}


@pytest.mark.parametrize(("data", "expected"), ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_how_a_stream_ends(data: bytes, expected: tuple[int, str, str], size: int) -> None:
    """The reasons of disconnects are counted, and users act on them."""
    client = opened()
    client.receive(data, size=size)
    assert client.connection.status == Status(*expected)
    client.receive(frame(DATA, 0, 1, bytes(20_000)))
    client.connection.lost("closed")
    client.connection.close(CANCELLED)
    assert client.connection.status == Status(*expected)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0, "INTERNAL"),
        (7, "UNAVAILABLE"),
        (8, "CANCELLED"),
        (11, "RESOURCE_EXHAUSTED"),
        (12, "PERMISSION_DENIED"),
        (5, "UNKNOWN"),
        (13, "UNKNOWN"),
        (999, "UNKNOWN"),
    ],
)
def test_a_reset_is_translated_as_grpc_does(code: int, name: str) -> None:
    """A refused stream may be tried again; one that was cancelled has its reasons."""
    client = opened(frame(RST_STREAM, 0, 1, code.to_bytes(4, "big")))
    assert client.connection.status is not None
    assert client.connection.status.name == name


@pytest.mark.parametrize(
    ("debug", "reason"), [(b"max_age", "max_age"), (b"", "goaway"), (b"\xff", "goaway")]
)
def test_the_words_of_goaway_are_kept_until_the_connection_ends(debug: bytes, reason: str) -> None:
    """Nobody could tell the end of a connection's age from a crash of istiod."""
    client = opened(answer(), frame(GOAWAY, 0, 0, MOST + bytes(4) + debug))
    client.receive(frame(DATA, 0, 1, framed(b"x")), frame(GOAWAY, 0, 0, ONE + bytes(4) + debug))
    assert client.messages == [b"x"]
    assert not client.ended
    client.connection.lost("the server closed the connection")
    status = client.connection.status
    assert status is not None
    error = StreamError(code=status.code, name=status.name, message=status.message)
    assert reason_ended(error) == reason


def test_a_status_that_comes_after_goaway_stands() -> None:
    """A control plane that drains ends its streams in order."""
    client = opened(answer(), frame(GOAWAY, 0, 0, ONE + bytes(4)), DONE)
    assert client.connection.status == Status(0, "OK", "")


def test_a_connection_that_ends_early_says_so() -> None:
    """A port that accepts and hangs up is not istiod."""
    client = Client()
    client.connection.lost("the server closed the connection")
    assert client.connection.status == Status(
        14, "UNAVAILABLE", "the server closed the connection before the server answered"
    )


def test_the_request_comes_after_the_servers_settings() -> None:
    """As Istio's agent does it: until then a port that answers is no control plane."""
    client = Client()
    client.connection.send(b"early")
    hello = client.written()
    assert hello.startswith(frames.PREFACE)
    kinds = [kind for kind, *_ in frames_of(hello[len(frames.PREFACE) :])]
    assert kinds == [SETTINGS, WINDOW_UPDATE]
    client.receive(GREETING)
    assert client.opened_times == 1
    said = frames_of(client.written())
    assert [kind for kind, *_ in said] == [SETTINGS, HEADERS, DATA]
    assert said[2] == (DATA, 0, STREAM, framed(b"early"))


def held_up() -> Client:
    """Return a client whose server allows no streams yet."""
    client = Client()
    client.connection.send(b"early")
    client.receive(setting(frames.MAX_CONCURRENT_STREAMS, 0), frame(PING, 0, 0, bytes(8)))
    sent = client.written().removeprefix(frames.PREFACE)
    assert [kind for kind, *_ in frames_of(sent)] == [SETTINGS, WINDOW_UPDATE, SETTINGS, PING]
    return client


def test_a_server_that_allows_no_streams_yet_is_waited_for() -> None:
    """Opening one at once breaks the protocol; hanging up makes a busy server's load worse."""
    client = held_up()
    client.receive(setting(frames.INITIAL_WINDOW_SIZE, 100_000))
    assert (client.opened_times, client.connection.opened) == (0, False)
    client.written()
    client.receive(setting(frames.MAX_CONCURRENT_STREAMS, 1))
    assert client.opened_times == 1
    sent = frames_of(client.written())
    assert [kind for kind, *_ in sent] == [SETTINGS, HEADERS, DATA]


def test_a_server_that_never_allows_a_stream_is_told_from_a_silent_one() -> None:
    """Nobody would look for the limit of streams after "no connection in 5 s"."""
    client = held_up()
    client.connection.timed_out("no connection in 5 s")
    assert client.connection.status == Status(
        14, "UNAVAILABLE", "no connection in 5 s: the server allows no streams"
    )
    client = held_up()
    client.connection.lost("the server closed the connection")
    assert client.connection.status == Status(
        14, "UNAVAILABLE", "the server closed the connection, and had allowed no streams"
    )


@pytest.mark.parametrize("data", [answer(), frame(RST_STREAM, 0, 1, ONE), frame(DATA, 0, 1, b"x")])
def test_nothing_may_come_of_a_stream_that_waits(data: bytes) -> None:
    """A server that answers what was not asked is broken."""
    client = held_up()
    client.receive(data)
    assert client.connection.status is not None
    assert client.connection.status.message.startswith("HTTP/2 PROTOCOL_ERROR")


PAGE: Final = b"<html><body>no healthy upstream</body></html>"


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(
    "end",
    [
        lambda client: client.receive(frame(DATA, END_STREAM, 1)),
        lambda client: client.receive(trailers(("x", "y"))),
        lambda client: client.receive(frame(RST_STREAM, 0, 1, bytes(4))),
        lambda client: client.connection.lost("the server closed the connection"),
        lambda client: client.connection.timed_out("no connection in 5 s"),
        lambda client: client.receive(frame(DATA, 0, 3, b"")),
    ],
    ids=["END_STREAM", "trailers", "reset", "lost", "too late", "broken"],
)
def test_a_page_is_quoted_however_it_ends(end: Callable[[Client], None], size: int) -> None:
    """What a gateway says of itself would be thrown away, and "HTTP 503" left to guess at."""
    client = opened()
    client.receive(
        head((":status", "503"), ("content-type", "text/plain")),
        frame(DATA, PADDED, 1, b"\2" + PAGE[:20] + bytes(2)),
        frame(DATA, 0, 1, PAGE[20:]),
        size=size,
    )
    assert client.connection.status is None
    end(client)
    assert client.connection.status == Status(
        14,
        "UNAVAILABLE",
        f"the answer is HTTP 503, not gRPC: content-type 'text/plain': '{PAGE.decode()}'",
    )


def test_a_long_page_is_cut_off_at_once() -> None:
    """A gateway could hold up a proxy with a page that never ends."""
    client = opened(head((":status", "302"), ("location", "https://login.example/")))
    client.receive(frame(DATA, 0, 1, b"long " * 100))
    assert client.connection.status == Status(
        2,
        "UNKNOWN",
        "the answer is HTTP 302 to 'https://login.example/', not gRPC: content-type '': '"
        + ("long " * 40).strip()
        + "'",
    )
    assert frames_of(client.written())[-1][0] == RST_STREAM


def test_a_stream_that_is_closed_within_a_page_is_closed() -> None:
    """A proxy that was stopped would count as one that was refused."""
    client = opened(head((":status", "503")), frame(DATA, 0, 1, PAGE))
    client.connection.close(CANCELLED)
    assert client.connection.status == CANCELLED


HTTP1: Final = b"HTTP/1.1 503 Service Unavailable\r\nServer: x\r\n"


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (HTTP1 + b"content-length: 4\r\n\r\nbusy", "'HTTP/1.1 503 Service Unavailable': 'busy'"),
        (HTTP1 + b"\r\n" + b"x" * 300, f"'HTTP/1.1 503 Service Unavailable': '{'x' * 200}'"),
        (
            b"\x15\3\3\0\2\2\x46" + bytes(3),
            "a TLS alert (protocol version), so the port speaks TLS",
        ),
    ],
)
def test_an_answer_of_another_protocol_is_quoted(data: bytes, said: str, size: int) -> None:
    """A proxy of HTTP/1 or a port with TLS would look like a broken control plane."""
    client = Client()
    client.receive(data, size=1 << 20 if data[0] == 0x15 else size)
    assert client.connection.status == Status(
        14, "UNAVAILABLE", f"the answer is not that of an HTTP/2 server: {said}"
    )


def test_an_answer_of_http1_that_is_cut_off_is_quoted() -> None:
    """A server that closes after its line would be quoted with nothing."""
    client = Client()
    client.receive(HTTP1)
    assert client.connection.status is None
    client.connection.lost("the server closed the connection")
    assert client.connection.status == Status(
        14,
        "UNAVAILABLE",
        "the answer is not that of an HTTP/2 server: 'HTTP/1.1 503 Service Unavailable'",
    )


def test_pings_are_answered_in_a_pause_too() -> None:
    """A slow proxy is not a dead one: istiod would close its connection."""
    client = opened()
    client.connection.pause()
    client.receive(frame(PING, 0, 0, b"12345678"))
    assert frames_of(client.written()) == [(PING, ACK, 0, b"12345678")]


def test_answers_that_the_server_does_not_read_are_bounded() -> None:
    """A server that asks and never reads would fill the memory."""
    client = opened()
    client.connection.out.blocked = True
    client.receive(frame(PING, 0, 0, bytes(8)) * 5000)
    assert client.connection.status is not None
    assert client.connection.status.message.startswith("HTTP/2 ENHANCE_YOUR_CALM")
    assert len(client.written()) < 1 << 17


def test_the_window_is_renewed_at_half() -> None:
    """Too early costs a frame for each; too late stops the server."""
    client = opened(answer())
    message = framed(bytes(WINDOW))
    half = [message[at : at + 16_384] for at in range(0, WINDOW // 2, 16_384)]
    client.receive(*(frame(DATA, 0, 1, piece) for piece in half[:-1]))
    assert client.written() == b""
    client.receive(frame(DATA, 0, 1, half[-1]))
    size = (WINDOW // 2).to_bytes(4, "big")
    assert frames_of(client.written()) == [
        (WINDOW_UPDATE, 0, 0, size),
        (WINDOW_UPDATE, 0, 1, size),
    ]


def test_the_window_is_not_renewed_in_a_pause() -> None:
    """A slow proxy that goes on to grant windows is not slow for istiod."""
    client = opened(answer())
    client.connection.pause()
    message = framed(bytes(WINDOW - 5))
    pieces = [message[at : at + 16_384] for at in range(0, len(message), 16_384)]
    client.receive(*(frame(DATA, 0, 1, piece) for piece in pieces))
    assert (client.written(), client.messages, client.connection.drained) == (b"", [], False)
    client.connection.resume()
    client.connection.drain()
    assert client.messages == [message[5:]]
    assert [kind for kind, *_ in frames_of(client.written())] == [WINDOW_UPDATE] * 2


def test_a_reader_that_pauses_gets_no_message_of_the_same_bytes() -> None:
    """A proxy that sleeps after each message would get all that came in one packet."""
    client = Client(lambda _: client.connection.pause())
    client.receive(GREETING, answer(), frame(DATA, 0, 1, framed(b"a") + framed(b"b")), DONE)
    assert client.messages == [b"a"]
    assert not client.connection.drained
    client.connection.resume()
    client.connection.drain()
    assert client.messages == [b"a", b"b"]
    assert client.connection.drained


def test_messages_that_come_before_the_held_ones_are_given_wait_for_them() -> None:
    """Config would go back to an older state."""
    client = opened(answer())
    client.connection.pause()
    client.receive(frame(DATA, 0, 1, framed(b"a")))
    client.connection.resume()
    client.receive(frame(DATA, 0, 1, framed(b"b")))
    client.connection.drain()
    assert client.messages == [b"a", b"b"]


def test_messages_that_are_held_back_are_dropped_when_the_stream_is_closed() -> None:
    """A stopped proxy would still count pushes."""
    client = opened()
    client.connection.pause()
    client.receive(answer(), frame(DATA, 0, 1, framed(b"a")))
    client.connection.close(CANCELLED)
    client.connection.resume()
    client.connection.drain()
    assert client.messages == []
    assert client.connection.drained
    assert frames_of(client.written())[-1][0] == RST_STREAM


def test_a_reader_that_closes_gets_no_message_of_the_same_bytes() -> None:
    """A stopped proxy would still count pushes."""
    client = Client(lambda _: client.connection.close(CANCELLED))
    client.receive(GREETING, answer(), frame(DATA, 0, 1, framed(b"a") + framed(b"b")), DONE)
    assert client.messages == [b"a"]
    assert client.connection.status == CANCELLED


@pytest.mark.parametrize("held", [False, True])
def test_a_reader_that_cannot_go_on_ends_the_stream(*, held: bool) -> None:
    """What breaks xDS breaks the stream, whatever HTTP/2 thinks of it."""

    def refuse(_: bytes) -> None:
        raise RemoteProtocolError("a response without a type")

    client = Client(refuse)
    client.receive(GREETING, answer())
    client.connection.pause()
    if not held:
        client.connection.resume()
    client.receive(frame(DATA, 0, 1, framed(b"a") + framed(b"b")))
    client.connection.resume()
    client.connection.drain()
    assert client.connection.status == Status(13, "INTERNAL", "a response without a type")
    assert client.messages == [b"a"]
    assert client.connection.drained


def test_what_is_sent_after_the_end_is_dropped() -> None:
    """The client cannot know yet that the stream has ended."""
    client = opened(answer(), DONE)
    client.written()
    client.connection.send(b"late")
    assert client.written() == b""


def test_requests_that_nobody_takes_are_bounded() -> None:
    """A control plane that stopped reading would fill this machine's memory."""
    client = opened()
    while client.connection.status is None:
        client.connection.send(bytes(1 << 20))
    assert client.connection.status == Status(
        8,
        "RESOURCE_EXHAUSTED",
        "32 MiB of requests wait, and the control plane takes none",
    )
    assert frames_of(client.written())[-1][0] == RST_STREAM
    assert client.connection.out.waiting <= (32 << 20) + (1 << 20)


def test_h2_refuses_the_same_for_the_same_reasons() -> None:
    """The table is to be the RFC's, not our own reading of it."""
    others = set()
    for name, (data, code) in BROKEN.items():
        if name.startswith("endless"):
            # How much is too much is everybody's own matter.
            continue
        reference = h2.connection.H2Connection()
        reference.initiate_connection()
        reference.send_headers(1, [(b":method", b"POST"), *REQUEST])
        try:
            reference.receive_data(GREETING + data)
        except h2.exceptions.ProtocolError as error:
            if int(error.error_code) == code:
                continue
        others.add(name)
    # h2 ignores the one (section 6.4), and has PROTOCOL_ERROR for the others (4.3, 6.5).
    assert others == {
        "RST_STREAM of another stream",
        "no HPACK",
        "HPACK cut off",
        "an unknown index of HPACK",
        "an acknowledgement with settings",
    }
