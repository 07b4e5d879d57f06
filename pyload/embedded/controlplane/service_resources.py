"""The clusters, listeners, virtual hosts and load assignments of one service."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import assignments, clusters, listeners, routes, waypoints
from pyload.embedded.controlplane.clusters import cluster_name
from pyload.embedded.controlplane.routes import config_path
from pyload.embedded.controlplane.wire import any_of, field
from pyload.xds.types import CDS, EDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.embedded.controlplane.istio_model import DestinationRule, Subset, TrafficPolicy
    from pyload.embedded.controlplane.mesh_state import Ports
    from pyload.embedded.controlplane.model import Endpoint, Key, Locality, Port, Service

# Field numbers of repeated messages that are put together from encoded ones.
_LOCALITIES: Final = 2
_LB_ENDPOINTS: Final = 2

# Rules of different namespaces for one service whose clusters are remembered.
_RULES: Final = 8


class ServiceResources:
    """One service's clusters, listeners and virtual hosts.

    Args:
        service: The service.
        endpoints: Its endpoints, which only clusters of DNS services contain.

    Attributes:
        service: The service.
        listeners: Listeners of TCP ports, by name.
        virtual_hosts: Virtual hosts of HTTP ports, by port; not wrapped.
    """

    __slots__ = ("_clusters", "_endpoints", "listeners", "service", "virtual_hosts")

    def __init__(self, service: Service, endpoints: Ports) -> None:
        self.service = service
        self.listeners: dict[str, bytes] = {}
        self.virtual_hosts: dict[int, bytes] = {}
        self._endpoints = endpoints if service.resolution == "dns" else {}
        self._clusters: dict[Key | None, tuple[DestinationRule | None, dict[str, bytes]]] = {}
        for port in service.ports:
            name = cluster_name("outbound", port.port, service.host)
            if port.http:
                self.virtual_hosts[port.port] = _virtual_host(service, port, name)
            elif service.ip:
                at = f"{service.ip}_{port.port}"
                self.listeners[at] = listeners.tcp_listener(port.port).fill(
                    name=at, ip=service.ip, cluster=name
                )

    def is_of(self, service: Service, endpoints: Ports) -> bool:
        """Return whether the resources are those of this state of the service."""
        known = self.service is service or self.service == service
        return known and (service.resolution != "dns" or self._endpoints is endpoints)

    def clusters(self, rule: DestinationRule | None) -> Mapping[str, bytes]:
        """Return the clusters under a DestinationRule, including those of its subsets."""
        key = rule.key if rule is not None else None
        known = self._clusters.get(key)
        if known is None or known[0] is not rule:
            if len(self._clusters) >= _RULES:
                self._clusters.clear()
            known = self._clusters[key] = (rule, self._under(rule))
        return known[1]

    def _under(self, rule: DestinationRule | None) -> dict[str, bytes]:
        made = {}
        for port in self.service.ports:
            name = cluster_name("outbound", port.port, self.service.host)
            made[name] = self._cluster(name, port, rule, None)
            for subset in rule.subsets if rule is not None else ():
                name = cluster_name("outbound", port.port, self.service.host, subset.name)
                made[name] = self._cluster(name, port, rule, subset)
        return made

    def _cluster(
        self, name: str, port: Port, rule: DestinationRule | None, subset: Subset | None
    ) -> bytes:
        """Encode the cluster of a port, for all endpoints or for a subset."""
        service = self.service
        template = clusters.outbound_cluster(
            service.resolution, ruled=rule is not None, subset=subset is not None
        )
        part = subset.name if subset is not None else ""
        config = config_path("destination-rule", *rule.key) if rule is not None else ""
        encoded = template.fill(
            name=name,
            stat=f"{name};",
            host=service.host,
            service=service.name,
            namespace=service.key.namespace,
            sni=f"outbound_.{port.port}_.{part or '_'}.{service.host}",
            config=config,
            subset=part,
        )
        if rule is not None:
            traffic = _merged(rule.traffic, subset)
            if service.resolution == "original_dst":
                # There is nothing to balance.
                traffic = traffic._replace(balancer="")
            encoded += clusters.limits(traffic)
        if service.resolution == "dns":
            found = _chosen(self._endpoints.get(port.port, ()), subset)
            encoded += clusters.inline_endpoints(_assignment(name, found, tunnel=False))
        return any_of(CDS, encoded)


def assign(
    service: Service, ports: Ports, rules: Iterable[DestinationRule], *, waypoint: bool
) -> dict[str, bytes]:
    """Build the load assignments of a service's clusters.

    Args:
        service: The service.
        ports: Its endpoints.
        rules: All DestinationRules for it; of subsets with one name, the first counts.
        waypoint: Whether it is behind a waypoint, which has clusters of its own for it.
    """
    subsets: dict[str, Subset] = {}
    for rule in rules:
        for subset in rule.subsets:
            subsets.setdefault(subset.name, subset)
    made: dict[str, bytes] = {}
    for port in service.ports:
        found = ports.get(port.port, ())
        if service.resolution == "eds":
            for part in (None, *subsets.values()):
                subset_name = part.name if part is not None else ""
                name = cluster_name("outbound", port.port, service.host, subset_name)
                made[name] = any_of(EDS, _assignment(name, _chosen(found, part), tunnel=False))
        for part in (None, *subsets.values()) if waypoint else ():
            name = waypoints.cluster_of(port, service, part.name if part is not None else "")
            made[name] = any_of(EDS, _assignment(name, _chosen(found, part), tunnel=True))
    return made


def _merged(traffic: TrafficPolicy, subset: Subset | None) -> TrafficPolicy:
    if subset is None:
        return traffic
    said = {name: value for name, value in subset.traffic._asdict().items() if value}
    return traffic._replace(**said)


def _chosen(endpoints: Iterable[Endpoint], subset: Subset | None) -> list[Endpoint]:
    return [one for one in endpoints if subset is None or subset.labels <= one.labels]


def _virtual_host(service: Service, port: Port, cluster: str) -> bytes:
    at = f"{service.host}:{port.port}"
    return routes.virtual_host(address=bool(service.ip)).fill(
        name=at,
        host=service.host,
        dotted=f"{service.host}.",
        ip=service.ip,
        cluster=cluster,
        operation=f"{at}/*",
    )


def _assignment(name: str, endpoints: Iterable[Endpoint], *, tunnel: bool) -> bytes:
    """Encode a ``ClusterLoadAssignment``, by whose endpoints waypoints may enter the tunnel."""
    places: defaultdict[Locality, list[Endpoint]] = defaultdict(list)
    for endpoint in endpoints:
        places[endpoint.locality].append(endpoint)
    return assignments.load_assignment().fill(cluster=name) + b"".join(
        field(_LOCALITIES, _place(place, found, tunnel=tunnel))
        for place, found in sorted(places.items())
    )


def _place(place: Locality, endpoints: list[Endpoint], *, tunnel: bool) -> bytes:
    base = assignments.locality_endpoints(place.region, place.zone, len(endpoints))
    return base + b"".join(
        field(
            _LB_ENDPOINTS,
            assignments.tunnel_endpoint().fill(target=f"{one.ip}:{one.port}", workload=one.workload)
            if tunnel and one.tunnel
            else assignments.lb_endpoint(one.port, tls=one.tls).fill(
                ip=one.ip, workload=one.workload
            ),
        )
        for one in endpoints
    )
