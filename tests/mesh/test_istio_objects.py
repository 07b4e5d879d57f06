"""Which Istio objects a plan has, and how churn changes them."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.parse import parse_config
from pyload.manifests.ips import IpAllocator
from pyload.mesh.istio_objects import CHANGING, IstioObjectPlan, Kind, bind, changed
from tests.mesh.test_builder import body
from tests.mesh.test_planner import make_plan

if TYPE_CHECKING:
    from pyload.mesh.plan import Plan


def plan_of(text: str) -> Plan:
    """Plan what a config says."""
    return make_plan(parse_config(text.encode(), source="f").config)


@given(st.sampled_from([*CHANGING, "secret"]), st.integers())
def test_each_change_is_one_that_istiod_sees(kind: Kind, seed: int) -> None:
    """Churn that writes what is there already would measure an idle control plane."""
    rng = Random(seed)
    ips = IpAllocator()
    plan = IstioObjectPlan(kind, "n", "mesh", "app", "app", address=ips.allocate())
    if kind == "virtualService":
        plan = replace(plan, value=100)
    for _ in range(20):
        new = changed(plan, rng=rng, next_ip=ips.allocate)
        before, after = body(plan), body(new)
        assert before != after
        assert before["metadata"] == after["metadata"]
        if kind == "virtualService":
            routes = after["spec"]["http"][0]["route"]
            assert sum(route["weight"] for route in routes) == 100
            assert all(route["weight"] for route in routes)
        plan = new


def test_cycles_go_through_every_mode() -> None:
    """A mode that never comes is one that is never tested."""

    def cycle(kind: Kind, length: int) -> list[object]:
        plan = IstioObjectPlan(kind, "n", "mesh", "app", "app")
        seen = []
        for _ in range(length + 1):
            spec = body(plan).get("spec", {})
            match kind:
                case "destinationRule":
                    seen.append(spec["trafficPolicy"]["loadBalancer"]["simple"])
                case "peerAuthentication":
                    seen.append(spec["mtls"].get("mode", "UNSET"))
                case "authorizationPolicy":
                    methods = {rule["to"][0]["operation"]["methods"][0] for rule in spec["rules"]}
                    seen.append(*methods)
                case _:
                    seen.append(spec["outboundTrafficPolicy"].get("mode", "REGISTRY_ONLY"))
            plan = changed(plan, rng=Random(0), next_ip=str)
        return seen

    assert cycle("destinationRule", 3) == [
        "ROUND_ROBIN",
        "LEAST_REQUEST",
        "UNSPECIFIED",
        "ROUND_ROBIN",
    ]
    assert cycle("peerAuthentication", 4) == ["UNSET", "DISABLE", "PERMISSIVE", "STRICT", "UNSET"]
    assert cycle("authorizationPolicy", 4) == ["POST", "GET", "PUT", "DELETE", "POST"]
    assert cycle("sidecar", 2) == ["REGISTRY_ONLY", "ALLOW_ANY", "REGISTRY_ONLY"]


def test_virtual_services_name_the_gateways_as_they_are_called() -> None:
    """pilot-load's never bind: the Gateways that it makes have a random suffix."""
    plan = plan_of(
        """
namespaces:
- name: edge
  applications: [{name: gw, type: router, gateways: {name: main, replicas: 2}}]
- name: near
  applications:
  - {name: gw, type: router, gateways: {replicas: 1}}
  - {name: a, istio: {virtualService: {gateways: [gw, main, mesh, edge/main, other/main]}}}
- name: far
  applications:
  - {name: a, istio: {virtualService: {gateways: [gw]}}}
"""
    )
    istio_objects = list(plan.all_istio_objects)
    gateways = {
        namespace: [
            f"{namespace}/{one.name}"
            for one in istio_objects
            if one.kind == "gateway" and one.namespace == namespace
        ]
        for namespace in ("edge", "near")
    }
    services = [one for one in istio_objects if one.kind == "virtualService"]

    assert (len(gateways["edge"]), len(gateways["near"])) == (2, 1)
    assert list(services[0].gateways) == [
        *gateways["near"],
        *gateways["edge"],
        "mesh",
        *gateways["edge"],
        "other/main",
    ]
    assert list(services[1].gateways) == gateways["near"]
    assert body(services[1])["spec"]["gateways"] == gateways["near"]


def test_a_gateway_of_ones_own_namespace_is_meant_first() -> None:
    """With a gateway per namespace, each would serve the routes of all of them."""
    own, other = (IstioObjectPlan("gateway", "x", namespace, "main", "gw") for namespace in "ab")
    service = IstioObjectPlan("virtualService", "s", "a", "s", "s", gateways=("main",))

    assert bind(service, {"main": (own, other)}).gateways == ("a/x",)
    assert bind(replace(service, namespace="c"), {"main": (own, other)}).gateways == ("a/x", "b/x")


def test_routes_use_a_subset_only_where_there_is_one() -> None:
    """Routes to a subset that is not defined are answered with 503."""
    both, alone = (
        next(one for one in plan_of(text).all_istio_objects if one.kind == "virtualService")
        for text in (
            "namespaces: [{applications: [{istio: {virtualService: {}, destinationRule: {}}}]}]",
            "namespaces: [{applications: [{istio: {virtualService: {}}}]}]",
        )
    )
    [route] = body(both)["spec"]["http"][0]["route"]
    [plain] = body(alone)["spec"]["http"][0]["route"]

    assert route["destination"]["subset"] == "a"
    assert "subset" not in plain["destination"]


def test_names_of_the_config_are_honoured_without_collisions() -> None:
    """Replicas would overwrite each other's objects."""
    plan = plan_of(
        """
stableNames: true
istio: {telemetry: {name: trace}, sidecar: {}}
namespaces:
- name: mesh
  istio: {telemetry: {name: trace}}
  applications:
  - {name: a, replicas: 2, istio: {telemetry: {name: trace}, sidecar: {}}}
"""
    )

    assert [(one.namespace, one.name, one.kind) for one in plan.all_istio_objects] == [
        ("istio-system", "istio-system", "sidecar"),
        ("istio-system", "trace", "telemetry"),
        ("mesh", "trace", "telemetry"),
        ("mesh", "a-0-0", "sidecar"),
        ("mesh", "trace-a-0-0", "telemetry"),
        ("mesh", "a-0-1", "sidecar"),
        ("mesh", "trace-a-0-1", "telemetry"),
    ]


@pytest.mark.parametrize("type_", ["external", "vm"])
def test_what_is_outside_of_the_cluster_has_no_proxy_to_configure(type_: str) -> None:
    """A Sidecar or an EnvoyFilter would select pods that do not exist."""
    plan = plan_of(
        "namespaces: [{applications: [{instances: 3, istio: {default: true}, "
        f"type: {type_}}}]}}]"
    )
    kinds = {one.kind for one in plan.all_istio_objects}
    [app] = plan.apps

    assert app.pods == ()
    assert not app.has_service
    assert not kinds & {"sidecar", "envoyFilter"}
    assert ("workloadEntry" in kinds) is (type_ == "vm")
    assert {"serviceEntry", "telemetry", "virtualService"} <= kinds
