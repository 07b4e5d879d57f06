"""What ztunnels are told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.ambient import encode_policy
from pyload.embedded.controlplane.generate import SnapshotGenerator
from pyload.embedded.controlplane.model import Key
from pyload.embedded.controlplane.wire import field, number
from pyload.xds.types import ADDRESS, AUTHORIZATION, WORKLOAD
from pyload.xds.wire import discovery_pb2
from tests.embedded.controlplane.support import (
    HTTP,
    HTTPS,
    audience,
    configs_of,
    istio,
    namespace,
    node,
    plural_of,
    pod,
    service,
    snapshot_of,
    waypoint_gateway,
    world_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def _snapshot(*objects: Any) -> Any:
    registry, configs = world_of(*objects)
    return snapshot_of(registry, configs=configs)


def _ambient(name: str, app: str, ip: str, **more: Any) -> Any:
    made = pod(name, app=app, ip=ip, **more)
    made["metadata"]["annotations"] = {"ambient.istio.io/redirection": "enabled"}
    return made


@pytest.mark.golden
def test_addresses_are_those_of_istiod_byte_for_byte(golden: Path) -> None:
    """The messages are put together by hand; a wrong field would be ignored by a real ztunnel."""
    folder = golden / "xds" / "raw" / "delta-waypoint-ztunnel"
    theirs: dict[str, bytes] = {}
    for file in ("009-stream0002-Address.pb", "014-stream0002-Address.pb"):
        response = discovery_pb2.DeltaDiscoveryResponse.FromString((folder / file).read_bytes())
        theirs.update({one.name: bytes(one.resource) for one in response.resources})
    mesh = "mesh-wobvxjiw"
    snapshot = _snapshot(
        node("node-qfeuldws", "region", "zone"),
        node("node-diniophx", "region", "zone"),
        namespace(mesh, **{"istio.io/use-waypoint": "waypoint-static"}),
        waypoint_gateway("waypoint-static", namespace=mesh),
        service("app-dsrrmlvt", namespace=mesh, ip="10.1.232.152", ports=[HTTP, HTTPS]),
        service("app-laiukstg", namespace=mesh, ip="10.7.136.117", ports=[HTTP, HTTPS]),
        service(
            "waypoint-static",
            namespace=mesh,
            ip="10.9.73.161",
            ports=[{"name": "mesh", "port": 15008, "appProtocol": "all"}],
        ),
        _ambient(
            "app-dsrrmlvt-ifwcyzis",
            "app-dsrrmlvt",
            "10.0.0.28",
            namespace=mesh,
            node="node-diniophx",
        ),
        _ambient(
            "app-laiukstg-okrajbap",
            "app-laiukstg",
            "10.0.0.30",
            namespace=mesh,
            node="node-qfeuldws",
        ),
        pod(
            "waypoint-static-rziyqjwv",
            app="waypoint-static",
            ip="10.0.0.27",
            namespace=mesh,
            node="node-diniophx",
        ),
    )

    mine = snapshot.addresses.addresses.resources
    assert len(mine) == 6
    assert {name: theirs[name] for name in mine} == mine


def test_versions_change_with_the_content_and_only_then() -> None:
    """Ztunnels tell istiod what they kept by these."""
    objects = [service("app"), _ambient("app-1", "app", "10.1.0.1")]
    one, same = (_snapshot(*objects) for _ in range(2))
    other = _snapshot(objects[0], _ambient("app-1", "app", "10.1.0.2"))

    def versions(snapshot: Any) -> dict[str, str]:
        (collection,) = snapshot.view(audience("ztunnel")).of(ADDRESS)
        response = discovery_pb2.DeltaDiscoveryResponse.FromString(
            collection.all(delta=True).encoded
        )
        return {resource.name: resource.version for resource in response.resources}

    uid, host = "Kubernetes//Pod/mesh/app-1", "mesh/app.mesh.svc.cluster.local"
    assert versions(one) == versions(same)
    assert versions(one).keys() == {uid, host}
    assert versions(one)[host] == versions(other)[host]
    assert versions(one)[uid] != versions(other)[uid]


def test_what_is_asked_for_on_demand_is_found() -> None:
    """By name, by address; and with a service come its workloads."""
    registry, configs = world_of(
        service("app"),
        service("none", ip="None", selector={"app": "none"}),
        _ambient("app-1", "app", "10.1.0.1"),
        istio("WorkloadEntry", "vm", {"address": "10.1.0.7", "labels": {"app": "app"}}),
    )
    book = snapshot_of(registry, configs=configs).addresses

    host, uid = "mesh/app.mesh.svc.cluster.local", "Kubernetes//Pod/mesh/app-1"
    machine = "Kubernetes/networking.istio.io/WorkloadEntry/mesh/vm"
    assert set(book.resolve("/10.0.0.1")) == {host, uid, machine}
    assert book.resolve("/10.0.0.1") == book.resolve(host)
    assert book.resolve("/10.1.0.1") == (uid,)
    assert book.resolve("/10.9.9.9") == ("/10.9.9.9",)
    assert book.resolve(uid) == (uid,)
    assert set(book.addresses.resources) == {host, uid, machine, "mesh/none.mesh.svc.cluster.local"}
    assert set(book.workloads.resources) == {uid, machine}


def test_pods_that_do_not_run_are_no_workloads() -> None:
    """Their addresses may be somebody else's already."""
    snapshot = _snapshot(pod("app-1", app="app", ready=False), pod("app-2", app="app", ip=""))

    assert dict(snapshot.view(audience("ztunnel")).of(WORKLOAD)[0].resources) == {}


