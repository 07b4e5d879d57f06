"""kwok mode as a whole, on in-memory servers with an embedded kwok."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.file import load_config
from pyload.config.parse import parse_config
from pyload.embedded.stack import start_kwok
from pyload.errors import Forbidden, WaitTimeout
from pyload.harness.follow_options import FollowOptions
from pyload.harness.start_options import StartCondition, StartOptions
from pyload.kube.transport import Response
from pyload.pods.shard import Shard
from pyload.tasks import Shutdown, Supervisor
from tests.conftest import ROOT
from tests.mesh.conftest import RUN_LEASES

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

ALL = StartOptions(StartCondition("connected"), 60.0)
NODE = b"nodes: [{name: kwok, count: 2}]\n"


async def run(
    world: World, options: ClusterOptions, *more: ClusterOptions, shutdown: Shutdown | None = None
) -> list[Outcome]:
    """Run kwok mode, or several of them at the same time, with an embedded kwok."""
    async with Supervisor() as background:
        start_kwok(world.server, background, stages="fast")
        async with asyncio.TaskGroup() as group:
            runs = [
                group.create_task(world.run(one, shutdown), name="run") for one in (options, *more)
            ]
        return [run.result() for run in runs]


async def test_the_example_of_the_readme(world: World) -> None:
    """`create replicas and watch the control plane` in one command."""
    loaded = load_config(str(ROOT / "docs" / "examples" / "kwok-bookinfo.yaml"))
    options = ClusterOptions(loaded=loaded, cluster_type="kwok", duration=20.0, start=ALL, seed=1)
    (outcome,) = await run(world, options)
    result = outcome.result
    kwok = result.kwok

    assert outcome.error is None
    assert (result.proxies.wanted, result.proxies.connected, result.proxies.configured) == (6, 6, 6)
    assert all(result.pushes[kind] >= 6 for kind in ("cds", "eds", "lds", "rds"))
    assert kwok is not None
    assert (kwok.nodes, kwok.running, kwok.types) == (3, 6, {"sidecar": 6})
    assert kwok.from_ip.count >= 6
    assert result.objects.left == 0
    assert world.names("Pod") == world.names("Deployment") == []
    assert "bookinfo" not in world.names("Namespace")
    assert not [name for name in world.names("Node") if name.startswith("kwok")]


async def test_proxies_are_those_of_the_pods(world: World) -> None:
    """Istiod finds a pod by the name in the node id; another name would be no sidecar of its."""
    text = b"namespaces: [{name: m, applications: [{name: a, instances: 3}]}]\n" + NODE
    shutdown = Shutdown()
    options = ClusterOptions(loaded=parse_config(text, source="-"), cluster_type="kwok", seed=1)
    task = asyncio.create_task(run(world, options, shutdown=shutdown), name="run")
    await asyncio.sleep(10)
    pods = [obj for resource, obj in world.server.store.objects() if resource.kind == "Pod"]
    shutdown.signal()
    await task

    assert len(pods) == 3
    assert world.nodes.ids == {
        f"sidecar~{pod['status']['podIP']}~{pod['metadata']['name']}.m~m.svc.cluster.local"
        for pod in pods
    }


async def test_two_shards_run_each_pod_once(world: World) -> None:
    """Pods of an Indexed Job share a cluster without a coordinator."""
    text = b"namespaces: [{name: m, applications: [{name: a, instances: 20}]}]\n" + NODE
    builder = ClusterOptions(
        loaded=parse_config(text, source="-"),
        cluster_type="kwok",
        # Its end takes the pods away from the other.
        duration=21.0,
        kwok=FollowOptions(shard=Shard(0, 2)),
        seed=1,
    )
    other = ClusterOptions(
        cluster_type="kwok", duration=20.0, kwok=FollowOptions(shard=Shard(1, 2)), seed=2
    )
    first, second = await run(world, builder, other)
    shares = (first.result.proxies.configured, second.result.proxies.configured)

    assert sum(shares) == 20
    assert min(shares) > 0
    assert len(world.nodes.ids) == 20


async def test_a_wait_that_is_not_fulfilled_is_exit_code_5(world: World) -> None:
    """A script must not go on with half a mesh."""
    text = b"namespaces: [{name: m, applications: [{name: a, instances: 2}]}]\n" + NODE
    options = ClusterOptions(
        loaded=parse_config(text, source="-"),
        cluster_type="kwok",
        duration=5.0,
        start=StartOptions(StartCondition("connected", 3), 10.0),
    )
    (outcome,) = await run(world, options)

    assert isinstance(outcome.error, WaitTimeout)
    assert outcome.error.exit_code == 5
    assert "waited 10s for connected=3: 2 of 2 proxies are connected" in str(outcome.error)
    assert outcome.result.objects.left == 0


async def test_without_a_config_nothing_is_created(world: World) -> None:
    """Following somebody's cluster must leave no trace in it; the run's Lease goes with the run."""
    (outcome,) = await run(world, ClusterOptions(cluster_type="kwok", duration=5.0))
    verbs = {one.verb for one in world.recorder.requests if RUN_LEASES not in one.path}

    assert outcome.error is None
    assert outcome.result.proxies.wanted == 0
    assert verbs <= {"get", "list", "watch"}
    assert world.names("Lease") == []


@pytest.mark.parametrize(
    ("flags", "warned"),
    [
        ((FollowOptions(), FollowOptions()), True),
        ((FollowOptions(shard=Shard(0, 2)), FollowOptions(shard=Shard(1, 2))), False),
        ((FollowOptions(shard=Shard(0, 2)), FollowOptions()), True),
        ((FollowOptions(), FollowOptions(pod_selector="team=a")), False),
    ],
)
async def test_two_runs_that_follow_the_same_pods_are_warned(
    world: World,
    flags: tuple[FollowOptions, FollowOptions],
    caplog: pytest.LogCaptureFixture,
    *,
    warned: bool,
) -> None:
    """Each proxy connects twice, and istiod looks half as fast as it is (A3)."""
    runs = [ClusterOptions(cluster_type="kwok", duration=5.0, kwok=one) for one in flags]
    outcomes = await run(world, *runs)
    doubled = [one for one in caplog.messages if "it follows the same pods" in one]

    assert not any(outcome.error for outcome in outcomes)
    assert bool(doubled) is warned
    assert all("still running" in one and "--shard" in one for one in doubled)


async def test_an_account_that_only_reads_is_not_asked_for_more(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The rights that docs/kwok.md asks for suffice, without a warning at each run."""

    def read_only(request: Request) -> Response | None:
        writes = request.method != "GET" and RUN_LEASES in request.path
        return Response(403, b"{}") if writes else None

    world.server.intercept = read_only
    (outcome,) = await run(world, ClusterOptions(cluster_type="kwok", duration=5.0))

    assert outcome.error is None
    assert not [one for one in caplog.messages if "other runs" in one]


