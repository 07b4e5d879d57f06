"""What a run will create."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.model import Application, ClusterConfig, Namespace, NodeGroup
from pyload.config.parse import parse_config
from pyload.errors import PyloadError, UsageError
from pyload.manifests.ips import IpAllocator
from pyload.mesh.names import Names
from pyload.mesh.planner import plan_cluster

if TYPE_CHECKING:
    from pyload.mesh.plan import Plan


def make_plan(config: ClusterConfig, cluster_type: str = "fake-node", seed: int = 1) -> Plan:
    """Plan a mesh."""
    return plan_cluster(
        config,
        cluster_type,  # type: ignore[arg-type]
        names=Names(Random(seed)),
        next_ip=IpAllocator().allocate,
    )


def mesh(*, stable: bool = False, replicas: int = 1, apps: int = 2, pods: int = 3) -> ClusterConfig:
    """Describe a mesh of one namespace entry."""
    return ClusterConfig(
        stable_names=stable,
        nodes=(NodeGroup(name="node", count=2),),
        namespaces=(
            Namespace(
                name="mesh",
                replicas=replicas,
                applications=(Application(name="app", replicas=apps, pods=pods),),
            ),
        ),
    )


def test_stable_names_are_those_that_scripts_expect() -> None:
    """A script that looks for mesh-0-1 or app-0-0 would find nothing if the scheme changed."""
    plan = make_plan(mesh(stable=True, replicas=2))

    assert [namespace.name for namespace in plan.namespaces] == ["mesh-0-0", "mesh-0-1"]
    assert [app.name for app in plan.namespaces[0].apps] == ["app-0-0", "app-0-1"]


def test_a_single_namespace_keeps_its_name_and_its_apps_do_not() -> None:
    """Users find `mesh` by name, and two apps of one entry must not collide."""
    plan = make_plan(mesh())

    assert [namespace.name for namespace in plan.namespaces] == ["mesh"]
    names = [app.name for app in plan.apps]
    assert len(set(names)) == 2
    assert all(name.startswith("app-") and len(name) == len("app-") + 8 for name in names)


@given(nodes=st.integers(1, 5), pods=st.integers(0, 40), apps=st.integers(1, 4), seed=st.integers())
def test_pods_spread_evenly_with_unique_names_and_ips(
    nodes: int, pods: int, apps: int, seed: int
) -> None:
    """A node over its announced capacity, or two pods with one IP, would be an unreal mesh."""
    config = ClusterConfig(
        nodes=(NodeGroup(name="n", count=nodes),),
        namespaces=(
            Namespace(
                name="m",
                applications=(Application(name="a", replicas=apps, pods=pods),),
            ),
        ),
    )
    plan = make_plan(config, seed=seed)
    planned = [pod for app in plan.apps for pod in app.pods]
    load = [sum(pod.node == node for pod in planned) for node in plan.nodes]

    assert len({pod.name for pod in planned}) == len({pod.ip for pod in planned}) == apps * pods
    assert max(load) - min(load) <= 1
    assert plan.pod_count == plan.proxy_count == apps * pods


@pytest.mark.parametrize("pods", [511, 600])
def test_too_few_nodes_are_refused_before_anything_is_created(pods: int) -> None:
    """511 pods do not fit two nodes of 255; pilot-load's truncating division let them through."""
    with pytest.raises(PyloadError, match=rf"have 2 nodes, but need 3 for {pods} pods"):
        make_plan(mesh(apps=1, pods=pods))

    assert make_plan(mesh(apps=1, pods=510)).pod_count == 510


def test_the_bare_cluster_type_gives_services_an_address() -> None:
    """No controller would do it there, and istiod ignores a Service without an IP."""
    assert all(app.cluster_ip for app in make_plan(mesh(), "fake").apps)
    assert not any(app.cluster_ip for app in make_plan(mesh(), "fake-node").apps)


AMBIENT = """
namespaces:
- name: mesh
  waypoint: infra/wp
  gracePeriod: 2s
  applications:
  - {name: wp, type: waypoint, replicas: 2, pods: 1}
  - {name: app, type: ambient, pods: 3}
  - {name: gw, type: gateway, pods: 2}
nodes:
- {name: a, count: 2, ztunnel: {}}
- {name: b}
"""


def test_waypoints_have_the_name_that_namespaces_refer_to() -> None:
    """A namespace would be served by a waypoint that does not exist; two would be one."""
    [namespace] = make_plan(parse_config(AMBIENT.encode(), source="f").config).namespaces

    assert namespace.waypoint == ("infra", "wp-static")
    assert [app.name for app in namespace.apps[:2]] == ["wp-static", "wp-static-1"]
    assert namespace.grace == 2.0
    assert [app.proxy_type for app in namespace.apps] == ["waypoint", "waypoint", "", "router"]


@pytest.mark.parametrize(("cluster_type", "ztunnels"), [("fake-node", 2), ("fake", 2), ("real", 0)])
def test_nodes_have_ztunnels_where_there_are_nodes(cluster_type: str, ztunnels: int) -> None:
    """A ztunnel of a node that does not exist would serve no pod."""
    plan = make_plan(parse_config(AMBIENT.encode(), source="f").config, cluster_type)

    assert [one.node for one in plan.ztunnels] == list(plan.nodes[:ztunnels])
    assert plan.proxy_count == 4 + ztunnels
    addresses = [pod.ip for app in plan.apps for pod in app.pods]
    assert len({*addresses, *(one.ip for one in plan.ztunnels)}) == 7 + ztunnels


@pytest.mark.parametrize(
    "text", ["nodes: [{ztunnel: {}}]", "namespaces: [{applications: [{type: waypoint}]}]"]
)
def test_kwok_mode_refuses_what_istio_makes_there(text: str) -> None:
    """A run would wait for proxies that never come."""
    with pytest.raises(UsageError, match="with --cluster-type kwok"):
        make_plan(parse_config(text.encode(), source="f").config, "kwok")
