"""The pieces of discovery requests, encoded once and put together with ``+``.

Protobuf merges concatenated messages, so a request is its type, its names and its nonce one after
the other, and an acknowledgement encodes no name again. Field numbers are those of Envoy's
``envoy/service/discovery/v3/discovery.proto``.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.xds.resource_set import NameSet
    from pyload.xds.types import TypeUrl

INTERNAL: Final = 13
"""``google.rpc.Code.INTERNAL``, with which Envoy rejects a configuration."""

MAX_REQUEST: Final = (4 << 20) - (256 << 10)
"""Bytes of names or versions that one request may hold: istiod accepts 4 MiB, and the node needs
room too."""

_LENGTH_DELIMITED: Final = 2


def field(number: int, value: bytes) -> bytes:
    """Encode one field of type string, bytes or message, with a number below 16."""
    if len(value) < 0x80:
        return bytes((number << 3 | _LENGTH_DELIMITED, len(value))) + value
    return _head(number, len(value)) + value


def _head(number: int, size: int) -> bytes:
    """Encode what stands before the value of a field: its number, and its size."""
    head = bytearray((number << 3 | _LENGTH_DELIMITED,))
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head)


@cache
def sotw_type(type_url: TypeUrl) -> bytes:
    """Encode ``type_url`` of a DiscoveryRequest."""
    return field(4, type_url.encode())


@cache
def delta_type(type_url: TypeUrl) -> bytes:
    """Encode ``type_url`` of a DeltaDiscoveryRequest."""
    return field(2, type_url.encode())


def with_node(request: bytes, node: bytes, build: bytes = b"", *, delta: bool) -> bytes:
    """Add the node to a request of either variant.

    Args:
        request: The request.
        node: The node, or its first part.
        build: The rest of the node. It is long, and so it is copied only here.
        delta: Whether it is a request of delta xDS.
    """
    return b"".join((_head(1 if delta else 2, len(node) + len(build)), node, build, request))


@lru_cache(maxsize=64)
def sotw_state(type_url: TypeUrl, names: NameSet, version: str) -> bytes:
    """Encode a DiscoveryRequest without its nonce: after a push it is the same for most proxies."""
    state = field(1, version.encode()) if version else b""
    return sotw_type(type_url) + names.encoded + state


def delta_nonce(nonce: str) -> bytes:
    """Encode ``response_nonce`` of a DeltaDiscoveryRequest."""
    return field(6, nonce.encode())


def nack(error: str, *, delta: bool) -> bytes:
    """Encode ``error_detail``, which makes a NACK of an acknowledgement."""
    request = discovery_pb2.DeltaDiscoveryRequest() if delta else discovery_pb2.DiscoveryRequest()
    request.error_detail.code = INTERNAL
    request.error_detail.message = error
    return request.SerializeToString()


def subscriptions(names: NameSet) -> Iterator[bytes]:
    """Encode ``resource_names_subscribe``, in as many pieces as keep each below `MAX_REQUEST`."""
    if len(names.encoded) <= MAX_REQUEST:
        yield names.encoded
        return
    piece = bytearray()
    for name in sorted(names.members):
        one = field(3, name.encode())
        if piece and len(piece) + len(one) > MAX_REQUEST:
            yield bytes(piece)
            piece.clear()
        piece += one
    yield bytes(piece)