async def test_a_dry_run_lists_pods_with_reasons_and_runs_none(world: World) -> None:
    """Before a big run, people want to see what it would do."""
    text = (
        b"""
namespaces:
- name: m
  applications:
  - {name: a, instances: 1}
  - {name: b, type: plain, instances: 1}
"""
        + NODE
    )
    shutdown = Shutdown()
    builder = ClusterOptions(loaded=parse_config(text, source="-"), cluster_type="kwok", seed=1)
    task = asyncio.create_task(run(world, builder, shutdown=shutdown), name="run")
    await asyncio.sleep(10)
    before = world.plane.stats.accepted
    dry = ClusterOptions(cluster_type="kwok", kwok=FollowOptions(dry_run=True))
    outcome = await world.run(dry)
    shutdown.signal()
    await task
    lines = outcome.listing.splitlines()

    assert world.plane.stats.accepted == before == 1
    assert any(line.startswith("run   m/a-") and " sidecar 10." in line for line in lines)


async def test_scaling_up_and_to_nothing_leaves_no_proxy(world: World) -> None:
    """A client that outlives its pod would load istiod with ghosts."""
    text = b"namespaces: [{name: m, applications: [{name: a, instances: 1}]}]\n" + NODE
    shutdown = Shutdown()
    options = ClusterOptions(loaded=parse_config(text, source="-"), cluster_type="kwok", seed=1)
    task = asyncio.create_task(run(world, options, shutdown=shutdown), name="run")
    await asyncio.sleep(5)
    (name,) = world.names("Deployment")
    path = f"/apis/apps/v1/namespaces/m/deployments/{name}"
    counts = []
    for replicas in (200, 0):
        await world.client.apply(
            path,
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": "m"},
                "spec": {"replicas": replicas},
            },
        )
        await asyncio.sleep(15)
        counts.append(world.plane.stats.connections)
    shutdown.signal()
    await task

    assert counts == [200, 0]


