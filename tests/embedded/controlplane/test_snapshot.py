"""One state of the mesh: views that proxies share."""

from __future__ import annotations

import pytest

from pyload.embedded.controlplane.mesh_state import InboundPort
from pyload.embedded.controlplane.model import Key
from pyload.xds.types import ADDRESS, AUTHORIZATION, CDS, EDS, LDS, NDS, RDS, SDS, WORKLOAD
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.support import (
    audience,
    istio,
    mesh_of,
    service,
    snapshot_of,
    waypoint_gateway,
    world_of,
)


def test_proxies_that_see_the_same_share_it() -> None:
    """A thousand namespaces without Sidecars must not be a thousand copies."""
    registry, configs = world_of(
        service("app"), istio("Sidecar", "default", {}, namespace="limited")
    )
    snapshot = snapshot_of(registry, configs=configs)

    one, other, limited = (
        snapshot.view(audience(namespace=name)).of(CDS)[0] for name in ("a", "b", "limited")
    )
    assert one is other
    assert limited is not one


@pytest.mark.parametrize(
    ("type_", "types"),
    [
        ("sidecar", {CDS, EDS, LDS, RDS, NDS}),
        ("router", {CDS, EDS, LDS, RDS, NDS}),
        ("waypoint", {CDS, EDS, LDS, WORKLOAD}),
        ("ztunnel", {ADDRESS, WORKLOAD, AUTHORIZATION}),
        ("agentgateway", set()),
    ],
)
def test_each_kind_of_proxy_has_its_types(type_: str, types: set[str]) -> None:
    """A proxy would wait for ever for a type that others get, or load what it never uses."""
    view = snapshot_of(mesh_of(service("app"))).view(audience(type_))
    every = (CDS, EDS, LDS, RDS, NDS, SDS, ADDRESS, WORKLOAD, AUTHORIZATION)

    assert {type_url for type_url in every if view.of(type_url)} == types


def test_certificates_of_a_namespace_are_encoded_once() -> None:
    """A thousand gateways would each encode the same keys at each push."""
    snapshot = snapshot_of(mesh_of(service("app")))

    one, other, far = (
        snapshot.view(audience("router", labels={"app": name}, namespace=namespace, verified=True))
        for name, namespace in (("a", "mesh"), ("b", "mesh"), ("a", "far"))
    )

    assert one.of(SDS)[0] is other.of(SDS)[0]
    assert far.of(SDS)[0] is not one.of(SDS)[0]
    assert not one.is_silent(SDS)
    assert snapshot.view(audience("router")).is_silent(SDS)


def test_a_waypoint_is_found_by_its_label_or_by_its_service() -> None:
    """A waypoint that Helm installed has no label of the Gateway, and would serve nothing."""
    registry, configs = world_of(service("wp"), waypoint_gateway("wp"))
    snapshot = snapshot_of(registry, configs=configs)
    behind = InboundPort(15008, False, Key("mesh", "wp"), 15008, "wp.mesh.svc.cluster.local")
    label = {"gateway.networking.k8s.io/gateway-name": "wp"}

    assert snapshot._waypoint_of(audience("waypoint", labels=label)) == Key("mesh", "wp")
    assert snapshot._waypoint_of(audience("waypoint", inbound=(behind,))) == Key("mesh", "wp")
    assert snapshot._waypoint_of(audience("waypoint", labels=label, namespace="far")) is None


def test_views_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Churn of labels makes new kinds of proxies for days."""
    monkeypatch.setattr("pyload.embedded.controlplane.snapshot._VIEWS", 3)
    snapshot = snapshot_of(mesh_of(service("app")))
    first = snapshot.view(audience())
    assert snapshot.view(audience()) is first

    for number in range(10):
        snapshot.view(audience(labels={"n": str(number)}))

    assert len(snapshot._views) <= 3
    assert snapshot.view(audience()) is not first


def test_the_head_of_responses_is_encoded_once_for_a_type_and_variant() -> None:
    """It would be encoded for each of ten thousand proxies."""
    snapshot = snapshot_of(mesh_of(service("app")), version="v/7")
    sotw, delta = snapshot.head(CDS, delta=False), snapshot.head(CDS, delta=True)

    assert snapshot.head(CDS, delta=False) is sotw
    assert discovery_pb2.DiscoveryResponse.FromString(sotw).version_info == "v/7"
    assert discovery_pb2.DeltaDiscoveryResponse.FromString(delta).system_version_info == "v/7"
    assert snapshot.head(LDS, delta=False) != sotw
