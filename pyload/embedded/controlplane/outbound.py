"""Clusters, listeners and routes to other services, for one state of services and configuration.

Proxies that see the same services under the same rules share one `SidecarScope`. A scope is built
when the first of its proxies asks for it, from the services' own resources, which outlive it.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import gateways, listeners, routes, waypoints
from pyload.embedded.controlplane.gateways import covers
from pyload.embedded.controlplane.resource_batch import ResourceBatch
from pyload.embedded.controlplane.waypoints import ServedService
from pyload.embedded.controlplane.wire import any_of, field
from pyload.xds.types import RDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.embedded.controlplane.configs import IstioConfig
    from pyload.embedded.controlplane.istio_model import (
        Destination,
        Egress,
        Gateway,
        Sidecar,
        VirtualService,
    )
    from pyload.embedded.controlplane.model import Key, Labels
    from pyload.embedded.controlplane.service_resources import ServiceResources

_VIRTUAL_HOSTS: Final = 2

# Virtual hosts of VirtualServices to remember; past this, start again.
_RULED: Final = 20_000


class RuledHosts:
    """Encodes and remembers the virtual hosts whose routes come from VirtualServices."""

    def __init__(self) -> None:
        self._known: dict[tuple[Key, str], tuple[object, bytes]] = {}

    def encode(
        self, rule: VirtualService, name: str, domains: tuple[str, ...], ports: Mapping[str, int]
    ) -> bytes:
        """Encode a virtual host as a field of a route configuration.

        Args:
            rule: The VirtualService.
            name: The host's name and its port.
            domains: The host in all its spellings.
            ports: The port of each service that has a single one, by host.
        """
        own = int(name.rpartition(":")[2])

        def port_of(destination: Destination) -> int:
            return destination.port or ports.get(destination.host) or own

        resolved = tuple(port_of(one) for route in rule.http for one in route.destinations)
        source = (rule, domains, resolved)
        known = self._known.get((rule.key, name))
        if known is None or known[0] != source:
            if len(self._known) >= _RULED:
                self._known.clear()
            encoded = routes.ruled_host(name, domains, rule, port_of)
            known = self._known[rule.key, name] = (source, field(_VIRTUAL_HOSTS, encoded))
        return known[1]


class Outbound:
    """All services and the configuration that applies to them.

    Args:
        built: Resources of each service, sorted by key.
        config: Istio's configuration.
        ruled: Encodes virtual hosts.
    """

    def __init__(
        self, built: Mapping[Key, ServiceResources], config: IstioConfig, ruled: RuledHosts
    ) -> None:
        self.built = built
        self.config = config
        self.ruled = ruled
        self._scopes: dict[tuple[str, Key | None], SidecarScope] = {}
        self._routers: dict[
            tuple[tuple[Key, ...], tuple[tuple[int, int], ...]], tuple[ResourceBatch, ResourceBatch]
        ] = {}
        self._waypoints: dict[Key | None, tuple[ResourceBatch, ResourceBatch]] = {}

    @cached_property
    def by_host(self) -> Mapping[str, tuple[Key, ...]]:
        """Services by their names in DNS."""
        found: defaultdict[str, list[Key]] = defaultdict(list)
        for key, built in self.built.items():
            found[built.service.host].append(key)
        return {host: tuple(keys) for host, keys in found.items()}

    @cached_property
    def by_namespace(self) -> Mapping[str, tuple[Key, ...]]:
        """Services by namespace."""
        found: defaultdict[str, list[Key]] = defaultdict(list)
        for key in self.built:
            found[key.namespace].append(key)
        return {namespace: tuple(keys) for namespace, keys in found.items()}

    @cached_property
    def single_ports(self) -> Mapping[str, int]:
        """The port of each service that has a single one, by host."""
        return {
            built.service.host: built.service.ports[0].port
            for built in self.built.values()
            if len(built.service.ports) == 1
        }

    def scope(self, namespace: str, labels: Labels) -> SidecarScope:
        """Return the scope of a workload."""
        return self._scope(namespace, self.config.sidecar_for(namespace, labels))

    def everything(self, namespace: str) -> SidecarScope:
        """Return the scope of a gateway, which no Sidecar limits."""
        return self._scope(namespace, None)

    def _scope(self, namespace: str, sidecar: Sidecar | None) -> SidecarScope:
        # Without a Sidecar or rules of its own, a namespace sees what all do.
        where = namespace if sidecar is not None or namespace in self._peculiar else ""
        key = (where, sidecar.key if sidecar is not None else None)
        found = self._scopes.get(key)
        if found is None:
            found = self._scopes[key] = SidecarScope(self, where, sidecar)
        return found

    def router(
        self, chosen: tuple[Gateway, ...], ports: Mapping[int, int]
    ) -> tuple[ResourceBatch, ResourceBatch]:
        """Return the listeners and routes of a gateway.

        Args:
            chosen: The Gateways that select it.
            ports: Ports of its pod by those of the Service in front of it.
        """
        key = (tuple(gateway.key for gateway in chosen), tuple(sorted(ports.items())))
        found = self._routers.get(key)
        if found is None:
            rules = self.config.virtual_services
            found = self._routers[key] = (
                ResourceBatch(gateways.listeners_of(chosen, ports, rules)),
                ResourceBatch(gateways.routes_of(chosen, ports, rules, self.single_ports)),
            )
        return found

    def waypoint(self, key: Key | None) -> tuple[ResourceBatch, ResourceBatch]:
        """Return the clusters and listeners of a waypoint; without a key, none of services."""
        found = self._waypoints.get(key)
        if found is None:
            behind = self._behind.get(key, ()) if key is not None else ()
            found = self._waypoints[key] = (
                ResourceBatch({**waypoints.clusters_of(behind), **self._led_elsewhere(behind)}),
                ResourceBatch(waypoints.listeners_of(behind, self.single_ports)),
            )
        return found

    def _led_elsewhere(self, behind: Iterable[ServedService]) -> dict[str, bytes]:
        """Return the clusters of services to which routes lead from behind a waypoint."""
        hosts = {one.service.host for one in behind}
        made: dict[str, bytes] = {}
        for _, _, rule in behind:
            for route in rule.http if rule is not None else ():
                for host in {one.host for one in route.destinations} - hosts:
                    for key in self.by_host.get(host, ()):
                        chosen = self.config.rule_for(host, key.namespace, key.namespace)
                        made.update(self.built[key].clusters(chosen))
        return made

    @cached_property
    def _behind(self) -> Mapping[Key, tuple[ServedService, ...]]:
        rules: dict[str, VirtualService] = {}
        for rule in self.config.for_mesh():
            for host in rule.hosts if rule.http else ():
                rules.setdefault(host, rule)
        found: defaultdict[Key, list[ServedService]] = defaultdict(list)
        for key, built in self.built.items():
            service = built.service
            waypoint = self.config.waypoint_for(service)
            if waypoint is not None:
                chosen = self.config.rule_for(service.host, key.namespace, key.namespace)
                subsets = tuple(one.name for one in chosen.subsets) if chosen is not None else ()
                served = ServedService(service, subsets, rules.get(service.host))
                found[waypoint.key].append(served)
        return {key: tuple(services) for key, services in found.items()}

    @cached_property
    def _peculiar(self) -> frozenset[str]:
        """Namespaces with DestinationRules for services of others."""
        found: set[str] = set()
        for host, rules in self.config.rules.items():
            homes = {key.namespace for key in self.by_host.get(host, ())}
            found.update(rule.key.namespace for rule in rules if rule.key.namespace not in homes)
        return frozenset(found)


class SidecarScope:
    """The services that some workloads see, and the resources for them.

    Args:
        outbound: All services.
        namespace: Namespace whose DestinationRules apply; empty for the services' own only.
        sidecar: The Sidecar that limits it, or None.

    Attributes:
        sidecar: The Sidecar that limits it, or None.
    """

    def __init__(self, outbound: Outbound, namespace: str, sidecar: Sidecar | None) -> None:
        self.sidecar = sidecar
        self._outbound = outbound
        self._namespace = namespace

    def includes(self, key: Key) -> bool:
        """Whether a service can be reached from here."""
        return key in self._keys

    def includes_host(self, host: str) -> bool:
        """Whether a service of this name can be reached from here."""
        return any(key in self._keys for key in self._outbound.by_host.get(host, ()))

    def applies(self, rule: VirtualService) -> bool:
        """Whether a VirtualService applies here."""
        return rule in self._rules

    @cached_property
    def clusters(self) -> ResourceBatch:
        """Clusters of all services, and of their subsets."""
        made: dict[str, bytes] = {}
        config = self._outbound.config
        for key in self._ordered:
            built = self._outbound.built[key]
            rule = config.rule_for(built.service.host, key.namespace, self._namespace)
            made.update(built.clusters(rule))
        return ResourceBatch(made)

    @cached_property
    def listeners(self) -> ResourceBatch:
        """Outbound listeners of a sidecar."""
        made: dict[str, bytes] = {}
        for key in self._ordered:
            made.update(self._outbound.built[key].listeners)
        for port in sorted(self._hosts):
            made[f"0.0.0.0_{port}"] = listeners.http_listener(port)
        made["virtualOutbound"] = listeners.virtual_outbound(allow_any=self._allow_any)
        return ResourceBatch(made)

    @cached_property
    def routes(self) -> ResourceBatch:
        """Route configurations of a sidecar, by port."""
        return ResourceBatch(
            {
                str(port): any_of(
                    RDS,
                    b"".join(hosts)
                    + routes.route_configuration(str(port), allow_any=self._allow_any),
                )
                for port, hosts in sorted(self._hosts.items())
            }
        )

    @property
    def _allow_any(self) -> bool:
        return self.sidecar is None or self.sidecar.allow_any

    @cached_property
    def _hosts(self) -> Mapping[int, list[bytes]]:
        """Virtual hosts of every HTTP port, as fields of its route configuration."""
        outbound = self._outbound
        by_host: dict[str, VirtualService] = {}
        for rule in self._rules:
            if rule.http:
                for host in rule.hosts:
                    by_host.setdefault(host, rule)
        hosts: defaultdict[int, list[bytes]] = defaultdict(list)
        served = set()
        for key in self._ordered:
            built = outbound.built[key]
            service = built.service
            own = by_host.get(service.host)
            served.add(service.host)
            for port, encoded in built.virtual_hosts.items():
                if own is None:
                    hosts[port].append(field(_VIRTUAL_HOSTS, encoded))
                    continue
                spelled = (service.host, f"{service.host}.", *((service.ip,) if service.ip else ()))
                name = f"{service.host}:{port}"
                hosts[port].append(outbound.ruled.encode(own, name, spelled, outbound.single_ports))
        # What no service is called is served on all ports.
        for host, rule in by_host.items():
            if host not in served:
                for port in hosts:
                    name = f"{host}:{port}"
                    hosts[port].append(
                        outbound.ruled.encode(rule, name, (host,), outbound.single_ports)
                    )
        return hosts

    @cached_property
    def _rules(self) -> tuple[VirtualService, ...]:
        rules = self._outbound.config.for_mesh()
        if self.sidecar is None or self.sidecar.egress is None:
            return rules
        return tuple(
            rule
            for rule in rules
            if any(
                namespace in ("*", rule.key.namespace)
                and any(covers(pattern, host) for host in rule.hosts)
                for namespace, pattern in self._egress
            )
        )

    @cached_property
    def _egress(self) -> tuple[Egress, ...]:
        """What the Sidecar lists, with the namespace of the workloads that it holds for."""
        listed = () if self.sidecar is None else self.sidecar.egress or ()
        return tuple(
            one._replace(namespace=self._namespace) if one.namespace == "." else one
            for one in listed
        )

    @cached_property
    def _ordered(self) -> tuple[Key, ...]:
        built = self._outbound.built
        return tuple(built) if len(self._keys) == len(built) else tuple(sorted(self._keys))

    @cached_property
    def _keys(self) -> frozenset[Key]:
        outbound = self._outbound
        if self.sidecar is None or self.sidecar.egress is None:
            return frozenset(outbound.built)
        found: set[Key] = set()
        for namespace, pattern in self._egress:
            keys: Iterable[Key] = (
                outbound.built if namespace == "*" else outbound.by_namespace.get(namespace, ())
            )
            found.update(key for key in keys if covers(pattern, outbound.built[key].service.host))
        for rule in self._rules:
            for route in rule.http:
                for destination in route.destinations:
                    found.update(outbound.by_host.get(destination.host, ()))
        return frozenset(found)
