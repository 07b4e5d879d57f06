"""Which change is pushed to whom: istiod's table, as far as it is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.controlplane.generate import SnapshotGenerator
from pyload.embedded.controlplane.model import Key
from pyload.embedded.controlplane.push_scope import PushRequest, PushScope
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, LDS, NDS, RDS, SDS, WORKLOAD, TypeUrl
from tests.embedded.controlplane.support import (
    HTTP,
    audience,
    istio,
    namespace,
    plural_of,
    pod,
    service,
    snapshot_of,
    waypoint_gateway,
    world_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_APP = "outbound|80||app.mesh.svc.cluster.local"
_WEB = "outbound|80||web.other.svc.cluster.local"
_UID = "Kubernetes//Pod/mesh/app-1"
_SERVICE = "mesh/app.mesh.svc.cluster.local"

_NONE: frozenset[str] = frozenset()
_ROUTED = {CDS: _NONE, LDS: None, RDS: None}
_ALL = {CDS: None, EDS: None, LDS: None, RDS: None}

# Proxies that the tables below tell apart.
_WHO = {
    "sidecar": audience("sidecar"),
    "limited": audience("sidecar", namespace="limited"),
    "router": audience("router", namespace="edge", labels={"app": "gw"}),
    "waypoint": audience("waypoint"),
    "ztunnel": audience("ztunnel", namespace="istio-system"),
}


class _World:
    """A mesh whose changes are pushed to proxies."""

    def __init__(self, *objects: Any) -> None:
        self.registry, self.configs = world_of(
            service("app", ports=[HTTP]),
            service("web", namespace="other", ip="10.0.0.2", ports=[HTTP]),
            pod("app-1", app="app"),
            istio("Sidecar", "default", {"egress": [{"hosts": ["./*"]}]}, namespace="limited"),
            *objects,
        )
        self._generator = SnapshotGenerator()
        self.snapshot = snapshot_of(self.registry, self._generator, configs=self.configs)

    def move(self, obj: Any, type_: str = "MODIFIED") -> PushScope:
        """Change one object."""
        old, kind = self.snapshot, plural_of(obj)
        keeper: Any = self.configs if kind in _FOLLOWED else self.registry
        keeper.event(kind, type_, obj)
        changes, refs = self.registry.pop_changes(), self.configs.pop_changes()
        self.snapshot = snapshot_of(self.registry, self._generator, configs=self.configs)
        return PushScope(changes, refs, old, self.snapshot)


_FOLLOWED = {
    plural_of(istio(kind, "x", {}))
    for kind in (
        "AuthorizationPolicy",
        "DestinationRule",
        "EnvoyFilter",
        "Gateway",
        "PeerAuthentication",
        "RequestAuthentication",
        "Sidecar",
        "Telemetry",
        "VirtualService",
    )
} | {"namespaces", "secrets", "gateways.gateway.networking.k8s.io"}


def _pushes(push_round: PushScope) -> dict[str, Any]:
    return {
        name: dict(push.wanted) for name, who in _WHO.items() if (push := push_round.push(who, who))
    }


def test_a_pod_concerns_endpoints_and_addresses() -> None:
    """Nothing else, or a deployment that starts would reload the mesh."""
    pushes = _pushes(_World().move(pod("app-1", app="app", ip="10.1.0.9")))

    endpoints = {EDS: frozenset({_APP})}
    addresses = frozenset({_UID})
    assert pushes == {
        "sidecar": endpoints,
        "limited": endpoints,
        "router": endpoints,
        "waypoint": {EDS: None, WORKLOAD: addresses},
        "ztunnel": {ADDRESS: addresses, WORKLOAD: addresses},
    }


def test_a_service_concerns_those_who_see_it() -> None:
    """A Sidecar keeps the rest away, which is what it is for."""
    pushes = _pushes(_World().move(service("app", ip="10.0.0.9", ports=[HTTP])))

    changed = {CDS: frozenset({_APP}), EDS: frozenset({_APP}), LDS: None, RDS: None, NDS: None}
    addresses = frozenset({_UID, _SERVICE})
    assert pushes == {
        "sidecar": changed,
        "router": changed,
        "waypoint": {CDS: None, LDS: None, RDS: None, EDS: None, WORKLOAD: addresses},
        "ztunnel": {ADDRESS: addresses, WORKLOAD: addresses},
    }


def test_a_deleted_service_is_still_named() -> None:
    """Those who have it must be told that it is gone."""
    pushes = _pushes(_World().move(service("app", ports=[HTTP]), "DELETED"))

    assert pushes["sidecar"][EDS] == frozenset({_APP})
    assert pushes["ztunnel"][ADDRESS] == frozenset({_UID, _SERVICE})


def _others(spec: Mapping[TypeUrl, Any]) -> dict[str, Any]:
    return dict.fromkeys(("sidecar", "router"), spec)


_EVERYBODY_ELSE = {CDS: None, LDS: None, RDS: None}


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (
            istio("DestinationRule", "d", {"host": "app"}),
            _others({CDS: {_APP}, EDS: {_APP}, LDS: None, RDS: None})
            | {"waypoint": {**_EVERYBODY_ELSE, EDS: None}},
        ),
        (
            istio("DestinationRule", "d", {"host": "nothing"}),
            {"waypoint": {**_EVERYBODY_ELSE, EDS: None}},
        ),
        (
            istio("VirtualService", "v", {"hosts": ["app"], "http": []}),
            _others(_ROUTED) | {"waypoint": _EVERYBODY_ELSE},
        ),
        (
            istio("VirtualService", "v", {"hosts": ["app"], "gateways": ["gw"]}),
            {"router": _ROUTED, "waypoint": _EVERYBODY_ELSE},
        ),
        (istio("Gateway", "g", {"selector": {"app": "gw"}}), {"router": {LDS: None, RDS: None}}),
        (istio("Sidecar", "default", {}), {"sidecar": _ALL}),
        (istio("Sidecar", "default", {}, namespace="nowhere"), {}),
        (
            istio("AuthorizationPolicy", "a", {}),
            {
                "sidecar": {LDS: None},
                "waypoint": {LDS: None},
                "ztunnel": {AUTHORIZATION: {"mesh/a"}},
            },
        ),
        (istio("RequestAuthentication", "r", {}, namespace="limited"), {"limited": {LDS: None}}),
        (
            istio("Telemetry", "t", {}, namespace="istio-system"),
            {name: {LDS: None} for name in ("sidecar", "limited", "router", "waypoint")},
        ),
        (istio("EnvoyFilter", "e", {}), {"sidecar": _ALL, "waypoint": _ALL}),
        (
            istio("PeerAuthentication", "p", {"mtls": {"mode": "STRICT"}}),
            {
                name: {CDS: None, EDS: {_APP}, LDS: None}
                for name in ("sidecar", "limited", "router", "waypoint")
            },
        ),
        (
            istio("PeerAuthentication", "p", {}, namespace="istio-system"),
            {
                name: {CDS: None, EDS: None, LDS: None}
                for name in ("sidecar", "limited", "router", "waypoint")
            },
        ),
        (namespace("mesh", team="a"), {}),
    ],
    ids=lambda value: value.get("kind", "") if isinstance(value, dict) else "",
)
def test_configuration_concerns_whom_istiod_says(obj: Any, expected: dict[str, Any]) -> None:
    """Push latencies are compared by kind of change; a wrong audience would change them all."""
    assert _pushes(_World().move(obj, "ADDED")) == expected


def test_a_sidecar_that_goes_concerns_those_who_had_it() -> None:
    """They see the whole mesh from now on."""
    gone = istio("Sidecar", "default", {}, namespace="limited")

    assert _pushes(_World().move(gone, "DELETED")) == {"limited": _ALL}


def test_a_waypoint_that_comes_concerns_ambient_mode_alone() -> None:
    """Services behind it have another address there."""
    world = _World(namespace("mesh", **{"istio.io/use-waypoint": "wp"}))

    pushes = _pushes(world.move(waypoint_gateway(), "ADDED"))

    addresses = frozenset({_UID, _SERVICE})
    assert pushes == {
        "router": {LDS: None, RDS: None},
        "waypoint": {CDS: None, LDS: None, RDS: None, EDS: None, WORKLOAD: addresses},
        "ztunnel": {ADDRESS: addresses, WORKLOAD: addresses},
    }


def test_a_certificate_concerns_its_namespaces_gateways() -> None:
    """And those only who have proved who they are."""
    secret = {
        "kind": "Secret",
        "metadata": {"name": "one", "namespace": "edge"},
        "data": {"tls.crt": "YQ==", "tls.key": "YQ=="},
    }
    push_round = _World().move(secret, "ADDED")

    verified = audience("router", namespace="edge", verified=True)
    elsewhere = audience("router", namespace="mesh", verified=True)
    names = frozenset({"kubernetes://one", "kubernetes://one-cacert"})
    assert push_round.push(verified, verified) == PushRequest({SDS: names})
    assert not push_round.push(elsewhere, elsewhere)
    assert _pushes(push_round) == {}


@pytest.mark.parametrize("type_", ["sidecar", "router", "waypoint"])
def test_a_pod_that_serves_others_is_told(type_: str) -> None:
    """Its listeners have changed, though no service has."""
    world = _World(istio("Gateway", "g", {"selector": {"app": "app"}}))
    push_round = world.move(pod("other-1", app="other"), "ADDED")
    before = audience(type_)
    after = audience(
        type_,
        labels={"app": "app"},
        inbound=world.registry.inbound(Key("mesh", "app-1"), _NONE),  # type: ignore[arg-type]
    )

    assert push_round.push(after, after).wanted.keys() - {EDS, WORKLOAD} == set()
    assert push_round.push(after, before).wanted.keys() >= {CDS, LDS, RDS}


def test_an_agent_of_another_kind_is_told_nothing() -> None:
    """Nothing is modelled for it."""
    who = audience("agentgateway")

    assert not _World().move(service("app", ip="10.0.0.9")).push(who, who)
