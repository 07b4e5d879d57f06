"""Header fields in both directions."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import LocalProtocolError
from pyload.xds.http2 import fields
from pyload.xds.http2.frames import Http2Error
from tests.xds.http2.frames import block

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
VALUES = st.from_regex(r"[!-~]([ -~]{0,40}[!-~])?", fullmatch=True)


def encoded(metadata: tuple[tuple[str, str], ...]) -> bytes:
    """Encode a request."""
    return fields.request("/a/B", authority="x:1", scheme="http", agent="p", metadata=metadata)


@given(metadata=st.lists(st.tuples(NAMES, VALUES), max_size=8).map(tuple))
def test_any_server_reads_a_request(metadata: tuple[tuple[str, str], ...]) -> None:
    """Tokens would be mangled, and istiod refuse them all."""
    for decoder in (hpack.Decoder(), fields.decoder(100), fields.decoder()):
        found = [(name, value) for name, value in decoder.decode(encoded(metadata), raw=True)]
        assert found[8:] == [(name.encode(), value.encode()) for name, value in metadata]
        assert found[:4] == [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/a/B"),
            (b":authority", b"x:1"),
        ]


def test_a_request_leaves_nothing_in_a_table() -> None:
    """Its bytes are used on every connection, whatever table the server allows there."""
    decoder = hpack.Decoder()
    decoder.decode(encoded((("clusterid", "c"),)))
    assert len(decoder.header_table.dynamic_entries) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [("Upper", "x"), ("", "x"), ("a b", "x"), (":path", "x"), ("x", "a\nb"), ("x", "token ")],
)
def test_metadata_that_http2_does_not_allow_is_refused(name: str, value: str) -> None:
    """A token with a line feed at its end would get every proxy's connection closed."""
    with pytest.raises(LocalProtocolError, match="not allowed"):
        encoded(((name, value),))


def test_fields_are_read() -> None:
    """A stream would end with a wrong status."""
    found = fields.read(
        block(
            (":status", "200"), ("content-length", "12"), ("location", "/y"), ("grpc-message", "ü")
        ),
        trailers=False,
    )
    assert found == fields.Fields(
        status=200,
        content_type="",
        location="/y",
        encoding="",
        length=12,
        grpc_status=None,
        grpc_message="ü",
    )


@given(data=st.binary(max_size=200), trailers=st.booleans())
def test_any_block_is_read_or_refused(data: bytes, *, trailers: bool) -> None:
    """A damaged block must not end the process."""
    for decoder in (fields.decoder(), fields.decoder(4096)):
        try:
            fields.read_with(decoder, data, trailers=trailers)
        except Http2Error:
            continue
