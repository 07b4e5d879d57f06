"""Clusters as istiod shapes them."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any, Final

from pyload.embedded.controlplane.encode import any_of
from pyload.embedded.controlplane.library import from_ads, library, struct, text, tls_context
from pyload.embedded.controlplane.template import Template, gap
from pyload.xds.types import CDS

BLACK_HOLE: Final = "BlackHoleCluster"
PASSTHROUGH: Final = "PassthroughCluster"
INBOUND_PASSTHROUGH: Final = "InboundPassthroughCluster"

_UNLIMITED: Final = 2**32 - 1
_CONNECT_TIMEOUT: Final = timedelta(seconds=10)
_RAW_BUFFER: Final = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
_UPSTREAM_TLS: Final = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"


@functools.cache
def outbound_cluster(*, headless: bool) -> Template:
    """Build a Service port's cluster.

    Gaps: ``name``, ``stat`` (the name and a semicolon), ``host``, ``service``, ``namespace``,
    ``sni``.
    """
    lib = library()
    cluster = lib.cluster.Cluster(
        name=gap("name"),
        connect_timeout=_CONNECT_TIMEOUT,
        circuit_breakers=_circuit_breakers(),
        metadata=_service_metadata(),
        alt_stat_name=gap("stat"),
        transport_socket_matches=_transport_socket_matches(),
    )
    if headless:
        cluster.type = lib.cluster.ClusterDiscoveryType.ORIGINAL_DST
        cluster.lb_policy = lib.cluster.ClusterLbPolicy.CLUSTER_PROVIDED
    else:
        cluster.type = lib.cluster.ClusterDiscoveryType.EDS
        cluster.lb_policy = lib.cluster.ClusterLbPolicy.LEAST_REQUEST
        cluster.eds_cluster_config = lib.cluster.ClusterEdsClusterConfig(
            eds_config=from_ads(), service_name=gap("name")
        )
    return Template(any_of(CDS, bytes(cluster)))


@functools.cache
def inbound_cluster() -> Template:
    """Build the cluster of a port of the proxy's own pod; gaps as `outbound_cluster`'s."""
    cluster = _original_dst(gap("name"), source="127.0.0.6")
    cluster.alt_stat_name = gap("stat")
    cluster.metadata = _service_metadata()
    return Template(any_of(CDS, bytes(cluster)))


@functools.cache
def black_hole_cluster() -> bytes:
    """Build the cluster that accepts nothing."""
    lib = library()
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


def _original_dst(name: str, *, source: str) -> Any:
    lib = library()
    cluster = lib.cluster.Cluster(
        name=name,
        type=lib.cluster.ClusterDiscoveryType.ORIGINAL_DST,
        connect_timeout=_CONNECT_TIMEOUT,
        lb_policy=lib.cluster.ClusterLbPolicy.CLUSTER_PROVIDED,
        circuit_breakers=_circuit_breakers(),
        alt_stat_name=f"{name};",
    )
    if source:
        cluster.upstream_bind_config = lib.core.BindConfig(
            source_address=lib.core.SocketAddress(address=source, port_value=0)
        )
    return cluster


def _circuit_breakers() -> Any:
    cluster = library().cluster
    threshold = cluster.CircuitBreakersThresholds(
        max_connections=_UNLIMITED,
        max_pending_requests=_UNLIMITED,
        max_requests=_UNLIMITED,
        max_retries=_UNLIMITED,
    )
    return cluster.CircuitBreakers(thresholds=[threshold])


def _service_metadata() -> Any:
    lib = library()
    service = struct(
        host=text(gap("host")), name=text(gap("service")), namespace=text(gap("namespace"))
    )
    services = lib.protobuf.ListValue(values=[lib.protobuf.Value(struct_value=service)])
    istio = struct(services=lib.protobuf.Value(list_value=services))
    return lib.core.Metadata(filter_metadata={"istio": istio})


def _transport_socket_matches() -> list[Any]:
    lib = library()
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
