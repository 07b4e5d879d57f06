"""The encoded resources of one state of the mesh, and which of them each proxy is sent.

A snapshot is immutable to the outside. A proxy's resources depend on its `Audience` alone, so all
proxies of one audience share a `View`, made when the first of them asks. Per type a view is a
tuple of batches: shared ones of services first, then small ones of the proxy's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import static_resources, wire
from pyload.embedded.controlplane.ambient import policies_of
from pyload.embedded.controlplane.model import Key
from pyload.embedded.controlplane.nametable import name_table
from pyload.embedded.controlplane.secrets import certificates_of
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, LDS, NDS, RDS, SDS, WORKLOAD, TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.embedded.controlplane.ambient import AddressBook, AddressBuilder
    from pyload.embedded.controlplane.configs import IstioConfig
    from pyload.embedded.controlplane.inbound import InboundBuilder
    from pyload.embedded.controlplane.mesh_state import InboundPort, MeshState
    from pyload.embedded.controlplane.model import Labels
    from pyload.embedded.controlplane.outbound import Outbound
    from pyload.embedded.controlplane.resource_batch import ResourceBatch

# The control plane of every response; it does not claim to be istiod.
IDENTIFIER: Final = '{"Component":"pyload-embedded","ID":"pyload-embedded"}'

# Kinds of proxies whose views are remembered; past this, start again.
_VIEWS: Final = 10_000

_GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"


@dataclass(frozen=True, slots=True)
class Audience:
    """All about a proxy that decides its resources; many proxies have equal ones.

    Attributes:
        type: ``sidecar``, ``router``, ``waypoint``, ``ztunnel`` or ``agentgateway``.
        namespace: Its namespace.
        labels: Its pod's labels.
        inbound: Ports that its pod serves.
        verified: Whether its identity is proven and, for a gateway, may list Secrets.
    """

    type: str
    namespace: str
    labels: Labels
    inbound: tuple[InboundPort, ...]
    verified: bool


class View:
    """All resources for the proxies of one audience.

    Args:
        snapshot: The snapshot that the resources are from.
        resources: Batches by type; a missing type has no resources.

    Attributes:
        snapshot: The snapshot that the resources are from.
    """

    __slots__ = ("_resources", "snapshot")

    def __init__(
        self, snapshot: ResourceSnapshot, resources: Mapping[TypeUrl, tuple[ResourceBatch, ...]]
    ) -> None:
        self.snapshot = snapshot
        self._resources = resources

    def of(self, type_url: TypeUrl) -> tuple[ResourceBatch, ...]:
        """Return the batches of a type.

        In a push, delta clients are sent the changes of the first batch and all of the others.
        """
        return self._resources.get(type_url, ())

    def is_silent(self, type_url: TypeUrl) -> bool:
        """Return whether requests of a type are left without an answer."""
        # Istiod sends certificates to proxies with a proven identity, and nothing to others.
        return type_url == SDS and type_url not in self._resources

    def resolve(self, name: str) -> tuple[str, ...]:
        """Return the names of the addresses that answer an on-demand subscription."""
        return self.snapshot.addresses.resolve(name)


class ResourceSnapshot:
    """The resources of one state of the mesh.

    Args:
        version: Time and number of the push, as istiod writes it.
        mesh: The state of services and workloads.
        config: Istio's configuration.
        outbound: Resources for reaching services.
        endpoints: Load assignments, by cluster.
        assigned: Names of the clusters with load assignments, by service.
        own: Builds sidecars' resources for their own pods.
        address_builder: Builds addresses for ztunnels.

    The arguments but for the builders are attributes too.
    """

    def __init__(
        self,
        version: str,
        *,
        mesh: MeshState,
        config: IstioConfig,
        outbound: Outbound,
        endpoints: ResourceBatch,
        assigned: Mapping[Key, Iterable[str]],
        own: InboundBuilder,
        address_builder: AddressBuilder,
    ) -> None:
        self.version = version
        self.mesh = mesh
        self.config = config
        self.outbound = outbound
        self.endpoints = endpoints
        self.assigned = assigned
        self._own = own
        self._address_builder = address_builder
        self._heads: dict[tuple[str, bool], bytes] = {}
        self._views: dict[Audience, View] = {}
        self._secrets: dict[str, ResourceBatch] = {}

    def head(self, type_url: str, *, delta: bool) -> bytes:
        """Return the encoded beginning of a response of a type."""
        key = (type_url, delta)
        found = self._heads.get(key)
        if found is None:
            found = self._heads[key] = wire.head(
                version=self.version, type_url=type_url, control_plane=IDENTIFIER, delta=delta
            )
        return found

    @cached_property
    def addresses(self) -> AddressBook:
        """All workloads and services, for ztunnels; built only if there are any."""
        return self._address_builder.build(self.mesh, self.config)

    @cached_property
    def policies(self) -> ResourceBatch:
        """All AuthorizationPolicies, for ztunnels."""
        return policies_of(self.config)

    def view(self, audience: Audience) -> View:
        """Return the resources for an audience."""
        found = self._views.get(audience)
        if found is None:
            if len(self._views) >= _VIEWS:
                self._views.clear()
            found = self._views[audience] = View(self, self._resources(audience))
        return found

    def _resources(self, audience: Audience) -> dict[TypeUrl, tuple[ResourceBatch, ...]]:
        match audience.type:
            case "sidecar":
                return self._for_sidecar(audience)
            case "router":
                return self._for_router(audience)
            case "waypoint":
                return self._for_waypoint(audience)
            case "ztunnel":
                book = self.addresses
                return {
                    ADDRESS: (book.addresses,),
                    WORKLOAD: (book.workloads,),
                    AUTHORIZATION: (self.policies,),
                }
            case _:
                return {}

    def _for_sidecar(self, audience: Audience) -> dict[TypeUrl, tuple[ResourceBatch, ...]]:
        scope = self.outbound.scope(audience.namespace, audience.labels)
        mtls = self.config.mtls_for(audience.namespace, audience.labels)
        own = self._own.build(audience.inbound, mtls)
        return {
            CDS: (
                scope.clusters,
                static_resources.outward(),
                own.clusters,
                static_resources.inward(),
            ),
            EDS: (self.endpoints,),
            LDS: (scope.listeners, own.listeners, static_resources.tunnel()),
            RDS: (scope.routes,),
            NDS: (self._names,),
        }

    def _for_router(self, audience: Audience) -> dict[TypeUrl, tuple[ResourceBatch, ...]]:
        chosen = self.config.gateways_for(audience.labels)
        ports = {one.port: one.target for one in audience.inbound}
        listeners, routes = self.outbound.router(chosen, ports)
        resources: dict[TypeUrl, tuple[ResourceBatch, ...]] = {
            CDS: (
                self.outbound.everything(audience.namespace).clusters,
                static_resources.of_gateways(),
            ),
            EDS: (self.endpoints,),
            LDS: (listeners, static_resources.tunnel()),
            RDS: (routes,),
            NDS: (self._names,),
        }
        if audience.verified:
            resources[SDS] = (self._certificates(audience.namespace),)
        return resources

    def _for_waypoint(self, audience: Audience) -> dict[TypeUrl, tuple[ResourceBatch, ...]]:
        clusters, listeners = self.outbound.waypoint(self._waypoint_of(audience))
        return {
            CDS: (clusters,),
            EDS: (self.endpoints,),
            LDS: (listeners,),
            WORKLOAD: (self.addresses.workloads,),
        }

    def _waypoint_of(self, audience: Audience) -> Key | None:
        """Return the key of a waypoint proxy's Gateway, by its label or a Service of its pod."""
        waypoints = self.config.waypoints
        named = Key(audience.namespace, dict(audience.labels).get(_GATEWAY_NAME, ""))
        if named in waypoints:
            return named
        hosts = {one.host for one in audience.inbound}
        return next((key for key, one in waypoints.items() if one.host in hosts), None)

    @cached_property
    def _names(self) -> ResourceBatch:
        return name_table(built.service for built in self.outbound.built.values())

    def _certificates(self, namespace: str) -> ResourceBatch:
        found = self._secrets.get(namespace)
        if found is None:
            found = self._secrets[namespace] = certificates_of(
                self.config.secrets.get(namespace, {})
            )
        return found
