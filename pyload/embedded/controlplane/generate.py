"""Turns the mesh into encoded xDS resources, each of which is built once and then shared.

Pure. Generation is a generator function: it yields between pieces of work, so that whoever runs
it on an event loop can let others in.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import assignments, clusters, library, listeners, routes
from pyload.embedded.controlplane.collection import Collection
from pyload.embedded.controlplane.encode import any_of, field
from pyload.embedded.controlplane.snapshot import Own, Snapshot
from pyload.xds.types import EDS, LDS, RDS

if TYPE_CHECKING:
    from collections.abc import Generator as Steps
    from collections.abc import Iterable, Mapping

    from pyload.embedded.controlplane.records import Endpoint, Key, Locality, Port, Service
    from pyload.embedded.controlplane.registry import Inbound, Mesh, Ports

# Field numbers of repeated messages that are put together from encoded ones.
_VIRTUAL_HOSTS: Final = 2
_FILTER_CHAINS: Final = 3
_LOCALITIES: Final = 2
_LB_ENDPOINTS: Final = 2

# Distinct sets of inbound ports to remember; past this, start again.
_OWN_LIMIT: Final = 10_000


def preload() -> None:
    """Import envoy-data-plane and build what every mesh needs; takes about a second of CPU.

    Call it in a thread while a loop runs, or before a test in virtual time.
    """
    library.library()
    for headless in (False, True):
        clusters.outbound_cluster(headless=headless)
    clusters.inbound_cluster()
    for address in (False, True):
        routes.virtual_host(address=address)
    listeners.tcp_listener(443)
    listeners.http_listener(80)
    listeners.virtual_inbound()
    listeners.virtual_outbound()
    for tls in (False, True):
        assignments.lb_endpoint(80, tls=tls)
        for http in (False, True):
            listeners.inbound_chain(80, http=http, tls=tls)
    assignments.load_assignment()
    assignments.locality_endpoints("", "", 1)


def cluster_name(direction: str, port: int, host: str = "") -> str:
    """Name a cluster as Istio does."""
    return f"{direction}|{port}||{host}"


@dataclass(frozen=True, slots=True)
class _Built:
    """What one Service contributes."""

    service: Service
    clusters: Mapping[str, bytes]
    listeners: Mapping[str, bytes]
    virtual_hosts: Mapping[int, bytes]


class Generator:
    """Generates snapshots, one after the other, and keeps what can be used again."""

    def __init__(self) -> None:
        self._built: dict[Key, _Built] = {}
        self._assigned: dict[Key, tuple[Ports, Mapping[str, bytes]]] = {}
        self._own: dict[tuple[Inbound, ...], Own] = {}
        self._http_listeners: dict[int, bytes] = {}
        self._route_bases: dict[int, bytes] = {}
        self._last: Snapshot | None = None

    def snapshot(self, mesh: Mesh, *, version: str) -> Steps[None, None, Snapshot]:
        """Generate the shared resources of a mesh.

        Args:
            mesh: The state to generate from.
            version: Version of all responses made from it.
        """
        changed = self._last is None or self._built.keys() != mesh.services.keys()
        for key, service in mesh.services.items():
            known = self._built.get(key)
            if known is None or known.service != service:
                changed = True
                self._built[key] = _build(service)
                yield
        for key in [key for key in self._built if key not in mesh.services]:
            del self._built[key]
        endpoints = yield from self._endpoints(mesh)
        last = self._last
        if last is None or changed:
            yield
            self._last = self._whole(mesh, endpoints, version)
        else:
            self._last = Snapshot(
                version,
                last.clusters,
                last.gateway_clusters,
                last.listeners,
                last.routes,
                endpoints,
            )
        return self._last

    def own(self, inbound: tuple[Inbound, ...]) -> Own:
        """Generate what a sidecar gets for the ports of its own pod."""
        found = self._own.get(inbound)
        if found is None:
            if len(self._own) >= _OWN_LIMIT:
                self._own.clear()
            found = self._own[inbound] = _own(inbound)
        return found

    def _endpoints(self, mesh: Mesh) -> Steps[None, None, Collection]:
        resources: dict[str, bytes] = {}
        for key, service in mesh.services.items():
            ports = mesh.endpoints.get(key, {})
            known = self._assigned.get(key)
            # The registry makes a new dict when the endpoints or the Service changed.
            if known is None or known[0] is not ports:
                known = self._assigned[key] = (ports, _assign(service, ports))
                yield
            if not service.headless:
                resources.update(known[1])
        for key in [key for key in self._assigned if key not in mesh.services]:
            del self._assigned[key]
        return Collection(resources)

    def _whole(self, mesh: Mesh, endpoints: Collection, version: str) -> Snapshot:
        outbound: dict[str, bytes] = {}
        listening: dict[str, bytes] = {}
        hosts: defaultdict[int, list[bytes]] = defaultdict(list)
        for key in mesh.services:
            built = self._built[key]
            outbound.update(built.clusters)
            listening.update(built.listeners)
            for port, host in built.virtual_hosts.items():
                hosts[port].append(host)
        black_hole = {clusters.BLACK_HOLE: clusters.black_hole_cluster()}
        for port in sorted(hosts):
            listening[f"0.0.0.0_{port}"] = self._http_listener(port)
        listening["virtualOutbound"] = listeners.virtual_outbound()
        return Snapshot(
            version,
            clusters=Collection(
                outbound
                | black_hole
                | {
                    clusters.PASSTHROUGH: clusters.passthrough_cluster(clusters.PASSTHROUGH),
                    clusters.INBOUND_PASSTHROUGH: clusters.passthrough_cluster(
                        clusters.INBOUND_PASSTHROUGH, source="127.0.0.6"
                    ),
                }
            ),
            gateway_clusters=Collection(outbound | black_hole),
            listeners=Collection(listening),
            routes=Collection(
                {str(port): self._routes(port, hosts[port]) for port in sorted(hosts)}
            ),
            endpoints=endpoints,
        )

    def _http_listener(self, port: int) -> bytes:
        found = self._http_listeners.get(port)
        if found is None:
            found = self._http_listeners[port] = listeners.http_listener(port)
        return found

    def _routes(self, port: int, hosts: Iterable[bytes]) -> bytes:
        base = self._route_bases.get(port)
        if base is None:
            base = self._route_bases[port] = routes.route_configuration(str(port))
        return any_of(RDS, b"".join(hosts) + base)


def _build(service: Service) -> _Built:
    made: dict[str, bytes] = {}
    listening: dict[str, bytes] = {}
    hosts: dict[int, bytes] = {}
    for port in service.ports:
        name = cluster_name("outbound", port.port, service.host)
        made[name] = clusters.outbound_cluster(headless=service.headless).fill(
            name=name,
            stat=f"{name};",
            host=service.host,
            service=service.key.name,
            namespace=service.key.namespace,
            sni=f"outbound_.{port.port}_._.{service.host}",
        )
        if port.http:
            hosts[port.port] = _virtual_host(service, port, name)
        elif service.ip:
            listener = f"{service.ip}_{port.port}"
            listening[listener] = listeners.tcp_listener(port.port).fill(
                name=listener, ip=service.ip, cluster=name
            )
    return _Built(service, made, listening, hosts)


def _virtual_host(service: Service, port: Port, cluster: str) -> bytes:
    at = f"{service.host}:{port.port}"
    host = routes.virtual_host(address=bool(service.ip)).fill(
        name=at,
        host=service.host,
        dotted=f"{service.host}.",
        ip=service.ip,
        cluster=cluster,
        operation=f"{at}/*",
    )
    return field(_VIRTUAL_HOSTS, host)


def _assign(service: Service, ports: Ports) -> dict[str, bytes]:
    made = {}
    for port in service.ports:
        name = cluster_name("outbound", port.port, service.host)
        places: defaultdict[Locality, list[Endpoint]] = defaultdict(list)
        for endpoint in ports.get(port.port, ()):
            places[endpoint.locality].append(endpoint)
        assignment = assignments.load_assignment().fill(cluster=name) + b"".join(
            field(_LOCALITIES, _place(place, found)) for place, found in sorted(places.items())
        )
        made[name] = any_of(EDS, assignment)
    return made


def _place(place: Locality, endpoints: list[Endpoint]) -> bytes:
    base = assignments.locality_endpoints(place.region, place.zone, len(endpoints))
    return base + b"".join(
        field(
            _LB_ENDPOINTS,
            assignments.lb_endpoint(one.port, tls=one.tls).fill(ip=one.ip, workload=one.workload),
        )
        for one in endpoints
    )


def _own(inbound: tuple[Inbound, ...]) -> Own:
    made: dict[str, bytes] = {}
    listener = listeners.virtual_inbound()
    for port in inbound:
        host = f"{port.service.name}.{port.service.namespace}.svc.cluster.local"
        name = cluster_name("inbound", port.target)
        made[name] = clusters.inbound_cluster().fill(
            name=name,
            stat=f"{name};",
            host=host,
            service=port.service.name,
            namespace=port.service.namespace,
        )
        for tls in (True, False):
            chain = listeners.inbound_chain(port.target, http=port.http, tls=tls).fill(
                cluster=name,
                route=f"inbound|http|{port.port}",
                operation=f"{host}:{port.port}/*",
            )
            listener += field(_FILTER_CHAINS, chain)
    return Own(Collection(made), Collection({"virtualInbound": any_of(LDS, listener)}))
