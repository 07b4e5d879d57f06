"""Header blocks of a response, and what they mean in gRPC."""

from __future__ import annotations

import gzip

import hpack

from pyload.xds.http2.frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    SETTINGS,
    WITH_PRIORITY,
    frame,
)
from pyload.xds.transport import Status
from tests.xds.http2.frames import answer, block, framed, opened


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