def _policy(spec: Any, where: str = "mesh") -> bytes:
    configs = configs_of(istio("AuthorizationPolicy", "p", spec, namespace=where))
    configs.pop_changes()
    return encode_policy(configs.state.policies[Key(where, "p")])


@pytest.mark.parametrize(
    ("spec", "where", "expected"),
    [
        ({}, "mesh", number(3, 1)),
        ({}, "istio-system", b""),
        (
            {"selector": {"matchLabels": {"a": "b"}}, "action": "DENY"},
            "mesh",
            number(3, 2) + number(4, 1),
        ),
    ],
)
def test_policies_have_a_scope_and_an_action(spec: Any, where: str, expected: bytes) -> None:
    """A policy of the root namespace is for everybody."""
    assert _policy(spec, where) == field(1, b"p") + field(2, where.encode()) + expected


def test_rules_become_matches_of_what_a_ztunnel_can_see() -> None:
    """Rules about requests allow nothing there, and deny all the same."""
    clients = {"source": {"namespaces": ["a"], "principals": ["x*", "*y", "*", "z"]}}
    rule = {"from": [clients], "to": [{"operation": {"ports": ["80"]}}]}
    about_requests = {"to": [{"operation": {"methods": ["GET"]}}]}
    exact = field(1, b"a")
    principals = (field(2, b"x"), field(3, b"y"), field(4, b""), field(1, b"z"))
    match = field(1, exact) + b"".join(field(3, one) for one in principals) + number(9, 80)
    head = field(1, b"p") + field(2, b"mesh") + number(3, 1)

    allowed = field(5, field(1, field(2, match)))
    assert _policy({"rules": [rule, about_requests]}) == head + allowed
    denied = field(5, field(1, field(2, b"")))
    assert _policy({"rules": [about_requests], "action": "DENY"}) == head + number(4, 1) + denied


def test_policies_are_served_by_their_names() -> None:
    """A ztunnel holds all of them."""
    configs = configs_of(istio("AuthorizationPolicy", "p", {}))
    registry, _ = world_of()
    view = snapshot_of(registry, configs=configs).view(audience("ztunnel"))

    assert list(view.of(AUTHORIZATION)[0].resources) == ["mesh/p"]


_MAKERS: dict[str, Callable[[int, str], Any]] = {
    "service": lambda index, app: service(f"s-{index}", selector={"app": app}),
    "pod": lambda index, app: pod(f"p-{index}", app=app, ip=f"10.1.0.{index + 1}"),
    "entry": lambda index, app: istio(
        "WorkloadEntry", f"e-{index}", {"address": f"10.2.0.{index}", "labels": {"app": app}}
    ),
}
_CHANGES = st.lists(
    st.tuples(
        st.sampled_from(["service", "pod", "entry"]),
        st.sampled_from(["ADDED", "DELETED"]),
        st.integers(0, 2),
        st.sampled_from(["a", "b"]),
    ),
    max_size=12,
)


@given(_CHANGES)
def test_however_the_mesh_came_about_its_addresses_are_those_of_a_fresh_start(
    changes: list[tuple[str, str, int, str]],
) -> None:
    """What builders keep must never show."""
    registry, configs = world_of()
    generator = SnapshotGenerator()
    kept: dict[str, Any] = {}
    for kind, type_, index, app in changes:
        made = _MAKERS[kind](index, app)
        name = made["metadata"]["name"]
        if type_ == "DELETED" and kept.pop(name, None) is None:
            continue
        if type_ == "ADDED":
            kept[name] = made
        registry.event(plural_of(made), type_, made)
        # Between any two pushes, a ztunnel may have made the builder build.
        assert snapshot_of(registry, generator, configs=configs).addresses is not None

    grown = snapshot_of(registry, generator, configs=configs).addresses.addresses.resources
    assert dict(grown) == dict(_snapshot(*kept.values()).addresses.addresses.resources)