@pytest.mark.parametrize("kind", ["nodes", "pods"])
async def test_an_account_that_may_not_watch_is_told_so(world: World, kind: str) -> None:
    """Without this permission nothing would ever happen, in silence."""

    def refuse(request: Request) -> Response | None:
        listed = request.verb in ("list", "watch") and request.path == f"/api/v1/{kind}"
        return Response(403, b"{}") if listed else None

    options = ClusterOptions(cluster_type="kwok", duration=30.0)
    await world.plane.ready.wait()
    world.server.intercept = refuse
    outcome = await world.run(options)

    assert isinstance(outcome.error, Forbidden)
    assert outcome.error.exit_code == 1
    assert f'lacks the verb "watch" on "{kind}"' in str(outcome.error)


async def test_no_kwok_node_is_said(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody whose nodes lack the annotation would wait for ever and not know why."""
    with caplog.at_level("WARNING", logger="pyload"):
        outcome = await world.run(ClusterOptions(cluster_type="kwok", duration=30.0))

    assert outcome.error is None
    assert "is kwok's (annotation kwok.x-k8s.io/node=fake)" in caplog.text


async def test_gateways_are_injected_and_followed(world: World) -> None:
    """A mesh on kwok would have no gateway: its pods would be plain ones."""
    text = (
        b"nodes: [{name: kwok, count: 2}]\n"
        b"namespaces:\n- name: mesh\n  applications:\n"
        b"  - {name: gw, type: router, instances: 2, gateways: {name: main}}\n"
        b"  - {name: web, instances: 1, istio: {virtualService: {gateways: [main]}}}\n"
        b"  - {name: far, type: ambient, instances: 1}\n"
    )
    options = ClusterOptions(
        loaded=parse_config(text, source="mesh.yaml"),
        cluster_type="kwok",
        kwok=FollowOptions(pod_selector=""),
        start=ALL,
        duration=3.0,
        seed=1,
    )
    [outcome] = await run(world, options)

    assert outcome.error is None
    assert outcome.result.proxies.configured == 3
    kinds = sorted(node_id.partition("~")[0] for node_id in world.nodes.ids)
    assert kinds == ["router", "router", "sidecar"]
    assert world.names("Gateway") == world.names("Secret") == []


@pytest.mark.parametrize("cluster_type", ["kwok", "fake-node"])
async def test_what_the_user_says_of_nodes_wins(world: World, cluster_type: ClusterType) -> None:
    """In kwok mode ``--metadata`` and ``nodeMetadata`` were dropped without a word."""
    text = (
        b"nodeMetadata: {ISTIO_VERSION: 1.31.0, TEAM: load}\n"
        b"nodes: [{name: kwok, count: 2}]\n"
        b"namespaces: [{name: mesh, applications: [{type: sidecar, instances: 2}]}]\n"
    )
    options = ClusterOptions(
        loaded=parse_config(text, source="mesh.yaml"),
        cluster_type=cluster_type,
        kwok=FollowOptions(pod_selector=""),
        start=ALL,
        duration=3.0,
        seed=1,
    )
    [outcome] = await run(world, options)

    assert outcome.error is None
    assert len(world.nodes.nodes) == 2
    for node in world.nodes.nodes:
        assert node.metadata["ISTIO_VERSION"] == "1.31.0"
        assert node.metadata["TEAM"] == "load"
        assert str(node.metadata["NODE_NAME"]).startswith("kwok-")
        assert node.locality.region == "region"
        assert node.locality.zone.startswith("zone")
        assert node.cluster.endswith(".mesh") or ".mesh-" in node.cluster
