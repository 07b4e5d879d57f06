"""Listeners and routes of gateways as istiod shapes them, from the Gateways that select a proxy."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.controlplane import listeners, routes
from pyload.embedded.controlplane.clusters import BLACK_HOLE, cluster_name
from pyload.embedded.controlplane.envoy_modules import (
    address,
    common_tls,
    envoy,
    from_ads,
    transport_socket,
)
from pyload.embedded.controlplane.wire import any_of, field
from pyload.xds.types import LDS, RDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.embedded.controlplane.istio_model import (
        Destination,
        Gateway,
        GatewayServer,
        VirtualService,
    )
    from pyload.embedded.controlplane.model import Key

_VIRTUAL_HOSTS: Final = 2
_PLAIN_HTTP: Final = frozenset({"HTTP", "HTTP2", "GRPC", "GRPC-WEB"})


@dataclass(frozen=True, slots=True)
class GatewayChain:
    """One way into a gateway's port.

    Attributes:
        hosts: Server names that TLS clients ask for; empty for any.
        route: Name of the route configuration; empty for TCP.
        cluster: Where TCP goes.
        credential: Name of the Secret with the certificate; empty without TLS.
        mutual: Whether clients need a certificate.
    """

    hosts: tuple[str, ...] = ()
    route: str = ""
    cluster: str = ""
    credential: str = ""
    mutual: bool = False


def listeners_of(
    gateways: Iterable[Gateway],
    ports: Mapping[int, int],
    rules: Iterable[VirtualService],
) -> dict[str, bytes]:
    """Build the listeners of a proxy.

    Args:
        gateways: The Gateways that select it.
        ports: Ports of its pod by those of the Service in front of it.
        rules: All VirtualServices.
    """
    chains: defaultdict[int, list[GatewayChain]] = defaultdict(list)
    known = tuple(rules)
    for gateway in gateways:
        for server in gateway.servers:
            chain = _chain(gateway.key, server, ports, known)
            # All servers of plain HTTP on a port share its routes.
            if chain is not None and chain not in chains[ports.get(server.port, server.port)]:
                chains[ports.get(server.port, server.port)].append(chain)
    return {
        f"0.0.0.0_{port}": _listener(port, tuple(found))
        for port, found in sorted(chains.items())
        if found
    }


def routes_of(
    gateways: Iterable[Gateway],
    ports: Mapping[int, int],
    rules: Iterable[VirtualService],
    service_ports: Mapping[str, int],
) -> dict[str, bytes]:
    """Build the route configurations of a proxy.

    Args:
        gateways: The Gateways that select it.
        ports: Ports of its pod by those of the Service in front of it.
        rules: All VirtualServices, the oldest first.
        service_ports: The port of each service that has a single one, by host.
    """
    hosts: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    numbers: dict[str, int] = {}
    known = tuple(rules)
    for gateway in gateways:
        for server in gateway.servers:
            name = _route_name(gateway.key, server, ports)
            if not name:
                continue
            numbers[name] = server.port
            for rule in _bound(gateway.key, known):
                for host in _shared_hosts(rule.hosts, server.hosts):
                    hosts[name].setdefault(
                        host, _virtual_host(host, rule, server.port, service_ports)
                    )
    made = {}
    for name, port in sorted(numbers.items()):
        found = [*hosts[name].values()] or [routes.black_hole_host(port)]
        encoded = b"".join(field(_VIRTUAL_HOSTS, one) for one in found)
        made[name] = any_of(RDS, encoded + routes.gateway_configuration(name))
    return made


def _chain(
    gateway: Key, server: GatewayServer, ports: Mapping[int, int], rules: tuple[VirtualService, ...]
) -> GatewayChain | None:
    route = _route_name(gateway, server, ports)
    if server.protocol in _PLAIN_HTTP:
        return GatewayChain(route=route)
    hosts = () if "*" in server.hosts else server.hosts
    if route:
        return GatewayChain(hosts, route, "", server.credential, server.mode == "MUTUAL")
    for rule in _bound(gateway, rules):
        found = rule.tcp if server.protocol == "TCP" else rule.tls
        if found and _shared_hosts(rule.hosts, server.hosts):
            one = found[0]
            name = cluster_name("outbound", one.port or server.port, one.host, one.subset)
            return GatewayChain(hosts if server.protocol != "TCP" else (), "", name)
    return None


def _route_name(gateway: Key, server: GatewayServer, ports: Mapping[int, int]) -> str:
    """Name the routes of a server as istiod does; empty if it has none."""
    port = ports.get(server.port, server.port)
    if server.protocol in _PLAIN_HTTP:
        return f"http.{port}"
    if server.protocol == "HTTPS" and server.mode not in ("", "PASSTHROUGH"):
        return f"https.{port}.{server.name}.{gateway.name}.{gateway.namespace}"
    return ""


def _bound(gateway: Key, rules: tuple[VirtualService, ...]) -> Iterable[VirtualService]:
    name = f"{gateway.namespace}/{gateway.name}"
    return (rule for rule in rules if name in rule.gateways)


def _shared_hosts(ours: Iterable[str], theirs: Iterable[str]) -> list[str]:
    """Return the hosts that both a server and a VirtualService name; the narrower of each two."""
    found = []
    for host in ours:
        for served in theirs:
            if covers(served, host):
                found.append(host)
            elif covers(host, served):
                found.append(served)
    return list(dict.fromkeys(found))


def covers(pattern: str, host: str) -> bool:
    """Return whether a pattern such as ``*.example.com`` covers a host or another pattern."""
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host


def _virtual_host(
    host: str, rule: VirtualService, port: int, service_ports: Mapping[str, int]
) -> bytes:
    def port_of(destination: Destination) -> int:
        return destination.port or service_ports.get(destination.host) or port

    return routes.ruled_host(f"{host}:{port}", [host], rule, port_of)


@functools.lru_cache(maxsize=4096)
def _listener(port: int, chains: tuple[GatewayChain, ...]) -> bytes:
    lib = envoy()
    encrypted = any(chain.hosts or chain.credential for chain in chains)
    listener = lib.listener.Listener(
        name=f"0.0.0.0_{port}",
        address=address("0.0.0.0", port),  # noqa: S104 - configuration of a proxy, not a bind
        filter_chains=[_filter_chain(port, chain) for chain in chains],
        listener_filters=[listeners.listener_filter(listeners.TLS_INSPECTOR)] if encrypted else [],
        traffic_direction=lib.core.TrafficDirection.OUTBOUND,
        max_connections_to_accept_per_socket_event=1,
    )
    return any_of(LDS, bytes(listener))


def _filter_chain(port: int, chain: GatewayChain) -> Any:
    """Build a ``FilterChain`` of a gateway's listener. Not wrapped."""
    lib = envoy()
    if chain.route:
        terminal = listeners.connection_manager(
            stat_prefix=f"outbound_0.0.0.0_{port};",
            rds=lib.hcm.Rds(config_source=from_ads(), route_config_name=chain.route),
            server_name="istio-envoy",
            use_remote_address=True,
        )
    else:
        terminal = listeners.tcp_proxy(chain.cluster or BLACK_HOLE)
    made = lib.listener.FilterChain(filters=[terminal])
    if chain.hosts:
        made.filter_chain_match = lib.listener.FilterChainMatch(server_names=[*chain.hosts])
    if chain.credential:
        made.transport_socket = _gateway_tls(chain)
    return made


def _gateway_tls(chain: GatewayChain) -> Any:
    """Build the TLS context of a gateway's filter chain, with its certificate from SDS."""
    lib = envoy()
    # Unlike a workload's own certificate, this one is asked of the control plane.
    source = lib.core.ConfigSource(
        ads=lib.core.AggregatedConfigSource(), resource_api_version=lib.core.ApiVersion.V3
    )
    name = f"kubernetes://{chain.credential}"
    authority = f"{name}-cacert" if chain.mutual else ""
    context = lib.tls.DownstreamTlsContext(
        common_tls_context=common_tls(("h2", "http/1.1"), source, name, authority),
        require_client_certificate=chain.mutual,
    )
    return transport_socket("envoy.transport_sockets.tls", listeners.DOWNSTREAM_TLS, context)
