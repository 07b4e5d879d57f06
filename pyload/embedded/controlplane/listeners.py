"""Listeners as istiod shapes them."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any, Final

from pyload.embedded.controlplane.clusters import BLACK_HOLE, INBOUND_PASSTHROUGH, PASSTHROUGH
from pyload.embedded.controlplane.envoy_modules import (
    ISTIO_ALPN,
    address,
    envoy,
    from_ads,
    tls_context,
)
from pyload.embedded.controlplane.routes import route
from pyload.embedded.controlplane.template import MessageTemplate, gap
from pyload.embedded.controlplane.wire import any_of
from pyload.xds.types import LDS

_HCM: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TCP_PROXY: Final = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_ROUTER: Final = "envoy.extensions.filters.http.router.v3.Router"
_DOWNSTREAM_TLS: Final = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_INSPECTOR: Final = "envoy.extensions.filters.listener.http_inspector.v3.HttpInspector"
_ISTIO_TCP: Final = ("istio", "istio-peer-exchange")
_ISTIO_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")


@functools.cache
def tcp_listener(port: int) -> MessageTemplate:
    """Build the listener of a TCP port on a cluster IP; gaps ``name``, ``ip``, ``cluster``."""
    lib = envoy()
    listener = lib.listener.Listener(
        name=gap("name"),
        address=address(gap("ip"), port),
        filter_chains=[lib.listener.FilterChain(filters=[tcp_proxy(gap("cluster"))])],
        traffic_direction=lib.core.TrafficDirection.OUTBOUND,
        continue_on_listener_filters_timeout=True,
        listener_filters_timeout=timedelta(),
        bind_to_port=False,
    )
    return MessageTemplate(any_of(LDS, bytes(listener)))


@functools.lru_cache(maxsize=4096)
def http_listener(port: int) -> bytes:
    """Build the listener of all HTTP traffic to a port, with its routes from RDS."""
    lib = envoy()
    manager = lib.hcm.HttpConnectionManager(
        stat_prefix=f"outbound_0.0.0.0_{port};",
        rds=lib.hcm.Rds(config_source=from_ads(), route_config_name=str(port)),
        http_filters=http_filters(),
    )
    listener = lib.listener.Listener(
        name=f"0.0.0.0_{port}",
        address=address("0.0.0.0", port),  # noqa: S104 - configuration of a proxy, not a bind
        filter_chains=[
            lib.listener.FilterChain(
                filter_chain_match=lib.listener.FilterChainMatch(
                    transport_protocol="raw_buffer", application_protocols=["http/1.1", "h2c"]
                ),
                filters=[connection_manager(manager)],
            )
        ],
        default_filter_chain=lib.listener.FilterChain(
            name="PassthroughFilterChain", filters=[tcp_proxy(PASSTHROUGH)]
        ),
        listener_filters=[
            lib.listener.ListenerFilter(
                name="envoy.filters.listener.http_inspector", typed_config=lib.any(_INSPECTOR)
            )
        ],
        traffic_direction=lib.core.TrafficDirection.OUTBOUND,
        continue_on_listener_filters_timeout=True,
        listener_filters_timeout=timedelta(),
        bind_to_port=False,
    )
    return any_of(LDS, bytes(listener))


@functools.cache
def virtual_outbound(*, allow_any: bool = True) -> bytes:
    """Build the listener to which iptables redirects connections from the pod.

    Args:
        allow_any: Whether connections to hosts outside the mesh are let through.
    """
    lib = envoy()
    chain, match = lib.listener.FilterChain, lib.listener.FilterChainMatch
    listener = lib.listener.Listener(
        name="virtualOutbound",
        address=address("0.0.0.0", 15001),  # noqa: S104 - configuration of a proxy, not a bind
        filter_chains=[
            chain(
                name="virtualOutbound-blackhole",
                filter_chain_match=match(destination_port=15001),
                filters=[tcp_proxy(BLACK_HOLE)],
            ),
            chain(
                name="virtualOutbound-catchall-tcp",
                filters=[tcp_proxy(PASSTHROUGH if allow_any else BLACK_HOLE)],
            ),
        ],
        use_original_dst=True,
        traffic_direction=lib.core.TrafficDirection.OUTBOUND,
    )
    return any_of(LDS, bytes(listener))


@functools.cache
def virtual_inbound() -> bytes:
    """Build the ``Listener`` to which iptables redirects connections to the pod, without ports.

    Not wrapped: the filter chains of the pod's ports are appended to it.
    """
    lib = envoy()
    chain, match = lib.listener.FilterChain, lib.listener.FilterChainMatch
    http = inbound_manager(INBOUND_PASSTHROUGH, "inbound|http|0", ":0/*")
    tcp = tcp_proxy(INBOUND_PASSTHROUGH)
    listener = lib.listener.Listener(
        name="virtualInbound",
        address=address("0.0.0.0", 15006),  # noqa: S104 - configuration of a proxy, not a bind
        filter_chains=[
            chain(
                name="virtualInbound-blackhole",
                filter_chain_match=match(destination_port=15006),
                filters=[tcp_proxy(BLACK_HOLE)],
            ),
            chain(
                name="virtualInbound-catchall-http",
                filter_chain_match=match(
                    transport_protocol="tls", application_protocols=[*_ISTIO_HTTP]
                ),
                filters=[http],
                transport_socket=downstream_tls(),
            ),
            chain(
                name="virtualInbound-catchall-http",
                filter_chain_match=match(
                    transport_protocol="raw_buffer", application_protocols=["http/1.1", "h2c"]
                ),
                filters=[http],
            ),
            chain(
                name="virtualInbound",
                filter_chain_match=match(
                    transport_protocol="tls", application_protocols=[*_ISTIO_TCP]
                ),
                filters=[tcp],
                transport_socket=downstream_tls(),
            ),
            chain(
                name="virtualInbound",
                filter_chain_match=match(transport_protocol="raw_buffer"),
                filters=[tcp],
            ),
        ],
        use_original_dst=True,
        traffic_direction=lib.core.TrafficDirection.INBOUND,
    )
    return bytes(listener)


@functools.cache
def inbound_chain(port: int, *, http: bool, tls: bool) -> MessageTemplate:
    """Build the ``FilterChain`` of one port of the proxy's own pod.

    Gaps: ``cluster`` and, for HTTP, ``route`` and ``operation``. Not wrapped.
    """
    lib = envoy()
    match = lib.listener.FilterChainMatch(
        destination_port=port, transport_protocol="tls" if tls else "raw_buffer"
    )
    if tls:
        match.application_protocols = [*_ISTIO_TCP, *_ISTIO_HTTP]
    if http:
        terminal = inbound_manager(gap("cluster"), gap("route"), gap("operation"))
    else:
        terminal = tcp_proxy(gap("cluster"))
    chain = lib.listener.FilterChain(
        name=f"0.0.0.0_{port}", filter_chain_match=match, filters=[terminal]
    )
    if tls:
        chain.transport_socket = downstream_tls()
    return MessageTemplate(bytes(chain))


def downstream_tls(*, alpn: tuple[str, ...] = ISTIO_ALPN) -> Any:
    """Build the server's side of Istio's mutual TLS."""
    lib = envoy()
    context = lib.tls.DownstreamTlsContext(
        common_tls_context=tls_context(alpn=alpn), require_client_certificate=True
    )
    return lib.core.TransportSocket(
        name="envoy.transport_sockets.tls", typed_config=lib.any(_DOWNSTREAM_TLS, context)
    )


def tcp_proxy(cluster: str) -> Any:
    """Build the filter that sends all bytes to a cluster."""
    lib = envoy()
    proxy = lib.tcp_proxy.TcpProxy(stat_prefix=cluster, cluster=cluster)
    return lib.listener.Filter(
        name="envoy.filters.network.tcp_proxy", typed_config=lib.any(_TCP_PROXY, proxy)
    )


def http_filters() -> list[Any]:
    """Build the filters of HTTP: nothing but the router."""
    lib = envoy()
    return [lib.hcm.HttpFilter(name="envoy.filters.http.router", typed_config=lib.any(_ROUTER))]


def connection_manager(manager: Any) -> Any:
    """Wrap a connection manager as a filter."""
    lib = envoy()
    return lib.listener.Filter(
        name="envoy.filters.network.http_connection_manager", typed_config=lib.any(_HCM, manager)
    )


def inbound_manager(cluster: str, host: str, operation: str, *, stat: str = "") -> Any:
    """Build the filter that sends all HTTP to one cluster, with its routes in place.

    Args:
        cluster: The cluster.
        host: Name of the virtual host.
        operation: Name of the operation in traces.
        stat: Prefix of its statistics; the cluster's name by default.
    """
    lib = envoy()
    routes = lib.route.RouteConfiguration(
        name=cluster,
        virtual_hosts=[
            lib.route.VirtualHost(
                name=host,
                domains=["*"],
                routes=[route(cluster, name="default", operation=operation)],
            )
        ],
        validate_clusters=False,
    )
    manager = lib.hcm.HttpConnectionManager(
        stat_prefix=stat or cluster, route_config=routes, http_filters=http_filters()
    )
    return connection_manager(manager)
