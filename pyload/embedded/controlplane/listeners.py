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
    transport_socket,
)
from pyload.embedded.controlplane.routes import route
from pyload.embedded.controlplane.template import MessageTemplate, gap
from pyload.embedded.controlplane.wire import any_of
from pyload.xds.types import LDS

_HCM: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_TCP_PROXY: Final = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_ROUTER: Final = "envoy.extensions.filters.http.router.v3.Router"
DOWNSTREAM_TLS: Final = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
_LISTENER_FILTERS: Final = "envoy.extensions.filters.listener"
ORIGINAL_DST: Final = f"{_LISTENER_FILTERS}.original_dst.v3.OriginalDst"
TLS_INSPECTOR: Final = f"{_LISTENER_FILTERS}.tls_inspector.v3.TlsInspector"
HTTP_INSPECTOR: Final = f"{_LISTENER_FILTERS}.http_inspector.v3.HttpInspector"
_INBOUND_PORT: Final = 15006
_PLAIN_HTTP: Final = ("http/1.1", "h2c")
_ISTIO_TCP: Final = ("istio", "istio-peer-exchange")
_ISTIO_HTTP: Final = ("istio-http/1.0", "istio-http/1.1", "istio-h2")


@functools.cache
def tcp_listener(port: int) -> MessageTemplate:
    """Build the listener of a TCP port on a cluster IP; gaps ``name``, ``ip``, ``cluster``."""
    chain = envoy().listener.FilterChain(filters=[tcp_proxy(gap("cluster"))])
    return MessageTemplate(_service_listener(gap("name"), gap("ip"), port, filter_chains=[chain]))


@functools.lru_cache(maxsize=4096)
def http_listener(port: int) -> bytes:
    """Build the listener of all HTTP traffic to a port, with its routes from RDS."""
    lib = envoy()
    manager = connection_manager(
        stat_prefix=f"outbound_0.0.0.0_{port};",
        rds=lib.hcm.Rds(config_source=from_ads(), route_config_name=str(port)),
    )
    return _service_listener(
        f"0.0.0.0_{port}",
        "0.0.0.0",  # noqa: S104 - configuration of a proxy, not a bind
        port,
        filter_chains=[_chain("", manager, protocol="raw_buffer", alpn=_PLAIN_HTTP)],
        default_filter_chain=_chain("PassthroughFilterChain", tcp_proxy(PASSTHROUGH)),
        listener_filters=[listener_filter(HTTP_INSPECTOR)],
    )


def _service_listener(name: str, ip: str, port: int, **fields: Any) -> bytes:
    """Build a listener of services' traffic, which `virtual_outbound` hands on to it."""
    lib = envoy()
    listener = lib.listener.Listener(
        name=name,
        address=address(ip, port),
        traffic_direction=lib.core.TrafficDirection.OUTBOUND,
        continue_on_listener_filters_timeout=True,
        listener_filters_timeout=timedelta(),
        bind_to_port=False,
        **fields,
    )
    return any_of(LDS, bytes(listener))


@functools.cache
def virtual_outbound(*, allow_any: bool = True) -> bytes:
    """Build the listener to which iptables redirects connections from the pod.

    Args:
        allow_any: Whether connections to hosts outside the mesh are let through.
    """
    catch_all = tcp_proxy(PASSTHROUGH if allow_any else BLACK_HOLE)
    listener = _virtual_listener(
        "virtualOutbound",
        15001,
        "OUTBOUND",
        _chain("virtualOutbound-blackhole", tcp_proxy(BLACK_HOLE), port=15001),
        _chain("virtualOutbound-catchall-tcp", catch_all),
        # It hands a connection on to the listener of where that wanted to go.
        use_original_dst=True,
    )
    return any_of(LDS, listener)


@functools.cache
def virtual_inbound() -> bytes:
    """Build the ``Listener`` to which iptables redirects connections to the pod, without ports.

    Not wrapped: the filter chains of the pod's ports and `inbound_inspector` are appended to it.
    """
    http = inbound_manager(INBOUND_PASSTHROUGH, "inbound|http|0", ":0/*")
    tcp = tcp_proxy(INBOUND_PASSTHROUGH)
    catch_http = "virtualInbound-catchall-http"
    return _virtual_listener(
        "virtualInbound",
        _INBOUND_PORT,
        "INBOUND",
        _chain("virtualInbound-blackhole", tcp_proxy(BLACK_HOLE), port=_INBOUND_PORT),
        _chain(catch_http, http, protocol="tls", alpn=_ISTIO_HTTP),
        _chain(catch_http, http, protocol="raw_buffer", alpn=_PLAIN_HTTP),
        _chain("virtualInbound", tcp, protocol="tls", alpn=_ISTIO_TCP),
        _chain("virtualInbound", tcp, protocol="raw_buffer"),
        listener_filters=[
            # Only the address is restored: other listeners on it are of services elsewhere.
            listener_filter(ORIGINAL_DST),
            listener_filter(TLS_INSPECTOR, without=(_INBOUND_PORT,)),
        ],
        continue_on_listener_filters_timeout=True,
        listener_filters_timeout=timedelta(),
    )


