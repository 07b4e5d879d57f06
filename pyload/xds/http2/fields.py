"""Header fields: HPACK in both directions, and the checks that a client owes (sections 8.1 to 8.3).

Both directions do without HPACK's dynamic table. So a block stands for the same fields on every
connection: it is encoded or decoded once for all of them, and no connection holds a table.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import hpack

from pyload.errors import LocalProtocolError
from pyload.xds.http2.frames import Code, Http2Error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.xds.transport import Metadata

LARGEST_LIST: Final = 65_536
"""Bytes of one header list, as section 10.5.1 counts them, and of its encoded block."""

_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE: Final = re.compile(rb"|[^\0\r\n\t ]|[^\0\r\n\t ][^\0\r\n]*[^\0\r\n\t ]")
_CONNECTION: Final = {
    b"connection",
    b"keep-alive",
    b"proxy-connection",
    b"transfer-encoding",
    b"upgrade",
}


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of a header list that matter to a client of gRPC.

    Attributes:
        status: ``:status``; 0 in trailers.
        content_type: ``content-type``, may be empty.
        location: ``location`` of a redirect, may be empty.
        encoding: ``grpc-encoding``, may be empty.
        length: ``content-length``; -1 without it.
        grpc_status: ``grpc-status`` as received, or None.
        grpc_message: ``grpc-message`` as received, percent-encoded.
    """

    status: int
    content_type: str
    location: str
    encoding: str
    length: int
    grpc_status: str | None
    grpc_message: str


@lru_cache(maxsize=256)
def request(path: str, *, authority: str, scheme: str, agent: str, metadata: Metadata) -> bytes:
    """Encode the header block of a call.

    Raises:
        LocalProtocolError: The metadata has a name or value that HTTP/2 does not allow.
    """
    encoder = hpack.Encoder()
    encoder.header_table_size = 0
    pairs = [
        (":method", "POST"),
        (":scheme", scheme),
        (":path", path),
        (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", agent),
        ("grpc-accept-encoding", "identity,gzip"),
    ]
    fields = [(name.encode(), value.encode(), False) for name, value in pairs]
    for name, value in metadata:
        field = (name.encode(), value.encode(), name == "authorization")
        if not _NAME.fullmatch(field[0]) or not _VALUE.fullmatch(field[1]):
            raise LocalProtocolError(f"the header {name!r} or its value is not allowed in HTTP/2")
        fields.append(field)
    return encoder.encode(fields)


def decoder(size: int = 0) -> hpack.Decoder:
    """Create a decoder with a dynamic table of a size in bytes."""
    made = hpack.Decoder(LARGEST_LIST)
    made.header_table_size = size
    made.max_allowed_table_size = size
    return made


_STATELESS: Final = decoder()


@lru_cache(maxsize=64)
def read(block: bytes, *, trailers: bool) -> Fields:
    """Decode a block that was encoded without a dynamic table.

    Raises:
        Http2Error: The block cannot be decoded, or the fields are malformed.
    """
    return read_with(_STATELESS, block, trailers=trailers)


def read_with(decoder: hpack.Decoder, block: bytes, *, trailers: bool) -> Fields:
    """Decode a block with the dynamic table of a connection.

    Raises:
        Http2Error: The block cannot be decoded, or the fields are malformed.
    """
    try:
        pairs = decoder.decode(block, raw=True)
    except hpack.OversizedHeaderListError as error:
        raise Http2Error(Code.ENHANCE_YOUR_CALM, "too many header fields") from error
    except (hpack.HPACKError, IndexError) as error:
        raise Http2Error(Code.COMPRESSION_ERROR, f"header block: {error}") from error
    return _fields(_checked(pairs, trailers=trailers), trailers=trailers)


def _checked(pairs: Iterable[tuple[bytes, bytes]], *, trailers: bool) -> dict[bytes, bytes]:
    """Check that the fields are well-formed, and return the first value of each name."""
    found: dict[bytes, bytes] = {}
    regular = trailers
    for name, value in pairs:
        if name[:1] == b":":
            if regular or name != b":status" or name in found:
                raise _malformed(f"pseudo-header {_shown(name)}")
        elif not _NAME.fullmatch(name) or name in _CONNECTION:
            raise _malformed(f"header {_shown(name)}")
        else:
            regular = True
        if not _VALUE.fullmatch(value):
            raise _malformed(f"value of {_shown(name)}")
        if name == b"te" and value != b"trailers":
            raise _malformed("te")
        if found.setdefault(name, value) != value and name == b"content-length":
            raise _malformed("content-length")
    return found


def _fields(found: dict[bytes, bytes], *, trailers: bool) -> Fields:
    status = found.get(b":status", b"")
    if not trailers and not re.fullmatch(rb"[1-5][0-9][0-9]", status):
        raise _malformed(":status")
    length = found.get(b"content-length")
    if length is not None and not re.fullmatch(rb"[0-9]{1,18}", length):
        raise _malformed("content-length")

    def text(name: bytes) -> str:
        return found.get(name, b"").decode("utf-8", "replace")

    return Fields(
        status=int(status or b"0"),
        content_type=text(b"content-type"),
        location=text(b"location"),
        encoding=text(b"grpc-encoding"),
        length=-1 if length is None else int(length),
        grpc_status=text(b"grpc-status") if b"grpc-status" in found else None,
        grpc_message=text(b"grpc-message"),
    )


def _malformed(what: str) -> Http2Error:
    return Http2Error(Code.PROTOCOL_ERROR, f"malformed {what}", stream=True)


def _shown(name: bytes) -> str:
    return ascii(name[:64].decode("latin-1"))
