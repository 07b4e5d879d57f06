"""The headers of the server's response: its header blocks, and what they mean in gRPC.

A block comes in one HEADERS frame and any number of CONTINUATION frames. The first block with a
final status is the head of the response, unless the stream ends with it: then it is a response that
consists of trailers alone, as the next block is in any other. This side's settings forbid HPACK's
dynamic table, but the server may use it until it has acknowledged them; a decoder of its own is
made for a connection only then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.xds.http2 import fields, frames
from pyload.xds.http2.frames import Code, Http2Error
from pyload.xds.http2.status import named, of_http, of_trailers

if TYPE_CHECKING:
    from hpack import Decoder

    from pyload.xds.http2.fields import Fields
    from pyload.xds.transport import Status

_TABLE: Final = 4096
"""Bytes of HPACK's table that a server may use before it knows the settings."""
_SHOWN: Final = 256
"""Characters of a peer's text that go into a status."""
_GRPC: Final = "application/grpc"


class ResponseHeaders:
    """Reads the header blocks of one stream.

    Attributes:
        acknowledged: Whether the peer knows that its HPACK table is to be empty.
        begun: Whether the headers of a response with messages have come.
        foreign: How the stream ends if they are those of an answer that is not gRPC's, whose body
            comes next; None if they are not.
        gzip: Whether they say that messages may be compressed.
    """

    __slots__ = (
        "_block",
        "_decoder",
        "_ends",
        "_expected",
        "acknowledged",
        "begun",
        "foreign",
        "gzip",
    )

    def __init__(self) -> None:
        # A block whose last fragment has not come.
        self._block: bytearray | None = None
        # Whether the stream ends with the present block.
        self._ends = False
        self._decoder: Decoder | None = None
        # Bytes that ``content-length`` announces and that have not come; -1 without it.
        self._expected = -1
        self.acknowledged = False
        self.begun = False
        self.foreign: Status | None = None
        self.gzip = False

    @property
    def unfinished(self) -> bool:
        """Whether the next frame must go on with a header block."""
        return self._block is not None

    @property
    def limited(self) -> bool:
        """Whether the bytes of the body are to be counted."""
        return self._expected >= 0

    def headers(self, payload: memoryview, flags: int) -> Status | None:
        """Handle the payload of HEADERS; return the status if the stream has ended."""
        self._ends = bool(flags & frames.END_STREAM)
        return self._fragment(bytearray(payload), flags)

    def continuation(self, payload: memoryview, flags: int) -> Status | None:
        """Handle the payload of CONTINUATION; return the status if the stream has ended."""
        if self._block is None:
            raise Http2Error(Code.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        return self._fragment(self._block + payload, flags)

    def count(self, size: int) -> None:
        """Count bytes of the body against ``content-length``."""
        if self._expected >= 0:
            self._expected -= size
            if self._expected < 0:
                raise Http2Error(Code.PROTOCOL_ERROR, "more than content-length", stream=True)

    def _fragment(self, block: bytearray, flags: int) -> Status | None:
        if len(block) > fields.LARGEST_LIST:
            raise Http2Error(Code.ENHANCE_YOUR_CALM, "too many header fields")
        if not flags & frames.END_HEADERS:
            self._block = block
            return None
        self._block = None
        found = self._read(bytes(block))
        return self._trailers(found) if self.begun else self._head(found)

    def _read(self, block: bytes) -> Fields:
        if self._decoder is None:
            if self.acknowledged:
                return fields.read(block, trailers=self.begun)
            self._decoder = fields.decoder(_TABLE)
        if self.acknowledged:
            self._decoder.max_allowed_table_size = 0
        return fields.read_with(self._decoder, block, trailers=self.begun)

    def _head(self, found: Fields) -> Status | None:
        """Handle the head of a response, or a response of trailers alone."""
        if found.status < 200:
            if self._ends or found.status == 101:
                raise Http2Error(Code.PROTOCOL_ERROR, "an informational answer ends", stream=True)
            return None
        kind = found.content_type
        if not kind.startswith(_GRPC) or kind[len(_GRPC) :][:1] not in ("", "+", ";"):
            status = of_http(found.status, found.location)
            text = f"{status.message}: content-type {kind[:_SHOWN]!r}"
            return self._foreign(named(status.name, text))
        self._expected = found.length
        if self._ends:
            return self._trailers(found)
        if found.status != 200:
            return self._foreign(of_http(found.status, found.location))
        if found.encoding not in ("", "identity", "gzip"):
            text = f"grpc-encoding {found.encoding[:_SHOWN]!r} is not supported"
            return named("INTERNAL", text)
        self.gzip = found.encoding == "gzip"
        self.begun = True
        return None

    def _foreign(self, status: Status) -> Status | None:
        """Return the status, unless a body comes that says more."""
        if self._ends:
            return status
        self._expected = -1
        self.foreign = status
        return None

    def _trailers(self, found: Fields) -> Status:
        if not self._ends:
            raise Http2Error(Code.PROTOCOL_ERROR, "trailers do not end the stream", stream=True)
        if self._expected > 0:
            raise Http2Error(Code.PROTOCOL_ERROR, "less than content-length", stream=True)
        if found.grpc_status is None and found.status not in (0, 200):
            return of_http(found.status)
        return of_trailers(found)
