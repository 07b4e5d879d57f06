"""One state of the mesh as proxies get it. Pure."""

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

# Says in every response that this is not istiod.
IDENTIFIER: Final = '{"Component":"pyload-embedded","ID":"pyload-embedded"}'

# Kinds of proxies whose views are remembered; past this, start again.
_VIEWS: Final = 10_000

_GATEWAY_NAME: Final = "gateway.networking.k8s.io/gateway-name"


@dataclass(frozen=True, slots=True)
class Audience:
    """All about a proxy that decides what it is sent; many proxies have the same.

    Attributes:
        type: ``sidecar``, ``router``, ``waypoint``, ``ztunnel`` or ``agentgateway``.
        namespace: Its namespace.
        labels: Its pod's labels.
        inbound: Ports that its pod serves.
        verified: Whether it has proved who it is, and may have Secrets if it is a gateway.
    """

    type: str
    namespace: str
    labels: Labels
    inbound: tuple[InboundPort, ...]
    verified: bool


class View:
    """All that one kind of proxy could be sent.

    Args:
        snapshot: Where it comes from.
        resources: Collections by type; a type that is not in it has no resources.

    Attributes:
        snapshot: Where it comes from.
    """

    __slots__ = ("_resources", "snapshot")

    def __init__(
        self, snapshot: ResourceSnapshot, resources: Mapping[TypeUrl, tuple[ResourceBatch, ...]]
    ) -> None:
        self.snapshot = snapshot
        self._resources = resources

    def of(self, type_url: TypeUrl) -> tuple[ResourceBatch, ...]:
        """Give the collections of a type.

        Of several, delta clients are sent the changes of the first, and all of the others.
        """
        return self._resources.get(type_url, ())

    def is_silent(self, type_url: TypeUrl) -> bool:
        """Whether requests of a type get no answer at all."""
        # Istiod gives certificates to those whose token it has seen, and nothing to others.
        return type_url == SDS and type_url not in self._resources

    def resolve(self, name: str) -> tuple[str, ...]:
        """Give the names of the addresses that answer a question on demand."""
        return self.snapshot.addresses.resolve(name)


class ResourceSnapshot:
    """What is shared by all proxies.

    Args:
        version: Time and number of the push, as istiod writes it.
        mesh: What it was made from.
        config: What else it was made from.
        outbound: What proxies are told of services.
        endpoints: Load assignments, by cluster.
        assigned: Names of the clusters with load assignments, by service.
        own: Builds what sidecars are told of their own pods.
        address_builder: Builds addresses for ztunnels.

    Attributes:
        version: As above.
        mesh: As above.
        config: As above.
        outbound: As above.
        endpoints: As above.
        assigned: As above.
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
        """Encode what a response begins with."""
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
        """Choose what a proxy gets."""
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
        """Find the waypoint that a proxy is: that of its label, or that of a Service of its pod."""
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
