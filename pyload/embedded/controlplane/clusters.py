"""Clusters as istiod shapes them."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controlplane.envoy_modules import (
    envoy,
    from_ads,
    struct,
    text,
    tls_context,
    transport_socket,
)
from pyload.embedded.controlplane.template import MessageTemplate, gap
from pyload.embedded.controlplane.wire import any_of, field, number
from pyload.xds.types import CDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.controlplane.istio_model import TrafficPolicy
    from pyload.embedded.controlplane.model import Resolution

BLACK_HOLE: Final = "BlackHoleCluster"
PASSTHROUGH: Final = "PassthroughCluster"
INBOUND_PASSTHROUGH: Final = "InboundPassthroughCluster"

UNLIMITED: Final = 2**32 - 1
_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
RAW_BUFFER: Final = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
UPSTREAM_TLS: Final = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"

_KINDS: Final[Mapping[Resolution, str]] = {
    "eds": "EDS",
    "dns": "STRICT_DNS",
    "original_dst": "ORIGINAL_DST",
}
_LB_POLICIES: Final = {
    "EDS": "LEAST_REQUEST",
    "STRICT_DNS": "LEAST_REQUEST",
    "ORIGINAL_DST": "CLUSTER_PROVIDED",
    "STATIC": "ROUND_ROBIN",
}

# Fields of envoy.config.cluster.v3.Cluster, and its load balancing policies by Istio's names.
_LB_POLICY: Final = 6
_CIRCUIT_BREAKERS: Final = 10
_LOAD_ASSIGNMENT: Final = 33
# IPv4 only, and to be asked every 60 s or when the answer says: fields that the library warns of.
_DNS: Final = number(17, 1) + field(16, number(1, 60)) + number(39, 1)
_BALANCERS: Final[Mapping[str, int]] = {
    "ROUND_ROBIN": 0,
    "LEAST_CONN": 1,
    "LEAST_REQUEST": 1,
    "RANDOM": 3,
    "PASSTHROUGH": 6,
}


def cluster_name(direction: str, port: int, host: str = "", subset: str = "") -> str:
    """Name a cluster as Istio does."""
    return f"{direction}|{port}|{subset}|{host}"


@functools.cache
def outbound_cluster(resolution: Resolution, *, ruled: bool, subset: bool) -> MessageTemplate:
    """Build a Service port's cluster. Not wrapped.

    Gaps: ``name``, ``stat`` (the name and a semicolon), ``host``, ``service``, ``namespace``,
    ``sni``, and those of what applies below.

    Args:
        resolution: How its endpoints are found; those of DNS are to be appended.
        ruled: Whether a DestinationRule applies, named in the gap ``config``; its `limits` are to
            be appended.
        subset: Whether it is that of a subset, named in the gap ``subset``.
    """
    parts = [name for name, there in (("config", ruled), ("subset", subset)) if there]
    breakers = None if ruled else circuit_breakers()
    cluster = build_cluster(
        gap("name"),
        _KINDS[resolution],
        stat=gap("stat"),
        circuit_breakers=breakers,
        metadata=service_metadata(*parts),
        transport_socket_matches=_transport_socket_matches(),
    )
    return MessageTemplate(bytes(cluster) + (_DNS if resolution == "dns" else b""))


@functools.lru_cache(maxsize=1024)
def limits(traffic: TrafficPolicy) -> bytes:
    """Encode the fields of a ``Cluster`` that a DestinationRule decides, to be appended to it."""
    thresholds = b"".join(
        field(tag, number(1, value or UNLIMITED))
        for tag, value in (
            (2, traffic.max_connections),
            (3, traffic.max_pending),
            (4, traffic.max_requests),
            (5, traffic.max_retries),
        )
    )
    policy = _BALANCERS.get(traffic.balancer)
    # Of a field that occurs twice, the later one counts.
    balancer = b"" if policy is None else number(_LB_POLICY, policy)
    return balancer + field(_CIRCUIT_BREAKERS, field(1, thresholds))


def inline_endpoints(load_assignment: bytes) -> bytes:
    """Encode the endpoints of a DNS cluster, to be appended to it."""
    return field(_LOAD_ASSIGNMENT, load_assignment)


@functools.cache
def inbound_cluster() -> MessageTemplate:
    """Build the cluster of a port of the proxy's own pod; gaps as `outbound_cluster`'s."""
    cluster = build_cluster(
        gap("name"),
        "ORIGINAL_DST",
        stat=gap("stat"),
        metadata=service_metadata(),
        upstream_bind_config=_bound_to("127.0.0.6"),
    )
    return MessageTemplate(any_of(CDS, bytes(cluster)))


@functools.cache
def black_hole_cluster() -> bytes:
    """Build the cluster that accepts nothing."""
    return any_of(CDS, bytes(build_cluster(BLACK_HOLE, "STATIC", circuit_breakers=None)))


@functools.cache
def passthrough_cluster(name: str, *, source: str = "") -> bytes:
    """Build a cluster that connects to wherever the client wanted to go."""
    bound = _bound_to(source) if source else None
    return any_of(CDS, bytes(build_cluster(name, "ORIGINAL_DST", upstream_bind_config=bound)))


def circuit_breakers() -> Any:
    """Build limits that limit nothing."""
    cluster = envoy().cluster
    threshold = cluster.CircuitBreakersThresholds(
        max_connections=UNLIMITED,
        max_pending_requests=UNLIMITED,
        max_requests=UNLIMITED,
        max_retries=UNLIMITED,
    )
    return cluster.CircuitBreakers(thresholds=[threshold])


def build_cluster(name: str, kind: str, *, stat: str = "", **fields: Any) -> Any:
    """Build a cluster with Istio's timeout and no limits, but for the fields that are given.

    Args:
        name: Its name.
        kind: How its endpoints are found, as Envoy names it.
        stat: Its name in statistics; its name and a semicolon by default.
        fields: Further fields.
    """
    lib = envoy()
    known = {"connect_timeout": _CONNECT_TIMEOUT, "circuit_breakers": circuit_breakers()}
    if kind == "EDS":
        known["eds_cluster_config"] = lib.cluster.ClusterEdsClusterConfig(
            eds_config=from_ads(), service_name=name
        )
    return lib.cluster.Cluster(
        name=name,
        type=lib.cluster.ClusterDiscoveryType[kind],
        lb_policy=lib.cluster.ClusterLbPolicy[_LB_POLICIES[kind]],
        alt_stat_name=stat or f"{name};",
        **{**known, **fields},
    )


def service_metadata(*parts: str) -> Any:
    """Build the metadata of a Service port's cluster; each part has a gap of its name."""
    lib = envoy()
    service = struct(
        host=text(gap("host")), name=text(gap("service")), namespace=text(gap("namespace"))
    )
    services = lib.protobuf.ListValue(values=[lib.protobuf.Value(struct_value=service)])
    fields = {part: text(gap(part)) for part in parts}
    istio = struct(services=lib.protobuf.Value(list_value=services), **fields)
    return lib.core.Metadata(filter_metadata={"istio": istio})


def _bound_to(source: str) -> Any:
    core = envoy().core
    return core.BindConfig(source_address=core.SocketAddress(address=source, port_value=0))


def _transport_socket_matches() -> list[Any]:
    """Build the choice between Istio's mutual TLS and plain text, by an endpoint's metadata."""
    lib = envoy()
    upstream = lib.tls.UpstreamTlsContext(common_tls_context=tls_context(), sni=gap("sni"))
    match = lib.cluster.ClusterTransportSocketMatch
    return [
        match(
            name="tlsMode-istio",
            match=struct(tlsMode=text("istio")),
            transport_socket=transport_socket(
                "envoy.transport_sockets.tls", UPSTREAM_TLS, upstream
            ),
        ),
        match(
            name="tlsMode-disabled",
            match=struct(),
            transport_socket=transport_socket("envoy.transport_sockets.raw_buffer", RAW_BUFFER),
        ),
    ]
