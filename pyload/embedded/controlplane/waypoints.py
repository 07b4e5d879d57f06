"""Clusters and listeners of waypoints as istiod shapes them.

A connection comes through the tunnel to the first listener, which ends it and hands what is inside
on to an internal one, with the address that it wants to reach. That one chooses the service by the
address; its endpoints lead into the tunnel again. Left out are istiod's filters for telemetry, the
tunnel within a tunnel of multi-network meshes, and what connects to workloads by their own address.
"""

from __future__ import annotations

import functools
from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pyload.embedded.controlplane import chain_matcher, hbone, listeners, routes
from pyload.embedded.controlplane.clusters import build_cluster, cluster_name, service_metadata
from pyload.embedded.controlplane.envoy_modules import address, envoy
from pyload.embedded.controlplane.template import MessageTemplate, gap
from pyload.embedded.controlplane.wire import any_of, field
from pyload.xds.types import CDS, LDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pyload.embedded.controlplane.istio_model import Destination, VirtualService
    from pyload.embedded.controlplane.model import Port, Service

_MAIN: Final = "main_internal"
_ENCAP: Final = "encap"
_INNER: Final = "inner_connect_originate"
_OUTER: Final = "outer_connect_originate"
# Fields of Listener.
_FILTER_CHAINS: Final = 3
_CHAIN_MATCHER: Final = 32
# Fields of HttpConnectionManager and of RouteConfiguration.
_ROUTE_CONFIG: Final = 4
_VALIDATE_CLUSTERS: Final = 7
_SET_FILTER_STATE: Final = "envoy.extensions.filters.http.set_filter_state.v3.Config"


class ServedService(NamedTuple):
    """A service behind a waypoint.

    Attributes:
        service: The service.
        subsets: Names of the subsets that its DestinationRule has.
        rule: The VirtualService with its HTTP routes, or None.
    """

    service: Service
    subsets: tuple[str, ...] = ()
    rule: VirtualService | None = None


def cluster_of(port: Port, service: Service, subset: str = "") -> str:
    """Return the name of the cluster of a service's port behind a waypoint."""
    return f"inbound-vip|{port.port}|{_part(port, subset)}|{service.host}"


def _part(port: Port, subset: str) -> str:
    protocol = "http" if port.http else "tcp"
    return f"{protocol}/{subset}" if subset else protocol


def clusters_of(served: Iterable[ServedService]) -> dict[str, bytes]:
    """Build the clusters of a waypoint for the services behind it."""
    made = {
        name: hbone.to_internal(name, listener)
        for name, listener in ((_MAIN, _MAIN), (_ENCAP, hbone.TUNNEL))
    }
    for service, subsets, _ in served:
        for port, subset in product(service.ports, ("", *subsets)):
            name = cluster_of(port, service, subset)
            made[name] = _vip_cluster().fill(
                name=name,
                stat=f"{name};",
                host=service.host,
                service=service.name,
                namespace=service.key.namespace,
                subset=_part(port, subset),
            )
    made[hbone.TUNNEL] = hbone.tunnel_cluster()
    made[_INNER] = hbone.to_internal(_INNER, _OUTER)
    made[_OUTER] = hbone.opening_cluster(_OUTER)
    return made


def listeners_of(
    served: Collection[ServedService], service_ports: Mapping[str, int]
) -> dict[str, bytes]:
    """Build the listeners of a waypoint for the services behind it.

    Args:
        served: The services.
        service_ports: The port of each service that has a single one, by host.
    """
    behind = {one.service.host: one.service for one in served}
    chains = b"".join(
        field(_FILTER_CHAINS, _vip_chain(port, one, behind, service_ports))
        for one in served
        for port in one.service.ports
    )
    matcher = chain_matcher.by_address(
        (service.ip, tuple((port.port, cluster_of(port, service)) for port in service.ports))
        for service in behind.values()
        if service.ip
    )
    main = field(1, _MAIN.encode()) + chains + _main_rest() + field(_CHAIN_MATCHER, matcher)
    return {
        "connect_terminate": _terminate_listener(),
        _MAIN: any_of(LDS, main),
        hbone.TUNNEL: hbone.tunnel_listener(),
        _INNER: hbone.plain_listener(_INNER),
        _OUTER: hbone.plain_listener(_OUTER),
    }


def _vip_chain(
    port: Port,
    served: ServedService,
    behind: Mapping[str, Service],
    service_ports: Mapping[str, int],
) -> bytes:
    service, _, rule = served
    name = cluster_of(port, service)
    if rule is not None and port.http:
        return _ruled_chain(name, port.port, _ruled_host(port, rule, behind, service_ports))
    if not port.http:
        return _tcp_chain().fill(name=name)
    return _http_chain().fill(
        name=name,
        host=f"inbound|http|{port.port}",
        stat=f"inbound_0.0.0.0_{port.port};",
        operation=f"{service.host}:{port.port}/*",
    )