@functools.lru_cache(maxsize=4096)
def inbound_inspector(ports: frozenset[int]) -> bytes:
    """Build the ``ListenerFilter`` that looks for HTTP in what comes to a pod. Not wrapped.

    Args:
        ports: The pod's ports whose protocol is known, so that nothing is looked for there.
    """
    return bytes(listener_filter(HTTP_INSPECTOR, without=(*sorted(ports), _INBOUND_PORT)))


def listener_filter(type_: str, *, without: tuple[int, ...] = ()) -> Any:
    """Build a listener filter.

    Args:
        type_: Its type.
        without: Ports at which it does nothing.
    """
    lib = envoy()
    predicate = lib.listener.ListenerFilterChainMatchPredicate
    rules = [
        predicate(destination_port_range=lib.type.Int32Range(start=port, end=port + 1))
        for port in without
    ]
    disabled = rules[0] if rules else None
    if len(rules) > 1:
        match_set = lib.listener.ListenerFilterChainMatchPredicateMatchSet(rules=rules)
        disabled = predicate(or_match=match_set)
    name = type_.removeprefix("envoy.extensions.").partition(".v3.")[0]
    return lib.listener.ListenerFilter(
        name=f"envoy.{name}", typed_config=lib.any(type_), filter_disabled=disabled
    )


def _virtual_listener(name: str, port: int, direction: str, *chains: Any, **fields: Any) -> bytes:
    """Build a listener that iptables redirects to. Not wrapped."""
    lib = envoy()
    listener = lib.listener.Listener(
        name=name,
        address=address("0.0.0.0", port),  # noqa: S104 - configuration of a proxy, not a bind
        filter_chains=[*chains],
        traffic_direction=lib.core.TrafficDirection[direction],
        max_connections_to_accept_per_socket_event=1,
        **fields,
    )
    return bytes(listener)


@functools.cache
def inbound_chain(port: int, *, http: bool, tls: bool) -> MessageTemplate:
    """Build the ``FilterChain`` of one port of the proxy's own pod.

    Gaps: ``cluster`` and, for HTTP, ``route`` and ``operation``. Not wrapped.
    """
    if http:
        terminal = inbound_manager(gap("cluster"), gap("route"), gap("operation"))
    else:
        terminal = tcp_proxy(gap("cluster"))
    chain = _chain(
        f"0.0.0.0_{port}",
        terminal,
        port=port,
        protocol="tls" if tls else "raw_buffer",
        alpn=(*_ISTIO_TCP, *_ISTIO_HTTP) if tls else (),
    )
    return MessageTemplate(bytes(chain))


def _chain(
    name: str,
    terminal: Any,
    *,
    port: int | None = None,
    protocol: str = "",
    alpn: tuple[str, ...] = (),
) -> Any:
    """Build a filter chain.

    Args:
        name: Its name, or empty.
        terminal: Its one filter.
        port: The port that it is for; None for all.
        protocol: ``tls``, which it then ends, or ``raw_buffer``; empty for both.
        alpn: Application protocols that it is for; empty for all.
    """
    lib = envoy().listener
    chain = lib.FilterChain(name=name, filters=[terminal])
    if port or protocol:
        chain.filter_chain_match = lib.FilterChainMatch(
            destination_port=port, transport_protocol=protocol, application_protocols=[*alpn]
        )
    if protocol == "tls":
        chain.transport_socket = downstream_tls()
    return chain


def downstream_tls(*, alpn: tuple[str, ...] = ISTIO_ALPN) -> Any:
    """Build the server's side of Istio's mutual TLS."""
    context = envoy().tls.DownstreamTlsContext(
        common_tls_context=tls_context(alpn=alpn), require_client_certificate=True
    )
    return transport_socket("envoy.transport_sockets.tls", DOWNSTREAM_TLS, context)


def tcp_proxy(cluster: str, **fields: Any) -> Any:
    """Build the filter that sends all bytes to a cluster."""
    lib = envoy()
    proxy = lib.tcp_proxy.TcpProxy(stat_prefix=cluster, cluster=cluster, **fields)
    return lib.listener.Filter(
        name="envoy.filters.network.tcp_proxy", typed_config=lib.any(_TCP_PROXY, proxy)
    )


def connection_manager(*filters: Any, **fields: Any) -> Any:
    """Build the filter of HTTP.

    Args:
        filters: Its own filters, before the router.
        fields: Its further fields.
    """
    lib = envoy()
    router = lib.hcm.HttpFilter(name="envoy.filters.http.router", typed_config=lib.any(_ROUTER))
    manager = lib.hcm.HttpConnectionManager(http_filters=[*filters, router], **fields)
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
    return connection_manager(stat_prefix=stat or cluster, route_config=routes)
