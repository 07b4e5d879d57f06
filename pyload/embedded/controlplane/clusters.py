"""Clusters as istiod shapes them."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controlplane.envoy_modules import envoy, from_ads, struct, text, tls_context
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
_RAW_BUFFER: Final = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
_UPSTREAM_TLS: Final = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"

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
    lib = envoy()
    cluster = lib.cluster.Cluster(
        name=gap("name"),
        connect_timeout=_CONNECT_TIMEOUT,
        circuit_breakers=None if ruled else circuit_breakers(),
        metadata=_service_metadata(ruled=ruled, subset=subset),
        alt_stat_name=gap("stat"),
        transport_socket_matches=_transport_socket_matches(),
    )
    kinds, policies = lib.cluster.ClusterDiscoveryType, lib.cluster.ClusterLbPolicy
    if resolution == "original_dst":
        cluster.type, cluster.lb_policy = kinds.ORIGINAL_DST, policies.CLUSTER_PROVIDED
        return MessageTemplate(bytes(cluster))
    cluster.lb_policy = policies.LEAST_REQUEST
    if resolution == "dns":
        cluster.type = kinds.STRICT_DNS
        return MessageTemplate(bytes(cluster) + _DNS)
    cluster.type = kinds.EDS
    cluster.eds_cluster_config = lib.cluster.ClusterEdsClusterConfig(
        eds_config=from_ads(), service_name=gap("name")
    )
    return MessageTemplate(bytes(cluster))


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
    cluster = _original_dst(gap("name"), source="127.0.0.6")
    cluster.alt_stat_name = gap("stat")
    cluster.metadata = _service_metadata(ruled=False, subset=False)
    return MessageTemplate(any_of(CDS, bytes(cluster)))


@functools.cache
def black_hole_cluster() -> bytes:
    """Build the cluster that accepts nothing."""
    lib = envoy()
    cluster = lib.cluster.Cluster(
        name=BLACK_HOLE,
        type=lib.cluster.ClusterDiscoveryType.STATIC,
        connect_timeout=_CONNECT_TIMEOUT,
        alt_stat_name=f"{BLACK_HOLE};",
    )
    return any_of(CDS, bytes(cluster))


@functools.cache
def passthrough_cluster(name: str, *, source: str = "") -> bytes:
    """Build a cluster that connects to wherever the client wanted to go."""
    return any_of(CDS, bytes(_original_dst(name, source=source)))


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


def _original_dst(name: str, *, source: str) -> Any:
    lib = envoy()
    cluster = lib.cluster.Cluster(
        name=name,
        type=lib.cluster.ClusterDiscoveryType.ORIGINAL_DST,
        connect_timeout=_CONNECT_TIMEOUT,
        lb_policy=lib.cluster.ClusterLbPolicy.CLUSTER_PROVIDED,
        circuit_breakers=circuit_breakers(),
        alt_stat_name=f"{name};",
    )
    if source:
        cluster.upstream_bind_config = lib.core.BindConfig(
            source_address=lib.core.SocketAddress(address=source, port_value=0)
        )
    return cluster


def _service_metadata(*, ruled: bool, subset: bool) -> Any:
    lib = envoy()
    service = struct(
        host=text(gap("host")), name=text(gap("service")), namespace=text(gap("namespace"))
    )
    services = lib.protobuf.ListValue(values=[lib.protobuf.Value(struct_value=service)])
    fields = {"services": lib.protobuf.Value(list_value=services)}
    if ruled:
        fields["config"] = text(gap("config"))
    if subset:
        fields["subset"] = text(gap("subset"))
    return lib.core.Metadata(filter_metadata={"istio": struct(**fields)})


def _transport_socket_matches() -> list[Any]:
    """Build the choice between Istio's mutual TLS and plain text, by an endpoint's metadata."""
    lib = envoy()
    upstream = lib.tls.UpstreamTlsContext(common_tls_context=tls_context(), sni=gap("sni"))
    match = lib.cluster.ClusterTransportSocketMatch
    return [
        match(
            name="tlsMode-istio",
            match=struct(tlsMode=text("istio")),
            transport_socket=lib.core.TransportSocket(
                name="envoy.transport_sockets.tls", typed_config=lib.any(_UPSTREAM_TLS, upstream)
            ),
        ),
        match(
            name="tlsMode-disabled",
            match=struct(),
            transport_socket=lib.core.TransportSocket(
                name="envoy.transport_sockets.raw_buffer", typed_config=lib.any(_RAW_BUFFER)
            ),
        ),
    ]
