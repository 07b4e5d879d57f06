"""The identity that a proxy sends in the first message of its stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf import struct_pb2

from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

ISTIO_VERSION: Final = "1.24.0-pilot-load"

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


def proxy_metadata(
    *,
    ip: str,
    name: str,
    namespace: str,
    service_account: str,
    labels: Mapping[str, str] | None,
    cluster_id: str = "Kubernetes",
    extra: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Build the metadata of a proxy's node.

    Args:
        ip: Pod IP.
        name: Pod name.
        namespace: Pod namespace; with a verified identity, the identity's.
        service_account: As in the identity, which istiod compares.
        labels: Pod labels; None becomes null, as for ztunnel.
        cluster_id: Istio's name of the cluster.
        extra: Further entries, which the ones above override.
    """
    return {
        **(extra or {}),
        "ISTIO_VERSION": ISTIO_VERSION,
        "CLUSTER_ID": cluster_id,
        "LABELS": None if labels is None else dict(labels),
        "NAME": name,
        "NAMESPACE": namespace,
        "INSTANCE_IPS": ip,
        "SERVICE_ACCOUNT": service_account,
        # `istioctl proxy-status` passes over proxies without it.
        "PROXY_CONFIG": {},
    }


def encode_node(
    *,
    type: str,  # noqa: A002 - xDS's word
    ip: str,
    name: str,
    namespace: str,
    metadata: Mapping[str, object],
    domain: str = "",
) -> bytes:
    """Encode an Envoy ``Node`` with nothing but its id and its metadata.

    Equal arguments give equal bytes.

    Raises:
        TypeError: A metadata value is not JSON.
    """
    node = discovery_pb2.Node(
        id=node_id(type=type, ip=ip, name=name, namespace=namespace, domain=domain),
        metadata=_struct(metadata),
    )
    return node.SerializeToString(deterministic=True)


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