def _ruled_host(
    port: Port,
    rule: VirtualService,
    behind: Mapping[str, Service],
    service_ports: Mapping[str, int],
) -> bytes:
    """Encode the ``VirtualHost`` of a service's port whose routes a VirtualService gives.

    A destination behind the same waypoint has a cluster of the waypoint's; others have that which
    sidecars have.
    """

    def port_of(one: Destination) -> int:
        return one.port or service_ports.get(one.host) or port.port

    def to_cluster(one: Destination) -> str:
        number = port_of(one)
        service = behind.get(one.host)
        ports = [each for each in service.ports if each.port == number] if service else []
        if service is None or not ports:
            return cluster_name("outbound", number, one.host, one.subset)
        return cluster_of(ports[0], service, one.subset)

    return routes.ruled_host(f"inbound|http|{port.port}", ("*",), rule, port_of, to_cluster)


@functools.lru_cache(maxsize=4096)
def _ruled_chain(name: str, port: int, host: bytes) -> bytes:
    """Build the ``FilterChain`` of a port with an encoded virtual host."""
    # Clusters need not be there yet.
    routes = field(1, name.encode()) + field(2, host) + field(_VALIDATE_CLUSTERS, b"")
    manager = listeners.connection_manager(stat_prefix=f"inbound_0.0.0.0_{port};")
    manager.typed_config.value += field(_ROUTE_CONFIG, routes)
    return bytes(envoy().listener.FilterChain(name=name, filters=[manager]))


@functools.cache
def _vip_cluster() -> MessageTemplate:
    """Build the cluster of a service's port behind a waypoint."""
    cluster = build_cluster(
        gap("name"),
        "EDS",
        stat=gap("stat"),
        transport_socket=hbone.internal_socket(passed_on=(hbone.ADDRESSES, "istio")),
        metadata=service_metadata("subset"),
    )
    return MessageTemplate(any_of(CDS, bytes(cluster)))


@functools.cache
def _terminate_listener() -> bytes:
    """Build the listener of a waypoint that ends HBONE connections."""
    lib = envoy()
    upgrade = lib.route.RouteActionUpgradeConfig(
        upgrade_type="CONNECT", connect_config=lib.route.RouteActionUpgradeConfigConnectConfig()
    )
    main = lib.route.Route(
        match=lib.route.RouteMatch(connect_matcher=lib.route.RouteMatchConnectMatcher()),
        route=lib.route.RouteAction(cluster=_MAIN, upgrade_configs=[upgrade]),
    )
    manager = listeners.connection_manager(
        _addresses_within(),
        stat_prefix="connect_terminate",
        route_config=lib.route.RouteConfiguration(
            name="default",
            virtual_hosts=[lib.route.VirtualHost(name="default", domains=["*"], routes=[main])],
        ),
        http2_protocol_options=lib.core.Http2ProtocolOptions(allow_connect=True),
        upgrade_configs=[lib.hcm.HttpConnectionManagerUpgradeConfig(upgrade_type="CONNECT")],
        server_name="istio-envoy",
        use_remote_address=False,
    )
    chain = lib.listener.FilterChain(
        name="default",
        filters=[manager],
        transport_socket=listeners.downstream_tls(alpn=("h2",)),
    )
    listener = lib.listener.Listener(
        name="connect_terminate",
        address=address("0.0.0.0", hbone.HBONE_PORT),  # noqa: S104 - configuration of a proxy
        filter_chains=[chain],
    )
    return any_of(LDS, bytes(listener))


def _addresses_within() -> Any:
    """Build the filter that hands on where a connection in the tunnel comes from and goes to."""
    lib = envoy()

    def value(key: str, text: str) -> Any:
        return lib.filter_state.FilterStateValue(
            object_key=f"{hbone.ADDRESSES}.{key}",
            format_string=lib.core.SubstitutionFormatString(
                text_format_source=lib.core.DataSource(inline_string=text)
            ),
            shared_with_upstream=lib.filter_state.FilterStateValueSharedWithUpstream.ONCE,
        )

    config = b"".join(
        field(1, bytes(one))
        for one in (
            value("local_ip", "%REQ(:AUTHORITY)%"),
            value("remote_ip", "%DOWNSTREAM_REMOTE_ADDRESS%"),
        )
    )
    return lib.hcm.HttpFilter(
        name="connect_authority", typed_config=lib.any(_SET_FILTER_STATE, config)
    )


@functools.cache
def _main_rest() -> bytes:
    """Build what follows the services' filter chains in the main listener."""
    lib = envoy()
    chain = lib.listener.FilterChain
    direct = listeners.inbound_manager(_ENCAP, "inbound|http|0", ":0/*")
    listener = lib.listener.Listener(
        filter_chains=[
            chain(name="direct-tcp", filters=[listeners.tcp_proxy(_ENCAP)]),
            chain(name="direct-http", filters=[direct]),
        ],
        listener_filters=[listeners.listener_filter(listeners.ORIGINAL_DST)],
        traffic_direction=lib.core.TrafficDirection.INBOUND,
        internal_listener=lib.listener.ListenerInternalListenerConfig(),
    )
    return bytes(listener)


@functools.cache
def _tcp_chain() -> MessageTemplate:
    lib = envoy()
    chain = lib.listener.FilterChain(name=gap("name"), filters=[listeners.tcp_proxy(gap("name"))])
    return MessageTemplate(bytes(chain))


@functools.cache
def _http_chain() -> MessageTemplate:
    lib = envoy()
    manager = listeners.inbound_manager(
        gap("name"), gap("host"), gap("operation"), stat=gap("stat")
    )
    return MessageTemplate(bytes(lib.listener.FilterChain(name=gap("name"), filters=[manager])))
