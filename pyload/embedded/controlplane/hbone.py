"""The tunnel of ambient mode: how an Envoy's connections enter it, from inside that Envoy.

An internal listener takes a connection with the address that it is for, and puts it into an HBONE
connection of the cluster of its name. Other clusters lead to such a listener.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any, Final

from pyload.embedded.controlplane import listeners
from pyload.embedded.controlplane.clusters import RAW_BUFFER, UPSTREAM_TLS, build_cluster
from pyload.embedded.controlplane.envoy_modules import envoy, tls_context, transport_socket
from pyload.embedded.controlplane.wire import any_of
from pyload.xds.types import CDS, LDS

TUNNEL: Final = "connect_originate"
HBONE_PORT: Final = 15008
ADDRESSES: Final = "envoy.filters.listener.original_dst"
"""Where the addresses of a connection stand that is passed on within an Envoy."""

_INTERNAL: Final = (
    "envoy.extensions.transport_sockets.internal_upstream.v3.InternalUpstreamTransport"
)
_PROTOCOL_OPTIONS: Final = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"


def tunnel_cluster() -> bytes:
    """Build the cluster through which every Envoy reaches workloads by HBONE."""
    return opening_cluster(TUNNEL)


@functools.cache
def tunnel_listener() -> bytes:
    """Build the internal listener that puts connections into the tunnel."""
    return _internal_listener(
        TUNNEL,
        tunneling=envoy().tcp_proxy.TcpProxyTunnelingConfig(hostname="%DOWNSTREAM_LOCAL_ADDRESS%"),
        listener_filters=[listeners.listener_filter(listeners.ORIGINAL_DST)],
    )


@functools.cache
def to_internal(name: str, listener: str) -> bytes:
    """Build the cluster that leads to an internal listener."""
    lib = envoy()
    endpoint = lib.endpoint.Endpoint(
        address=lib.core.Address(
            envoy_internal_address=lib.core.EnvoyInternalAddress(server_listener_name=listener)
        )
    )
    cluster = build_cluster(
        name,
        "STATIC",
        connect_timeout=None,
        load_assignment=lib.endpoint.ClusterLoadAssignment(
            cluster_name=name,
            endpoints=[
                lib.endpoint.LocalityLbEndpoints(
                    lb_endpoints=[lib.endpoint.LbEndpoint(endpoint=endpoint)]
                )
            ],
        ),
        transport_socket=internal_socket(),
    )
    return any_of(CDS, bytes(cluster))


@functools.cache
def opening_cluster(name: str) -> bytes:
    """Build the cluster that opens HBONE connections to workloads."""
    lib = envoy()
    upstream = lib.tls.UpstreamTlsContext(common_tls_context=tls_context(alpn=("h2",)))
    options = lib.http.HttpProtocolOptions(
        explicit_http_config=lib.http.HttpProtocolOptionsExplicitHttpConfig(
            http2_protocol_options=lib.core.Http2ProtocolOptions(allow_connect=True)
        )
    )
    cluster = build_cluster(
        name,
        "ORIGINAL_DST",
        cleanup_interval=timedelta(seconds=60),
        original_dst_lb_config=lib.cluster.ClusterOriginalDstLbConfig(
            upstream_port_override=HBONE_PORT
        ),
        typed_extension_protocol_options={_PROTOCOL_OPTIONS: lib.any(_PROTOCOL_OPTIONS, options)},
        transport_socket=transport_socket("tls", UPSTREAM_TLS, upstream),
    )
    return any_of(CDS, bytes(cluster))


def internal_socket(passed_on: tuple[str, ...] = ()) -> Any:
    """Build the transport socket of clusters whose endpoints are internal listeners.

    Args:
        passed_on: Names of the endpoint's metadata that the listener sees.
    """
    lib = envoy()
    host = lib.metadata.MetadataKind(host=lib.metadata.MetadataKindHost())
    source = lib.internal.InternalUpstreamTransportMetadataValueSource
    transport = lib.internal.InternalUpstreamTransport(
        passthrough_metadata=[source(kind=host, name=name) for name in passed_on],
        transport_socket=transport_socket("raw_buffer", RAW_BUFFER),
    )
    return transport_socket("internal_upstream", _INTERNAL, transport)


@functools.cache
def plain_listener(name: str) -> bytes:
    """Build an internal listener that sends all to the cluster of its name, without a tunnel."""
    return _internal_listener(name)


def _internal_listener(name: str, *, tunneling: Any = None, **fields: Any) -> bytes:
    lib = envoy()
    proxy = listeners.tcp_proxy(name, tunneling_config=tunneling)
    listener = lib.listener.Listener(
        name=name,
        filter_chains=[lib.listener.FilterChain(filters=[proxy])],
        use_original_dst=False,
        internal_listener=lib.listener.ListenerInternalListenerConfig(),
        **fields,
    )
    return any_of(LDS, bytes(listener))
