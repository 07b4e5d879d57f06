"""Header blocks of a response, and what they mean in gRPC."""

from __future__ import annotations

import gzip

import hpack
import pytest

from pyload.xds.http2 import fields
from pyload.xds.http2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    SETTINGS,
    WITH_PRIORITY,
    Code,
    Http2Error,
    frame,
)
from pyload.xds.http2.headers import ResponseHeaders
from pyload.xds.transport import Status
from tests.xds.http2.frames import RESPONSE, answer, block, framed, opened


def test_the_priority_of_http2s_first_edition_is_skipped() -> None:
    """Older servers still send it with their headers."""
    data = bytes(5) + block((":status", "200"), ("content-type", "application/grpc"))
    flags = END_HEADERS | PADDED | WITH_PRIORITY
    client = opened(frame(HEADERS, flags, 1, b"\3" + data + bytes(3)))
    client.receive(frame(DATA, 0, 1, framed(b"x")))
    assert client.messages == [b"x"]


def test_a_compressed_message_is_read_where_the_headers_announced_it() -> None:
    """A gateway before istiod may compress."""
    data = gzip.compress(b"hello")
    compressed = b"\1" + len(data).to_bytes(4, "big") + data
    client = opened(answer(("grpc-encoding", "gzip")), frame(DATA, 0, 1, compressed))
    assert client.messages == [b"hello"]


def test_a_dynamic_table_is_read_until_the_server_knows_that_there_is_none() -> None:
    """It is allowed to use one until it has acknowledged the settings."""
    encoder = hpack.Encoder()
    first = encoder.encode(
        [(b":status", b"200"), (b"content-type", b"application/grpc"), (b"x", b"y")]
    )
    encoder.header_table_size = 0
    last = encoder.encode([(b"grpc-status", b"0"), (b"x", b"y")])
    client = opened(
        frame(HEADERS, END_HEADERS, 1, first),
        frame(SETTINGS, ACK, 0),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, last),
    )
    assert client.connection.status == Status(0, "OK", "")


def test_a_dynamic_table_is_refused_after_that() -> None:
    """Fields would be mixed up between connections, for they share the decoder."""
    encoder = hpack.Encoder()
    first = encoder.encode([(b":status", b"200"), (b"content-type", b"application/grpc")])
    again = encoder.encode([(b"grpc-status", b"0"), (b"content-type", b"application/grpc")])
    client = opened(
        frame(SETTINGS, ACK, 0),
        frame(HEADERS, END_HEADERS, 1, first),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, again),
    )
    assert client.connection.status is not None
    assert client.connection.status.message.startswith("HTTP/2 COMPRESSION_ERROR")


def _read(headers: ResponseHeaders, *pairs: tuple[str, str], end: bool = False) -> Status | None:
    flags = END_HEADERS | (END_STREAM if end else 0)
    return headers.headers(memoryview(block(*pairs)), flags)


def test_a_block_in_pieces_is_the_block_in_one() -> None:
    """A long status message comes in CONTINUATION frames, and would be lost."""
    data = block((":status", "200"), ("content-type", "application/grpc"), ("x", "y" * 100))
    headers = ResponseHeaders()

    assert headers.headers(memoryview(data[:7]), 0) is None
    assert (headers.unfinished, headers.begun) == (True, False)
    assert headers.continuation(memoryview(data[7:50]), 0) is None
    assert headers.continuation(memoryview(data[50:]), END_HEADERS) is None
    assert (headers.unfinished, headers.begun) == (False, True)
    with pytest.raises(Http2Error, match="CONTINUATION without HEADERS"):
        headers.continuation(memoryview(b""), END_HEADERS)


def test_a_block_without_end_is_refused() -> None:
    """A server could fill the memory with headers that never end."""
    headers = ResponseHeaders()
    headers.headers(memoryview(bytes(fields.LARGEST_LIST)), 0)

    with pytest.raises(Http2Error) as error:
        headers.continuation(memoryview(b"x"), 0)
    assert error.value.code is Code.ENHANCE_YOUR_CALM


def test_informational_answers_come_before_the_real_one() -> None:
    """A proxy in between sends 103, and the stream would never be open."""
    headers = ResponseHeaders()
    assert _read(headers, (":status", "103")) is None
    begun = [headers.begun]
    assert _read(headers, *RESPONSE) is None
    begun.append(headers.begun)
    assert begun == [False, True]
    for pairs, end in (((":status", "101"), False), ((":status", "100"), True)):
        with pytest.raises(Http2Error, match="informational"):
            _read(ResponseHeaders(), pairs, end=end)


@pytest.mark.parametrize(
    ("kind", "is_grpc"),
    [
        ("application/grpc", True),
        ("application/grpc+proto", True),
        ("application/grpc;x=y", True),
        ("application/grpc-web", False),
        ("text/html", False),
    ],
)
def test_other_content_types_are_no_answer_of_a_control_plane(
    kind: str,
    is_grpc: bool,  # noqa: FBT001
) -> None:
    """The error page of a load balancer would be read as configuration."""
    headers = ResponseHeaders()

    status = _read(headers, (":status", "200"), ("content-type", kind))

    assert headers.begun is is_grpc
    # A body that says more may follow.
    assert status is None
    assert (headers.foreign is None) is is_grpc
    assert headers.foreign is None or repr(kind) in headers.foreign.message
    status = _read(ResponseHeaders(), (":status", "200"), ("content-type", kind), end=True)
    assert is_grpc or status == headers.foreign


def test_the_body_is_as_long_as_it_was_announced() -> None:
    """A response that was cut off in between would pass for a whole one."""
    headers = ResponseHeaders()
    _read(headers, *RESPONSE, ("content-length", "10"))
    assert headers.limited
    headers.count(7)
    with pytest.raises(Http2Error, match="less than content-length"):
        _read(headers, ("grpc-status", "0"), end=True)
    headers.count(3)
    assert _read(headers, ("grpc-status", "0"), end=True) == Status(0, "OK", "")
    with pytest.raises(Http2Error, match="more than content-length"):
        headers.count(1)
