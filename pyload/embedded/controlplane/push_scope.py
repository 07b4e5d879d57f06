"""Which proxies a round of changes is pushed to, and which types and names each is sent.

One `PushScope` is made per round, from the changes and from the snapshots before and after it. A
proxy's `PushRequest` depends only on its audience and on the services that its scope sees, so
proxies with equal ones share the decision, and a round over thousands of sidecars takes a few
decisions. The rules are istiod's: they look at the kinds of the objects that changed, not at
whether a proxy's resources came out differently. So a proxy may be sent the same bytes again, as
it would be by istiod.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import configs, secrets
from pyload.embedded.controlplane.ambient import service_name
from pyload.embedded.controlplane.istio_model import ROOT
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, LDS, NDS, RDS, SDS, WORKLOAD, TypeUrl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.embedded.controlplane.configs import ConfigKey
    from pyload.embedded.controlplane.istio_model import VirtualService
    from pyload.embedded.controlplane.mesh_state import MeshChanges
    from pyload.embedded.controlplane.model import Key
    from pyload.embedded.controlplane.outbound import SidecarScope
    from pyload.embedded.controlplane.snapshot import Audience, ResourceSnapshot

ResourceNames = frozenset[str] | None
"""Names of a type to push; None for all that the proxy has subscribed to."""

_EVERYTHING: Final = {CDS: None, EDS: None, LDS: None, RDS: None}

# Policies that apply to the workloads of their namespace, and the types that they change.
_POLICIES: Final[Mapping[str, Mapping[TypeUrl, ResourceNames]]] = {
    configs.AUTHORIZATION_POLICY: {LDS: None},
    configs.REQUEST_AUTHENTICATION: {LDS: None},
    configs.TELEMETRY: {LDS: None},
    configs.WASM_PLUGIN: {LDS: None},
    configs.ENVOY_FILTER: _EVERYTHING,
}


@dataclass(frozen=True, slots=True)
class PushRequest:
    """The types and names that a proxy is still to be sent.

    Attributes:
        wanted: Names to push, by type; other types are not pushed. Clusters by name are those of
            the services that changed: delta streams are sent only those that differ.
    """

    wanted: Mapping[TypeUrl, ResourceNames] = field(default_factory=dict)

    def merge(self, later: PushRequest) -> PushRequest:
        """Return one request for all that this one and a later one ask for."""
        merged = dict(self.wanted)
        for type_url, names in later.wanted.items():
            merged[type_url] = _union(merged[type_url], names) if type_url in merged else names
        return PushRequest(merged)

    def __bool__(self) -> bool:
        return bool(self.wanted)


NOTHING: Final = PushRequest()


class PushScope:
    """The decisions of one round: what to push to each proxy.

    Args:
        changes: Services and workloads that changed.
        refs: Objects of the configuration that changed.
        old: The snapshot of the last round.
        new: The snapshot of this round.
    """

    def __init__(
        self,
        changes: MeshChanges,
        refs: frozenset[ConfigKey],
        old: ResourceSnapshot,
        new: ResourceSnapshot,
    ) -> None:
        self._changes = changes
        self._refs = refs
        self._old = old
        self._new = new
        self._known: dict[tuple[object, ...], PushRequest] = {}

    def push(self, audience: Audience, before: Audience) -> PushRequest:
        """Decide what to push to a proxy.

        Args:
            audience: The proxy's audience now.
            before: Its audience in the last round.
        """
        scopes = (self._scope(self._old, before), self._scope(self._new, audience))
        key = (audience.type, audience.namespace, audience.verified, *scopes)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._decide(audience, scopes)
        if audience is not before and self._concerns(audience) != self._concerns(before):
            found = found.merge(_ROUTED)
        return found

    def _concerns(self, audience: Audience) -> object:
        """Return the part of an audience that is not in the key of shared decisions."""
        config = self._new.config
        match audience.type:
            case "sidecar":
                chosen = config.sidecar_for(audience.namespace, audience.labels)
                return audience.inbound, chosen
            case "router":
                return audience.inbound, config.gateways_for(audience.labels)
            case "waypoint":
                return audience.inbound
            case _:
                return None

    def _scope(self, snapshot: ResourceSnapshot, audience: Audience) -> SidecarScope | None:
        if audience.type != "sidecar":
            return None
        return snapshot.outbound.scope(audience.namespace, audience.labels)

    def _decide(
        self, audience: Audience, scopes: tuple[SidecarScope | None, SidecarScope | None]
    ) -> PushRequest:
        match audience.type, scopes:
            case "ztunnel", _:
                return self._for_ztunnel()
            case "waypoint", _:
                return self._for_waypoint(audience)
            case "sidecar", (old, new) if old is not None and new is not None:
                return self._for_sidecar(audience, old, new)
            case "router", _:
                return self._for_router(audience)
            case _:
                return NOTHING

    def _for_sidecar(self, audience: Audience, old: SidecarScope, new: SidecarScope) -> PushRequest:
        services = {key for key in self._changes.services if old.includes(key) or new.includes(key)}
        hosts = {
            host for host in self._ruled_hosts if old.includes_host(host) or new.includes_host(host)
        }
        push = self._for_services(services, hosts)
        if any(old.applies(rule) or new.applies(rule) for rule in self._changed_rules):
            push = push.merge(_ROUTED)
        chosen = {scope.sidecar.key for scope in (old, new) if scope.sidecar is not None}
        if any(key in chosen for key in self._of(configs.SIDECAR)):
            push = push.merge(PushRequest(_EVERYTHING))
        return push.merge(self._for_policies(audience))

    def _for_router(self, audience: Audience) -> PushRequest:
        push = self._for_services(self._changes.services, self._ruled_hosts)
        if self._changed_rules:
            push = push.merge(_ROUTED)
        if self._of(configs.GATEWAY) or self._of(configs.KUBERNETES_GATEWAY):
            push = push.merge(PushRequest({LDS: None, RDS: None}))
        if audience.verified:
            names = [
                secrets.names_of(key.name)
                for key in self._of(configs.SECRET)
                if key.namespace == audience.namespace
            ]
            if names:
                push = push.merge(PushRequest({SDS: frozenset().union(*names)}))
        return push.merge(self._for_policies(audience))

    def _for_waypoint(self, audience: Audience) -> PushRequest:
        push = self._for_policies(audience)
        if self._changes.services or self._rebound or self._ruled_hosts or self._changed_rules:
            push = push.merge(PushRequest({CDS: None, LDS: None, RDS: None}))
        if self._ruled_hosts:
            push = push.merge(PushRequest({EDS: None}))
        if self._addresses:
            # Which services the waypoint serves is not looked at.
            push = push.merge(PushRequest({EDS: None, WORKLOAD: self._addresses}))
        elif self._changes.endpoints:
            push = push.merge(PushRequest({EDS: self._clusters_of(self._changes.endpoints)}))
        return push

    def _for_ztunnel(self) -> PushRequest:
        wanted: dict[TypeUrl, ResourceNames] = {}
        if self._addresses:
            wanted[ADDRESS] = wanted[WORKLOAD] = self._addresses
        policies = {f"{key.namespace}/{key.name}" for key in self._of(configs.AUTHORIZATION_POLICY)}
        if policies:
            wanted[AUTHORIZATION] = frozenset(policies)
        return PushRequest(wanted)

    def _for_services(self, services: Iterable[Key], hosts: Iterable[str]) -> PushRequest:
        """Decide what to push for changed services, DestinationRules and endpoints."""
        changed = set(services)
        ruled = {key for host in hosts for key in self._new.outbound.by_host.get(host, ())}
        names = self._clusters_of(changed | ruled | self._changes.endpoints)
        if not changed and not ruled:
            return PushRequest({EDS: names}) if names else NOTHING
        wanted: dict[TypeUrl, ResourceNames] = {CDS: names, EDS: names, LDS: None, RDS: None}
        if changed:
            wanted[NDS] = None
        return PushRequest(wanted)

    def _for_policies(self, audience: Audience) -> PushRequest:
        push = NOTHING
        for ref in self._refs:
            wanted = _POLICIES.get(ref.kind)
            if wanted is not None and ref.namespace in (ROOT, audience.namespace):
                push = push.merge(PushRequest(wanted))
            if ref.kind == configs.PEER_AUTHENTICATION:
                # Clients have to know what a server accepts.
                servers = self._new.outbound.by_namespace.get(ref.namespace, ())
                names: ResourceNames = None if ref.namespace == ROOT else self._clusters_of(servers)
                push = push.merge(PushRequest({CDS: None, EDS: names, LDS: None}))
        return push

    def _clusters_of(self, services: Iterable[Key]) -> frozenset[str]:
        """Return the names of services' EDS clusters, before and after the round."""
        return frozenset(
            name
            for key in services
            for snapshot in (self._old, self._new)
            for name in snapshot.assigned.get(key, ())
        )

    def _of(self, kind: str) -> tuple[Key, ...]:
        return self._by_kind.get(kind, ())

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[Key, ...]]:
        found: dict[str, tuple[Key, ...]] = {}
        for ref in self._refs:
            found[ref.kind] = (*found.get(ref.kind, ()), ref.key)
        return found

    @cached_property
    def _ruled_hosts(self) -> frozenset[str]:
        """Hosts of the DestinationRules that changed."""
        changed = set(self._of(configs.DESTINATION_RULE))
        return frozenset(
            rule.host
            for snapshot in (self._old, self._new)
            for rules in (snapshot.config.rules.values() if changed else ())
            for rule in rules
            if rule.key in changed
        )

    @cached_property
    def _changed_rules(self) -> tuple[VirtualService, ...]:
        """The VirtualServices that changed, as they were and as they are."""
        changed = set(self._of(configs.VIRTUAL_SERVICE))
        return tuple(
            rule
            for snapshot in (self._old, self._new)
            for rule in (snapshot.config.virtual_services if changed else ())
            if rule.key in changed
        )

    @cached_property
    def _rebound(self) -> frozenset[Key]:
        """Services whose waypoint is another than before, or none now."""
        if not (self._of(configs.NAMESPACE) or self._of(configs.KUBERNETES_GATEWAY)):
            return frozenset()
        old, new = self._old.config, self._new.config
        return frozenset(
            key
            for key, service in self._new.mesh.services.items()
            if old.waypoint_for(service) != new.waypoint_for(service)
        )

    @cached_property
    def _addresses(self) -> frozenset[str]:
        """Names of the ambient addresses that changed."""
        names: set[str] = set()
        about = self._changes.services | self._rebound
        for mesh in (self._old.mesh, self._new.mesh):
            names.update(service_name(mesh.services[key]) for key in about if key in mesh.services)
            names.update(
                mesh.workloads[key].pod.uid
                for key in self._changes.workloads
                if key in mesh.workloads
            )
        if self._rebound:
            names.update(
                workload.pod.uid
                for workload in self._new.mesh.workloads.values()
                if any(key in self._rebound for key, _ in workload.services)
            )
        return frozenset(names)


_ROUTED: Final = PushRequest({CDS: frozenset(), LDS: None, RDS: None})
"""The push for a changed VirtualService, or for a pod that serves other ports than before."""


def _union(one: ResourceNames, other: ResourceNames) -> ResourceNames:
    return None if one is None or other is None else one | other
