"""Generation of encoded xDS resources from the mesh; each is built once and then shared.

Generation is a generator function: it yields between pieces of work, so that the event loop that
runs it can serve others. What a service contributes is kept from one snapshot to the next and
built again only if the service, its endpoints or its rules are other objects than before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.embedded.controlplane import (
    assignments,
    clusters,
    envoy_modules,
    listeners,
    routes,
    static_resources,
    waypoints,
)
from pyload.embedded.controlplane.ambient import AddressBuilder
from pyload.embedded.controlplane.inbound import InboundBuilder
from pyload.embedded.controlplane.outbound import Outbound, RuledHosts
from pyload.embedded.controlplane.resource_batch import ResourceBatch
from pyload.embedded.controlplane.service_resources import ServiceResources, assign
from pyload.embedded.controlplane.snapshot import ResourceSnapshot

if TYPE_CHECKING:
    from collections.abc import Generator as Steps
    from collections.abc import Mapping

    from pyload.embedded.controlplane.configs import IstioConfig
    from pyload.embedded.controlplane.istio_model import DestinationRule
    from pyload.embedded.controlplane.mesh_state import MeshState, Ports
    from pyload.embedded.controlplane.model import Key, Service


def preload() -> None:
    """Import envoy-data-plane and build what every mesh needs; takes about a second of CPU.

    Call it in a thread while a loop runs, or before a test in virtual time.
    """
    envoy_modules.envoy()
    for ruled in (False, True):
        for resolution in ("eds", "original_dst", "dns"):
            clusters.outbound_cluster(resolution, ruled=ruled, subset=False)
    clusters.outbound_cluster("eds", ruled=True, subset=True)
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
    assignments.tunnel_endpoint()
    assignments.locality_endpoints("", "", 1)
    static_resources.outward()
    static_resources.inward()
    static_resources.tunnel()
    waypoints.clusters_of(())
    waypoints.listeners_of((), {})


class SnapshotGenerator:
    """Generates one snapshot after the other, and reuses what has not changed."""

    def __init__(self) -> None:
        self._built: dict[Key, ServiceResources] = {}
        self._assigned: dict[Key, _ServiceEndpoints] = {}
        self._own = InboundBuilder()
        self._ruled = RuledHosts()
        self._addresses = AddressBuilder()
        self._last: ResourceSnapshot | None = None

    def snapshot(
        self, mesh: MeshState, config: IstioConfig, *, version: str
    ) -> Steps[None, None, ResourceSnapshot]:
        """Generate the shared resources of a mesh.

        Args:
            mesh: The state to generate from.
            config: The configuration to generate from.
            version: Version of all responses made from it.
        """
        last = self._last
        changed = last is None or not config.routes_like(last.config)
        built: dict[Key, ServiceResources] = {}
        for key, service in mesh.services.items():
            ports = mesh.endpoints.get(key, {})
            known = self._built.get(key)
            if known is None or not known.is_of(service, ports):
                changed = True
                known = ServiceResources(service, ports)
                known.clusters(config.rule_for(service.host, key.namespace, ""))
                yield
            built[key] = known
        changed = changed or built.keys() != self._built.keys()
        self._built = built
        endpoints = yield from self._endpoints(mesh, config)
        if last is None or changed:
            outbound = Outbound(built, config, self._ruled)
        else:
            outbound = last.outbound
        self._last = ResourceSnapshot(
            version,
            mesh=mesh,
            config=config,
            outbound=outbound,
            endpoints=endpoints,
            assigned={key: known.resources for key, known in self._assigned.items()},
            own=self._own,
            address_builder=self._addresses,
        )
        return self._last

    def _endpoints(self, mesh: MeshState, config: IstioConfig) -> Steps[None, None, ResourceBatch]:
        resources: dict[str, bytes] = {}
        assigned: dict[Key, _ServiceEndpoints] = {}
        for key, service in mesh.services.items():
            ports = mesh.endpoints.get(key, {})
            rules = config.rules.get(service.host, ())
            waypoint = config.waypoint_for(service) is not None
            known = self._assigned.get(key)
            if known is None or not known.is_of(service, ports, rules, waypoint=waypoint):
                known = _ServiceEndpoints(service, ports, rules, waypoint=waypoint)
                yield
            assigned[key] = known
            resources.update(known.resources)
        self._assigned = assigned
        return ResourceBatch(resources)


class _ServiceEndpoints:
    """The load assignments of one service."""

    __slots__ = ("_ports", "_rules", "_service", "_waypoint", "resources")

    def __init__(
        self,
        service: Service,
        ports: Ports,
        rules: tuple[DestinationRule, ...],
        *,
        waypoint: bool,
    ) -> None:
        self._service, self._ports, self._rules = service, ports, rules
        self._waypoint = waypoint
        self.resources: Mapping[str, bytes] = assign(service, ports, rules, waypoint=waypoint)

    def is_of(
        self,
        service: Service,
        ports: Ports,
        rules: tuple[DestinationRule, ...],
        *,
        waypoint: bool,
    ) -> bool:
        """Return whether the assignments were built from exactly these inputs."""
        # The registry makes a new dict when the endpoints or the service changed.
        return (
            self._ports is ports
            and self._service is service
            and self._waypoint == waypoint
            and self._rules == rules
        )
