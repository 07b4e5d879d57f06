"""How a stream ended, in gRPC's terms.

The tables are those of gRPC's ``PROTOCOL-HTTP2.md`` and ``http-grpc-status-mapping.md``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from pyload.xds.http2.foreign import shown
from pyload.xds.http2.frames import Code, code_name
from pyload.xds.transport import Status

if TYPE_CHECKING:
    from pyload.xds.http2.fields import Fields

NAMES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)

_OF_HTTP: Final = {
    400: "INTERNAL",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "UNIMPLEMENTED",
    429: "UNAVAILABLE",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "UNAVAILABLE",
}

_OF_RESET: Final[dict[int, str]] = {
    Code.NO_ERROR: "INTERNAL",
    Code.PROTOCOL_ERROR: "INTERNAL",
    Code.INTERNAL_ERROR: "INTERNAL",
    Code.FLOW_CONTROL_ERROR: "INTERNAL",
    Code.SETTINGS_TIMEOUT: "INTERNAL",
    Code.FRAME_SIZE_ERROR: "INTERNAL",
    Code.COMPRESSION_ERROR: "INTERNAL",
    Code.CONNECT_ERROR: "INTERNAL",
    Code.REFUSED_STREAM: "UNAVAILABLE",
    Code.CANCEL: "CANCELLED",
    Code.ENHANCE_YOUR_CALM: "RESOURCE_EXHAUSTED",
    Code.INADEQUATE_SECURITY: "PERMISSION_DENIED",
}


def named(name: str, message: str) -> Status:
    """Return the status with a name of gRPC's."""
    return Status(NAMES.index(name), name, message)


def of_reset(code: int) -> Status:
    """Return the status of a stream that RST_STREAM has ended."""
    return named(_OF_RESET.get(code, "UNKNOWN"), f"the stream was reset with {code_name(code)}")


def of_http(status: int, location: str = "") -> Status:
    """Return the status of an HTTP response that is not gRPC's, and may be a redirect."""
    to = f" to {shown(location.encode())}" if location else ""
    return named(_OF_HTTP.get(status, "UNKNOWN"), f"the answer is HTTP {status}{to}, not gRPC")


def of_trailers(fields: Fields) -> Status:
    """Return the status that trailers carry."""
    text = fields.grpc_status
    message = unquote(fields.grpc_message, errors="replace")
    if text is None:
        return named("UNKNOWN", "the server ended the stream without a grpc-status")
    if not text.isdecimal() or int(text[:9]) >= len(NAMES):
        return named("UNKNOWN", f"grpc-status {text[:32]}: {message}")
    return Status(int(text), NAMES[int(text)], message)
