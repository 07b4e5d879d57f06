"""The identity that a proxy sends in the first message of its stream.

An Envoy's node is its id, the cluster and place that it belongs to, metadata, and what it says of
its own build (`pyload.xds.envoy`), which is nearly all of it. A ztunnel's has id and metadata
alone; so has a bare one, as pilot-load sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf import struct_pb2

from pyload.xds import requests
from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

SIDECAR: Final = "sidecar"
ROUTER: Final = "router"
WAYPOINT: Final = "waypoint"
ZTUNNEL: Final = "ztunnel"

ENVOYS: Final = frozenset({SIDECAR, ROUTER, WAYPOINT})
"""Types of the nodes that are Envoys, each with an istio-agent between it and istiod."""

NODE_TYPES: Final = ENVOYS | {ZTUNNEL}
"""Types of the nodes that pyload can stand for."""


def node_id(
    *,
    type: str,  # noqa: A002 - xDS's word
    ip: str,
    name: str,
    namespace: str,
    domain: str = "",
) -> str:
    """Return a node's id in the form that istiod parses: ``TYPE~IP~NAME.NS~NS.svc.cluster.local``.

    Istiod finds the pod by NAME and NS, and since 1.27 no longer by the IP. The last part is a
    default, which another domain replaces.
    """
    return f"{type}~{ip}~{name}.{namespace}~{domain or f'{namespace}.svc.cluster.local'}"


def encode_node(id: str, *, metadata: bytes) -> bytes:  # noqa: A002 - xDS's word
    """Encode a node with nothing but its id and its metadata, which is encoded already."""
    return requests.field(1, id.encode()) + requests.field(3, metadata)


def encode_metadata(metadata: Mapping[str, object]) -> bytes:
    """Encode metadata; several of them one after the other are the metadata of all.

    Raises:
        TypeError: A value is not JSON.
    """
    return _struct(metadata).SerializeToString(deterministic=True)


def encode_envoy_node(id: str, *, cluster: str, metadata: bytes, locality: str) -> bytes:  # noqa: A002 - xDS's word
    """Encode the node of an Envoy, all but what it says of its build: that comes behind.

    Args:
        id: See `node_id`.
        cluster: The cluster that it belongs to.
        metadata: Encoded metadata.
        locality: ``REGION/ZONE/SUBZONE``, the last of which may be missing.
    """
    region, zone, sub_zone = (*locality.split("/", 2), "", "")[:3]
    place = discovery_pb2.Locality(region=region, zone=zone, sub_zone=sub_zone)
    return b"".join(
        (
            requests.field(1, id.encode()),
            requests.field(2, cluster.encode()),
            requests.field(3, metadata),
            requests.field(4, place.SerializeToString()),
        )
    )


def _struct(fields: Mapping[str, object]) -> struct_pb2.Struct:
    return struct_pb2.Struct(fields={key: _value(value) for key, value in fields.items()})


def _value(value: object) -> struct_pb2.Value:
    match value:
        case None:
            return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
        case bool():
            return struct_pb2.Value(bool_value=value)
        case int() | float():
            return struct_pb2.Value(number_value=value)
        case str():
            return struct_pb2.Value(string_value=value)
        case dict():
            return struct_pb2.Value(struct_value=_struct(value))
        case list() | tuple():
            items = struct_pb2.ListValue(values=[_value(item) for item in value])
            return struct_pb2.Value(list_value=items)
    raise TypeError(f"node metadata cannot hold a {value.__class__.__name__}")
