"""Protobuf's wire format, as far as needed to put encoded messages into each other.

Encoded resources are shared by all proxies, so responses are joined from bytes and never built
as objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

_LENGTH_DELIMITED: Final = 2

_VERSION: Final = 1
_RESOURCES: Final = 2
_TYPE_URL: Final = 4
_NONCE: Final = 5
_CONTROL_PLANE: Final = {False: 6, True: 7}
_REMOVED: Final = 6


def varint(number: int) -> bytes:
    """Encode an unsigned integer."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number: int, payload: bytes) -> bytes:
    """Encode a field of type string, bytes or message."""
    return varint(number << 3 | _LENGTH_DELIMITED) + varint(len(payload)) + payload


def number(tag: int, value: int) -> bytes:
    """Encode a field of type integer, enum or bool."""
    return varint(tag << 3) + varint(value)


def any_of(type_url: str, value: bytes) -> bytes:
    """Encode a ``google.protobuf.Any``."""
    return field(1, type_url.encode()) + field(2, value)


def sotw_resource(encoded_any: bytes) -> bytes:
    """Encode one resource as a field of a ``DiscoveryResponse``."""
    return field(_RESOURCES, encoded_any)


def delta_resource(name: str, encoded_any: bytes, version: str = "") -> bytes:
    """Encode one resource as a field of a ``DeltaDiscoveryResponse``.

    Istiod gives versions to the resources of ambient mode, and none to those of Envoy.
    """
    versioned = field(1, version.encode()) if version else b""
    return field(_RESOURCES, versioned + field(2, encoded_any) + field(3, name.encode()))


def removals(names: Iterable[str]) -> bytes:
    """Encode the removed names of a ``DeltaDiscoveryResponse``."""
    return b"".join(field(_REMOVED, name.encode()) for name in names)


def head(*, version: str, type_url: str, control_plane: str, delta: bool) -> bytes:
    """Encode what all responses of one type and version share, but for the resources."""
    return (
        field(_VERSION, version.encode())
        + field(_TYPE_URL, type_url.encode())
        + field(_CONTROL_PLANE[delta], field(1, control_plane.encode()))
    )


def nonce(text: str) -> bytes:
    """Encode the nonce of a response, SotW or delta."""
    return field(_NONCE, text.encode())
