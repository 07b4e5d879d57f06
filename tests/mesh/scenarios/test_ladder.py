"""Meshes that grow step by step while they run, on in-memory servers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.planning import plan_run
from pyload.embedded.stack import start_kwok
from pyload.errors import UsageError
from pyload.harness.follow_options import FollowOptions
from pyload.harness.ladder_options import LadderOptions
from pyload.pods.shard import Shard
from pyload.tasks import Supervisor
from tests.mesh.meshes import AMBIENT, MESH, TYPES, nothing_left, options

if TYPE_CHECKING:
    from pyload.commands.cluster.options import ClusterOptions
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

CHURNING = b"""
jitter: {workloads: 1s}
namespaces:
- name: mesh
  applications: [{name: web, replicas: 2, instances: 2}, {name: one, replicas: 4, instances: 1}]
nodes: [{name: node, count: 2}]
"""


def in_steps(
    *steps: int, text: bytes = MESH, cluster_type: ClusterType = "fake-node"
) -> ClusterOptions:
    """Return the options of a run with steps of ten seconds."""
    usual = options(cluster_type, text=text, duration=None)
    return replace(usual, ladder=LadderOptions(steps, 10.0))


def pods_over_time(world: World) -> list[float]:
    """Return when each pod was created, in seconds from the first."""
    created = [
        one.time
        for one in world.requests
        if one.verb in ("create", "patch") and "/pods/" in one.path and "/status" not in one.path
    ]
    return [at - created[0] for at in created]


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_a_mesh_grows_step_by_step(world: World, cluster_type: ClusterType) -> None:
    """All proxies would be there from the beginning, and each step measure the same."""
    outcome = await world.run(in_steps(1, 3, 4, cluster_type=cluster_type))
    result = outcome.result

    assert outcome.error is None
    assert [step.figures.proxies.configured for step in result.steps] == [1, 3, 4]
    assert [step.figures.first_config.count for step in result.steps] == [1, 2, 1]
    assert nothing_left(world)
    if cluster_type != "real":
        times = pods_over_time(world)
        # The plain pod comes with its share of the others.
        assert len(times) == 5
        assert [at > 9 for at in times].count(True) >= 3


async def test_what_later_steps_need_is_not_written_before(world: World) -> None:
    """A control plane that knows of endpoints without proxies does more than the step says."""
    await world.run(in_steps(1, 4, cluster_type="fake"))

    sizes = [
        one.body.count('"ip"')
        for one in world.requests
        if one.verb in ("create", "update") and "/endpoints/" in f"{one.path}/"
    ]
    # Of two Services with two pods each, and one with a pod without a proxy.
    assert sum(sizes[:3]) <= 2
    assert sorted(sizes)[-2:] == [2, 2]


async def test_every_kind_of_proxy_grows(world: World) -> None:
    """A ladder of an ambient mesh would have no ztunnels, or all of them in its first step."""
    outcome = await world.run(in_steps(1, 2, 5, text=AMBIENT))

    assert outcome.error is None
    assert [step.figures.proxies.configured for step in outcome.result.steps] == [1, 2, 5]
    assert nothing_left(world)


async def test_churn_keeps_each_step_at_its_size(world: World) -> None:
    """A step of 8 proxies with 9 in the end says nothing about 8."""
    outcome = await world.run(in_steps(2, 5, 8, text=CHURNING))
    steps = outcome.result.steps

    assert outcome.error is None
    assert [step.figures.proxies.configured for step in steps] == [2, 5, 8]
    done = [step.figures.churn["workloads"]["done"] for step in steps]
    assert all(count == pytest.approx(10, abs=4) for count in done)
    assert all(not step.figures.churn["workloads"]["idle"] for step in steps)
    assert nothing_left(world)


async def test_the_pods_of_kwok_mode_come_step_by_step(world: World) -> None:
    """The user's controllers make the pods there, and the proxies follow."""
    text = b"namespaces: [{name: m, applications: [{name: a, replicas: 2, instances: 5}]}]\n"
    nodes = b"nodes: [{name: kwok, count: 2}]\n"
    async with Supervisor() as background:
        start_kwok(world.server, background, stages="fast")
        outcome = await world.run(in_steps(2, 6, 10, text=text + nodes, cluster_type="kwok"))
    result = outcome.result

    assert outcome.error is None
    assert [step.figures.proxies.configured for step in result.steps] == [2, 6, 10]
    assert [step.figures.first_config.count for step in result.steps] == [2, 4, 4]
    assert world.names("Pod") == world.names("Deployment") == []


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (in_steps(1, 5), "a step has 5 proxies, and the mesh only 4"),
        (replace(in_steps(1), loaded=None, cluster_type="kwok"), "the config of a mesh with -c"),
    ],
)
def test_a_mesh_must_have_the_proxies_of_the_last_step(chosen: ClusterOptions, why: str) -> None:
    """The last step would be another than the user believes."""
    with pytest.raises(UsageError, match=why):
        plan_run(chosen)


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"duration": 60.0}, "--duration does not go with --steps"),
        ({"kwok": FollowOptions(shard=Shard(0, 2))}, "--shard does not go with --steps"),
        ({"kwok": FollowOptions(dry_run=True)}, "--dry-run does not go with --steps"),
    ],
)
def test_what_does_not_go_with_steps(parts: dict[str, object], why: str) -> None:
    """The run would do something else than one of its flags says."""
    with pytest.raises(UsageError, match=why):
        replace(in_steps(1), **parts)  # type: ignore[arg-type]


def test_only_the_proxies_of_the_last_step_are_planned() -> None:
    """The machine would be refused for proxies that never come, and the names be claimed."""
    text = b"namespaces: [{name: m, applications: [{name: a, instances: 200}]}]\n"
    planned = plan_run(in_steps(1, 50, text=text))

    assert planned.plan.proxy_count == planned.starting_at("10.9.0.1").plan.proxy_count == 50
    assert planned.first.proxy_count == 1
