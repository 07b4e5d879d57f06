"""How the proxies of a mesh become more, step by step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.config.app_types import APP_TYPES
from pyload.config.model import Application, ClusterConfig, Namespace, NodeGroup
from pyload.mesh.growth import with_proxies
from tests.mesh.test_planner import make_plan


def a_mesh(*pods: int, ztunnels: int = 0, ambient: int = 0) -> ClusterConfig:
    """Describe a mesh with an application for each number of pods."""
    apps = [Application(name=f"app{index}", pods=count) for index, count in enumerate(pods)]
    if ambient:
        apps.append(Application(name="ambient", type=APP_TYPES["ambient"], pods=ambient))
    nodes = (NodeGroup(name="node", count=5), NodeGroup(name="z", count=ztunnels, ztunnel=True))
    return ClusterConfig(nodes=nodes, namespaces=(Namespace(name="a", applications=tuple(apps)),))


MESHES = st.builds(
    a_mesh,
    *[st.integers(0, 20)] * 4,
    ztunnels=st.integers(0, 5),
    ambient=st.integers(0, 10),
)


@given(MESHES, st.data())
def test_a_step_has_as_many_proxies_as_it_says(config: ClusterConfig, data: st.DataObject) -> None:
    """A ladder would find that 100 proxies hold when it had 97."""
    plan = make_plan(config)
    proxies = data.draw(st.integers(0, plan.proxy_count))

    assert with_proxies(plan, proxies).proxy_count == proxies


@given(MESHES, st.data())
def test_a_step_only_adds_to_the_one_before(config: ClusterConfig, data: st.DataObject) -> None:
    """Pods would go from one step to the next, and the control plane push for that."""
    plan = make_plan(config)
    few = data.draw(st.integers(0, plan.proxy_count))
    more = data.draw(st.integers(few, plan.proxy_count))

    smaller, larger = with_proxies(plan, few), with_proxies(plan, more)

    for one, other in zip(smaller.apps, larger.apps, strict=True):
        assert other.pods[: len(one.pods)] == one.pods
    assert larger.ztunnels[: len(smaller.ztunnels)] == smaller.ztunnels


@given(MESHES)
def test_the_last_step_may_be_the_whole_mesh(config: ClusterConfig) -> None:
    """Pods without a proxy would be missing from the mesh that the config describes."""
    plan = make_plan(config)

    assert with_proxies(plan, plan.proxy_count) == plan


@pytest.mark.parametrize("proxies", [7, 100, 500, 999])
def test_all_applications_grow_alike(proxies: int) -> None:
    """One namespace would be full while the others have no endpoints, unlike in any cluster."""
    plan = make_plan(a_mesh(500, 250, 250, 0))

    counts = [len(app.pods) for app in with_proxies(plan, proxies).apps]

    shares = [proxies * share for share in (0.5, 0.25, 0.25, 0)]
    assert all(abs(one - share) < 3 for one, share in zip(counts, shares, strict=True))


def test_applications_of_one_pod_are_chosen_all_over_the_mesh() -> None:
    """The first steps would run in the first namespaces only."""
    plan = make_plan(a_mesh(*[1] * 100))

    chosen = [index for index, app in enumerate(with_proxies(plan, 10).apps) if app.pods]

    assert max(later - one for one, later in zip([0, *chosen], [*chosen, 99], strict=True)) <= 16


def test_pods_without_a_proxy_grow_in_step() -> None:
    """An ambient mesh would have all of its workloads before it has its ztunnels."""
    plan = make_plan(a_mesh(ztunnels=4, ambient=40))

    half = with_proxies(plan, 2)

    assert len(half.ztunnels) == 2
    assert 15 <= half.pod_count <= 25


def test_what_the_mesh_serves_is_there_from_the_beginning() -> None:
    """Each step would change services and proxies, and nobody knew which was too much."""
    plan = make_plan(a_mesh(3, 3))

    none = with_proxies(plan, 0)

    assert none.pod_count == 0
    assert [app.name for app in none.apps] == [app.name for app in plan.apps]
    assert none.nodes == plan.nodes
