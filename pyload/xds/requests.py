"""The pieces of discovery requests, encoded once and put together with ``+``.

Protobuf merges concatenated messages, so a request is its type, its names and its nonce one after
the other, and an acknowledgement encodes no name again. Field numbers are those of Envoy's
``envoy/service/discovery/v3/discovery.proto``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.xds.resource_set import NameSet
    from pyload.xds.types import TypeUrl

# What Envoy answers for a configuration that it cannot take: google.rpc.Code.INTERNAL.
REFUSED: Final = 13

MAX_REQUEST: Final = (4 << 20) - (256 << 10)
"""Bytes of names or versions that one request may hold: istiod takes 4 MiB, and the node needs
room too."""

_LENGTH_DELIMITED: Final = 2


def field(number: int, value: bytes) -> bytes:
    """Encode one field of type string, bytes or message, with a number below 16."""
    size = len(value)
    head = bytearray((number << 3 | _LENGTH_DELIMITED,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head) + value


@cache
def sotw_type(type_url: TypeUrl) -> bytes:
    """Encode ``type_url`` of a DiscoveryRequest."""
    return field(4, type_url.encode())


@cache
def delta_type(type_url: TypeUrl) -> bytes:
    """Encode ``type_url`` of a DeltaDiscoveryRequest."""
    return field(2, type_url.encode())


def sotw_node(node: bytes) -> bytes:
    """Encode ``node`` of a DiscoveryRequest."""
    return field(2, node)


def delta_node(node: bytes) -> bytes:
    """Encode ``node`` of a DeltaDiscoveryRequest."""
    return field(1, node)


def sotw_state(version: str, nonce: str) -> bytes:
    """Encode ``version_info`` and ``response_nonce`` of a DiscoveryRequest; neither if empty."""
    state = field(1, version.encode()) if version else b""
    return state + field(5, nonce.encode()) if nonce else state


def delta_nonce(nonce: str) -> bytes:
    """Encode ``response_nonce`` of a DeltaDiscoveryRequest."""
    return field(6, nonce.encode())


def sotw_refusal(text: str) -> bytes:
    """Encode ``error_detail`` of a DiscoveryRequest."""
    request = discovery_pb2.DiscoveryRequest()
    request.error_detail.code = REFUSED
    request.error_detail.message = text
    return request.SerializeToString()


def delta_refusal(text: str) -> bytes:
    """Encode ``error_detail`` of a DeltaDiscoveryRequest."""
    request = discovery_pb2.DeltaDiscoveryRequest()
    request.error_detail.code = REFUSED
    request.error_detail.message = text
    return request.SerializeToString()


def subscriptions(names: NameSet, *, limit: int = MAX_REQUEST) -> Iterator[bytes]:
    """Encode ``resource_names_subscribe``, as many pieces as it takes for each to be allowed."""
    if len(names.encoded) <= limit:
        yield names.encoded
        return
    piece = bytearray()
    for name in sorted(names.members):
        one = field(3, name.encode())
        if piece and len(piece) + len(one) > limit:
            yield bytes(piece)
            piece.clear()
        piece += one
    yield bytes(piece)
