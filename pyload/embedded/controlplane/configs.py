"""Istio's configuration: the objects, their changes, and which of them apply to a workload.

A `ConfigStore` follows the raw objects and collects the keys of those that change. Each
`pop_changes` returns these keys and makes a new `IstioConfig`, an immutable index of the parsed
objects. Parts of it that did not change are the same Python objects as in the last one, so that
generation can tell by identity what it need not build again.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from pyload.embedded.controlplane import parse_istio
from pyload.embedded.controlplane.istio_model import MESH, ROOT
from pyload.embedded.controlplane.model import Key, key, parse_or_none, waypoint_ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pyload.embedded.controlplane.istio_model import (
        AuthorizationPolicy,
        DestinationRule,
        Gateway,
        GatewaySecret,
        Mtls,
        SecurityPolicy,
        Sidecar,
        VirtualService,
        Waypoint,
    )
    from pyload.embedded.controlplane.model import Labels, Service, WaypointRef
    from pyload.kube.resources import Obj

GATEWAY: Final = "gateways.networking.istio.io"
VIRTUAL_SERVICE: Final = "virtualservices.networking.istio.io"
DESTINATION_RULE: Final = "destinationrules.networking.istio.io"
SIDECAR: Final = "sidecars.networking.istio.io"
ENVOY_FILTER: Final = "envoyfilters.networking.istio.io"
PEER_AUTHENTICATION: Final = "peerauthentications.security.istio.io"
REQUEST_AUTHENTICATION: Final = "requestauthentications.security.istio.io"
AUTHORIZATION_POLICY: Final = "authorizationpolicies.security.istio.io"
TELEMETRY: Final = "telemetries.telemetry.istio.io"
WASM_PLUGIN: Final = "wasmplugins.extensions.istio.io"
KUBERNETES_GATEWAY: Final = "gateways.gateway.networking.k8s.io"
NAMESPACE: Final = "namespaces"
SECRET: Final = "secrets"  # noqa: S105 - the name of a kind

FOLLOWED: Final[Mapping[str, Callable[[Obj], Any]]] = {
    GATEWAY: parse_istio.gateway,
    VIRTUAL_SERVICE: parse_istio.virtual_service,
    DESTINATION_RULE: parse_istio.destination_rule,
    SIDECAR: parse_istio.sidecar,
    ENVOY_FILTER: parse_istio.security,
    PEER_AUTHENTICATION: parse_istio.security,
    REQUEST_AUTHENTICATION: parse_istio.security,
    AUTHORIZATION_POLICY: parse_istio.authorization,
    TELEMETRY: parse_istio.security,
    WASM_PLUGIN: parse_istio.security,
    KUBERNETES_GATEWAY: parse_istio.waypoint,
    NAMESPACE: waypoint_ref,
    SECRET: parse_istio.secret,
}
"""The kinds that are followed, named as their definitions are, and their parsers."""

T = TypeVar("T", "Sidecar", "SecurityPolicy")


class ConfigKey(NamedTuple):
    """One object of the configuration; ``kind`` is one of `FOLLOWED`."""

    kind: str
    key: Key

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.key.namespace


class _StoredConfig(NamedTuple):
    """A parsed object beside its raw spec: changes of fields that are not parsed count as well."""

    record: Any
    spec: Any


class ConfigStore:
    """Follows the objects of Istio's configuration."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[Key, _StoredConfig]] = {kind: {} for kind in FOLLOWED}
        self._changed: set[ConfigKey] = set()
        self._state = IstioConfig.of({kind: {} for kind in FOLLOWED}, None, FOLLOWED)

    def replace(self, kind: str, objects: Iterable[Obj]) -> None:
        """Replace all objects of a kind by those of a list."""
        found = {key(obj): obj for obj in objects}
        for gone in [name for name in self._tables[kind] if name not in found]:
            self._put(kind, gone, None)
        for name, obj in found.items():
            self._put(kind, name, obj)

    def event(self, kind: str, type_: str, obj: Obj) -> None:
        """Handle one watch event: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        self._put(kind, key(obj), None if type_ == "DELETED" else obj)

    @property
    def dirty(self) -> bool:
        """Whether anything has changed since the last `pop_changes`."""
        return bool(self._changed)

    def pop_changes(self) -> frozenset[ConfigKey]:
        """Return what has changed since the last call, and bring `state` up to date."""
        changed = frozenset(self._changed)
        kinds = {ref.kind for ref in changed}
        if kinds:
            tables = {
                kind: {name: kept.record for name, kept in table.items()}
                for kind, table in self._tables.items()
                if kind in kinds
            }
            self._state = IstioConfig.of(tables, self._state, kinds)
        self._changed.clear()
        return changed

    @property
    def state(self) -> IstioConfig:
        """The configuration as of the last `pop_changes`."""
        return self._state

    def _put(self, kind: str, name: Key, obj: Obj | None) -> None:
        table = self._tables[kind]
        record = None if obj is None else parse_or_none(FOLLOWED[kind], obj)
        new = None if obj is None or record is None else _StoredConfig(record, obj.get("spec"))
        if new == table.get(name):
            return
        if new is None:
            del table[name]
        else:
            table[name] = new
        self._changed.add(ConfigKey(kind, name))


@dataclass(frozen=True, slots=True, eq=False)
class IstioConfig:
    """The configuration at one time; immutable.

    Attributes:
        gateways: Istio's Gateways by key.
        virtual_services: All VirtualServices, the oldest first.
        rules: DestinationRules by their hosts, the oldest first.
        sidecars: Sidecars by namespace, the oldest first.
        peers: PeerAuthentications by namespace, the oldest first.
        policies: AuthorizationPolicies by key.
        namespaces: Namespaces that ask for a waypoint.
        waypoints: Waypoints by key.
        secrets: Certificates by namespace and name.
    """

    gateways: Mapping[Key, Gateway]
    virtual_services: tuple[VirtualService, ...]
    rules: Mapping[str, tuple[DestinationRule, ...]]
    sidecars: Mapping[str, tuple[Sidecar, ...]]
    peers: Mapping[str, tuple[SecurityPolicy, ...]]
    policies: Mapping[Key, AuthorizationPolicy]
    namespaces: Mapping[str, WaypointRef]
    waypoints: Mapping[Key, Waypoint]
    secrets: Mapping[str, Mapping[str, GatewaySecret]]

    @classmethod
    def of(
        cls, tables: Mapping[str, Mapping[Key, Any]], last: IstioConfig | None, kinds: Iterable[str]
    ) -> IstioConfig:
        """Index the objects of the kinds that changed, and share the rest with the last state."""
        changed = set(kinds)

        def part(kind: str, name: str, index: Callable[[Mapping[Key, Any]], Any]) -> Any:
            return index(tables[kind]) if kind in changed else getattr(last, name)

        return cls(
            gateways=part(GATEWAY, "gateways", _by_key),
            virtual_services=part(VIRTUAL_SERVICE, "virtual_services", _by_age),
            rules=part(DESTINATION_RULE, "rules", _by_host),
            sidecars=part(SIDECAR, "sidecars", _by_namespace),
            peers=part(PEER_AUTHENTICATION, "peers", _by_namespace),
            policies=part(AUTHORIZATION_POLICY, "policies", _by_key),
            namespaces=part(
                NAMESPACE,
                "namespaces",
                lambda table: {name.name: record for name, record in table.items()},
            ),
            waypoints=part(KUBERNETES_GATEWAY, "waypoints", _by_key),
            secrets=part(SECRET, "secrets", _nested),
        )

    def routes_like(self, other: IstioConfig) -> bool:
        """Return whether everything that decides routes and clusters is the same."""
        return (
            self.gateways is other.gateways
            and self.virtual_services is other.virtual_services
            and self.rules is other.rules
            and self.sidecars is other.sidecars
            and self.namespaces is other.namespaces
            and self.waypoints is other.waypoints
        )

    def sidecar_for(self, namespace: str, labels: Labels) -> Sidecar | None:
        """Choose the Sidecar of a workload: its own, its namespace's, or the root namespace's."""
        return next(_applying(self.sidecars, namespace, labels), None)

    def rule_for(self, host: str, home: str, client: str) -> DestinationRule | None:
        """Choose the DestinationRule of a host: the client's, the service's, or the root's.

        Args:
            host: The service.
            home: Its namespace.
            client: The client's namespace.
        """
        found = self.rules.get(host, ())
        for namespace in (client, home, ROOT):
            for rule in found:
                if rule.key.namespace == namespace:
                    return rule
        return None

    def gateways_for(self, labels: Labels) -> tuple[Gateway, ...]:
        """Choose the Gateways that a proxy serves, by their names."""
        return tuple(
            gateway for _, gateway in sorted(self.gateways.items()) if gateway.selector <= labels
        )

    def mtls_for(self, namespace: str, labels: Labels) -> Mtls:
        """Return the mode of mutual TLS of a workload: strict, disabled or permissive."""
        modes = (one.mode for one in _applying(self.peers, namespace, labels) if one.mode)
        return next(modes, "PERMISSIVE")

    def waypoint_for(self, service: Service) -> Waypoint | None:
        """Choose the waypoint in front of a service, if there is one."""
        namespace = service.key.namespace
        ref = service.waypoint or self.namespaces.get(namespace)
        if ref is None or ref.name == "none":
            return None
        found = self.waypoints.get(Key(ref.namespace or namespace, ref.name))
        # A waypoint is not behind itself.
        return None if found is None or found.host == service.host else found

    def for_mesh(self) -> tuple[VirtualService, ...]:
        """Return the VirtualServices that apply to sidecars."""
        return tuple(one for one in self.virtual_services if MESH in one.gateways)


def _applying(table: Mapping[str, tuple[T, ...]], namespace: str, labels: Labels) -> Iterator[T]:
    """Yield what applies to a workload: its own, its namespace's, and the root namespace's."""
    found = table.get(namespace, ())
    yield from (one for one in found if one.selector and one.selector <= labels)
    yield from (one for one in found if not one.selector)
    yield from (one for one in table.get(ROOT, ()) if not one.selector)


def _by_key(table: Mapping[Key, Any]) -> dict[Key, Any]:
    return {name: table[name] for name in sorted(table)}


def _by_age(table: Mapping[Key, Any]) -> tuple[Any, ...]:
    return tuple(sorted(table.values(), key=lambda one: (one.created, one.key)))


def _by_namespace(table: Mapping[Key, Any]) -> dict[str, tuple[Any, ...]]:
    return _grouped(table, lambda record: record.key.namespace)


def _by_host(table: Mapping[Key, Any]) -> dict[str, tuple[Any, ...]]:
    return _grouped(table, lambda record: record.host)


def _grouped(table: Mapping[Key, Any], name_of: Callable[[Any], str]) -> dict[str, tuple[Any, ...]]:
    grouped: defaultdict[str, list[Any]] = defaultdict(list)
    for record in _by_age(table):
        grouped[name_of(record)].append(record)
    return {name: tuple(found) for name, found in grouped.items()}


def _nested(table: Mapping[Key, Any]) -> dict[str, dict[str, Any]]:
    nested: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name, record in table.items():
        nested[name.namespace][name.name] = record
    return dict(nested)
