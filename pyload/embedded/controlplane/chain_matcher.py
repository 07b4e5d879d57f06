"""The table by which a waypoint finds the filter chain of a service, as istiod writes it.

All that comes out of the tunnel enters one internal listener. Its filter chains say nothing of
addresses; a tree of matchers finds the chain's name by the destination's IP, and then by its port.
The types are of the xDS API's own, of which the library lacks some, so they are encoded here.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane.wire import any_of, field, number
from pyload.xds.types import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable

_INPUTS: Final = f"{PREFIX}envoy.extensions.matching.common_inputs.network.v3."
_STRING: Final = f"{PREFIX}google.protobuf.StringValue"
_IP_MATCHER: Final = f"{PREFIX}xds.type.matcher.v3.IPMatcher"

# Fields of Matcher, MatcherTree and OnMatch.
_TREE: Final = 2
_INPUT: Final = 1
_EXACT_MAP: Final = 2
_CUSTOM: Final = 4
_MATCHER: Final = 1
_ACTION: Final = 2


def by_address(services: Iterable[tuple[str, tuple[tuple[int, str], ...]]]) -> bytes:
    """Encode the ``Matcher`` for some services; without any, no chain is found.

    Args:
        services: Each with its IP, and its ports with the names of their filter chains.
    """
    ranges = b"".join(field(1, _range(ip, chains)) for ip, chains in services)
    if not ranges:
        return b""
    custom = field(_CUSTOM, _extension("ip", _IP_MATCHER, ranges))
    return field(_TREE, _input("ip", "DestinationIPInput") + custom)


@functools.lru_cache(maxsize=16384)
def _range(ip: str, chains: tuple[tuple[int, str], ...]) -> bytes:
    """Encode an ``IPRangeMatcher`` of one address."""
    ports = b"".join(
        field(1, field(1, str(port).encode()) + field(2, _to_chain(name))) for port, name in chains
    )
    tree = _input("port", "DestinationPortInput") + field(_EXACT_MAP, ports)
    address = field(1, ip.encode()) + field(2, number(1, 128 if ":" in ip else 32))
    return field(1, address) + field(2, field(_MATCHER, field(_TREE, tree)))


def _to_chain(name: str) -> bytes:
    """Encode the ``OnMatch`` that leads to a filter chain."""
    return field(_ACTION, _extension(name, _STRING, field(1, name.encode())))


@functools.cache
def _input(name: str, type_: str) -> bytes:
    # An input has no fields.
    return field(_INPUT, field(1, name.encode()) + field(2, field(1, f"{_INPUTS}{type_}".encode())))


def _extension(name: str, type_url: str, config: bytes) -> bytes:
    return field(1, name.encode()) + field(2, any_of(type_url, config))
