"""The embedded cluster as a whole, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.embedded.kwok.kwok import Kwok
from pyload.errors import ClusterUnreachable, Conflict, Forbidden
from pyload.kube.client import Client
from pyload.kube.transport import Response
from tests.embedded.kwok.cluster import (
    DEPLOYMENTS,
    JOBS,
    MESH,
    NODES,
    PODS,
    REPLICA_SETS,
    Cluster,
    deployment,
    is_ready,
    node,
    pod,
    prepared,
    started,
    template,
)
from tests.virtual import VIRTUAL, VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver import Request

pytestmark = pytest.mark.anyio

Obj = dict[str, Any]


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    """Virtual time."""
    return VIRTUAL


def _running(pods: list[Obj]) -> int:
    return sum(one["status"]["phase"] == "Running" and is_ready(one) for one in pods)


async def test_a_deployment_comes_up_injected_and_goes() -> None:
    """The README's one command would show nothing, or leave something behind."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web"))
        await asyncio.sleep(1)

        pods = await cluster.pods()
        assert _running(pods) == 3
        assert sorted(one["spec"]["nodeName"] for one in pods) in (
            ["kwok-0", "kwok-0", "kwok-1"],
            ["kwok-0", "kwok-1", "kwok-1"],
        )
        assert len({one["status"]["podIP"] for one in pods}) == 3
        (owner,) = (await cluster.client.list(REPLICA_SETS))[0]
        for one in pods:
            labels = one["metadata"]["labels"]
            assert one["metadata"]["name"].startswith(f"web-{labels['pod-template-hash']}-")
            assert one["metadata"]["ownerReferences"][0]["uid"] == owner["metadata"]["uid"]
            assert labels["service.istio.io/canonical-name"] == "web"
            proxy = one["spec"]["initContainers"][1]
            env = {item["name"]: item.get("value") for item in proxy["env"]}
            assert env["ISTIO_META_OWNER"] == (
                "kubernetes://apis/apps/v1/namespaces/mesh/deployments/web"
            )
        status = (await cluster.client.get(f"{DEPLOYMENTS}/web"))["status"]
        assert (status["replicas"], status["readyReplicas"], status["updatedReplicas"]) == (3, 3, 3)
        assert owner["status"]["readyReplicas"] == 3

        await cluster.scale("web", 1)
        await asyncio.sleep(1)
        assert _running(await cluster.pods()) == 1
        assert len(await cluster.pods()) == 1
        assert (await cluster.client.get(f"{DEPLOYMENTS}/web"))["status"]["replicas"] == 1

        await cluster.client.delete(f"{DEPLOYMENTS}/web")
        await asyncio.sleep(1)
        assert await cluster.pods() == []
        assert (await cluster.client.list(REPLICA_SETS))[0] == []


async def test_nothing_is_written_while_nothing_happens() -> None:
    """A controller that fights itself would load everything else."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web"))
        await cluster.client.create(PODS, pod("stuck", nodeSelector={"no": "such"}))
        await asyncio.sleep(5)
        cluster.writes.clear()

        await asyncio.sleep(500)

        assert cluster.writes == []


async def test_a_pods_events_come_as_from_kwok() -> None:
    """A follower that works here would fail on a real cluster."""
    async with started() as cluster, asyncio.TaskGroup() as group:
        watch = group.create_task(cluster.events(PODS, 10))
        await asyncio.sleep(1)
        await cluster.client.create(PODS, pod("web"))
        await asyncio.sleep(1)
        await cluster.client.delete(f"{PODS}/web", grace_period_seconds=None)

    seen = [
        (
            type_,
            bool(obj["spec"].get("nodeName")),
            obj["status"]["phase"],
            "podIP" in obj["status"],
            is_ready(obj),
            obj["metadata"].get("deletionGracePeriodSeconds"),
        )
        for type_, obj in watch.result()
    ]
    assert seen == [
        ("ADDED", False, "Pending", False, False, None),
        ("MODIFIED", True, "Pending", False, False, None),
        ("MODIFIED", True, "Running", True, True, None),
        ("MODIFIED", True, "Running", True, True, 30),
        ("MODIFIED", True, "Running", True, True, 0),
        ("DELETED", True, "Running", True, True, 0),
    ]


async def test_a_finalizer_holds_a_deleted_pod() -> None:
    """Kwok no longer strips finalizers; whoever put one there decides."""
    async with started() as cluster:
        held = pod("held")
        held["metadata"]["finalizers"] = ["example.com/mine"]
        await cluster.client.create(PODS, held)
        await asyncio.sleep(1)
        await cluster.client.delete(f"{PODS}/held", grace_period_seconds=None)
        await asyncio.sleep(60)

        (left,) = await cluster.pods()
        assert left["metadata"]["deletionGracePeriodSeconds"] == 0
        left["metadata"]["finalizers"] = []
        await cluster.client.update(f"{PODS}/held", left)
        assert await cluster.pods() == []


async def test_a_job_completes() -> None:
    """A Job's proxies live a moment only; tools must be tried against that."""
    async with started() as cluster:
        spec = {
            "completions": 3,
            "parallelism": 2,
            "template": template("once", restartPolicy="Never"),
        }
        await cluster.client.create(JOBS, {"metadata": {"name": "once"}, "spec": spec})
        await asyncio.sleep(5)

        job = await cluster.client.get(f"{JOBS}/once")
        assert job["status"]["succeeded"] == 3
        assert [one["type"] for one in job["status"]["conditions"]] == [
            "SuccessCriteriaMet",
            "Complete",
        ]
        pods = await cluster.pods()
        assert [one["status"]["phase"] for one in pods] == ["Succeeded"] * 3
        assert all("finalizers" not in one["metadata"] for one in pods)
        assert all(is_ready(one) for one in pods)
        assert pods[0]["metadata"]["labels"]["job-name"] == "once"

        await cluster.client.delete(f"{PODS}/{pods[0]['metadata']['name']}")
        await asyncio.sleep(5)
        assert len(await cluster.pods()) == 2

        await cluster.client.delete(f"{JOBS}/once")
        await asyncio.sleep(5)
        assert await cluster.pods() == []


async def test_a_running_job_is_deleted_with_its_pods() -> None:
    """The Job's finalizer would hold its pods for ever."""
    async with started("general") as cluster:
        spec = {"template": template("once", restartPolicy="Never")}
        await cluster.client.create(JOBS, {"metadata": {"name": "once"}, "spec": spec})
        await asyncio.sleep(2)
        assert len(await cluster.pods()) == 1

        await cluster.client.delete(f"{JOBS}/once")
        await asyncio.sleep(60)

        assert await cluster.pods() == []


async def test_many_pods_come_and_go_in_turns() -> None:
    """A large workload would keep everything else waiting, or stop after its first pods."""
    async with started(nodes=10) as cluster:
        spec = {"parallelism": 150, "completions": 250, "template": template("once")}
        await cluster.client.create(DEPLOYMENTS, deployment("web", 250))
        await cluster.client.create(JOBS, {"metadata": {"name": "once"}, "spec": spec})
        await asyncio.sleep(30)
        pods = await cluster.pods()
        assert _running(pods) == 250
        assert sum(one["status"]["phase"] == "Succeeded" for one in pods) == 250

        await cluster.scale("web", 1)
        await cluster.client.delete(f"{JOBS}/once")
        await asyncio.sleep(30)
        assert _running(await cluster.pods()) == len(await cluster.pods()) == 1


async def test_foreign_replica_sets_do_no_harm() -> None:
    """Users make ReplicaSets by hand, and edit those of their Deployments."""
    async with started() as cluster:
        spec = deployment("web", 2)["spec"]
        alone = {"metadata": {"name": "alone"}, "spec": {**spec, "replicas": 1}}
        await cluster.client.create(REPLICA_SETS, alone)
        orphan = {**alone, "metadata": {"name": "orphan"}}
        reference = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x", "uid": "x"}
        orphan["metadata"]["ownerReferences"] = [{**reference, "controller": True}]
        await cluster.client.create(REPLICA_SETS, orphan)
        await cluster.client.create(DEPLOYMENTS, deployment("web", 2))
        await asyncio.sleep(1)
        for one in (await cluster.client.list(REPLICA_SETS))[0]:
            if one["metadata"]["name"] != "alone":
                one["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "odd"
                await cluster.client.update(f"{REPLICA_SETS}/{one['metadata']['name']}", one)
        await cluster.scale("web", 3)
        await asyncio.sleep(5)

        assert _running(await cluster.pods()) == 4
        assert len((await cluster.client.list(REPLICA_SETS))[0]) == 2


async def test_a_pod_on_another_node_is_left_alone() -> None:
    """A real node's pods are its kubelet's."""
    async with started(nodes=0) as cluster:
        ready = {"type": "Ready", "status": "True"}
        real = node("real", kwok=False, conditions=[ready], allocatable={"pods": "10"})
        await cluster.client.create(NODES, real)
        await cluster.client.create(PODS, pod("bound"))
        await cluster.client.create(PODS, pod("pinned", nodeName="real"))
        await asyncio.sleep(60)

        pods = await cluster.pods()
        assert [one["status"]["phase"] for one in pods] == ["Pending", "Pending"]
        assert [one["spec"]["nodeName"] for one in pods] == ["real", "real"]
        await cluster.client.delete(f"{PODS}/bound", grace_period_seconds=None)
        await asyncio.sleep(60)
        assert len(await cluster.pods()) == 2


async def test_a_pod_waits_for_a_node_that_fits() -> None:
    """Users add nodes after pods, and want to read why pods wait."""
    async with started(nodes=1) as cluster:
        await cluster.client.create(PODS, pod("web", nodeSelector={"type": "kwok-7"}))
        foreign = pod("foreign", schedulerName="mine")
        await cluster.client.create(PODS, foreign)
        await asyncio.sleep(10)

        waiting = await cluster.client.get(f"{PODS}/web")
        (condition,) = waiting["status"]["conditions"]
        assert waiting["status"]["phase"] == "Pending"
        assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
        assert condition["message"].startswith("0/1 nodes are available")

        await cluster.client.create(NODES, node("kwok-7"))
        await asyncio.sleep(1)
        assert is_ready(await cluster.client.get(f"{PODS}/web"))
        assert "nodeName" not in (await cluster.client.get(f"{PODS}/foreign"))["spec"]


async def test_a_full_node_takes_the_next_pod_when_one_goes() -> None:
    """Nodes say how many pods they take."""
    async with started(nodes=0) as cluster:
        await cluster.client.create(NODES, node("kwok-0", allocatable={"pods": "1"}))
        await cluster.client.create(PODS, pod("first"))
        await asyncio.sleep(1)
        await cluster.client.create(PODS, pod("second"))
        await asyncio.sleep(1)
        assert [is_ready(one) for one in await cluster.pods()] == [True, False]

        await cluster.client.delete(f"{PODS}/first", grace_period_seconds=None)
        await asyncio.sleep(1)

        assert [is_ready(one) for one in await cluster.pods()] == [True]


async def test_pods_that_must_not_be_injected_are_not() -> None:
    """They would be counted as proxies."""
    async with started() as cluster:
        await cluster.client.create(PODS, pod("host", hostNetwork=True))
        await cluster.client.create(PODS, pod("out", {"sidecar.istio.io/inject": "false"}))
        await asyncio.sleep(1)

        host, out = await cluster.pods()
        assert _running([host, out]) == 2
        assert "initContainers" not in {**host["spec"], **out["spec"]}
        assert host["status"]["podIP"] == host["status"]["hostIP"] == "192.0.2.1"
        assert out["status"]["podIP"].startswith("10.")


async def test_general_pods_take_their_time() -> None:
    """The address must come seconds before readiness, and deletion take its time too."""
    async with started("general") as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        loop = asyncio.get_running_loop()
        begun = loop.time()
        times: dict[str, float] = {}
        while "ready" not in times:
            await asyncio.sleep(0.1)
            for one in await cluster.pods():
                status = one["status"]
                if "podIP" in status:
                    times.setdefault("ip", loop.time() - begun)
                    assert is_ready(one) or status["phase"] == "Pending"
                if is_ready(one):
                    times["ready"] = loop.time() - begun
        assert 1 <= times["ip"] <= 5.3
        assert 3 <= times["ready"] - times["ip"] <= 15.6

        await cluster.scale("web", 0)
        await asyncio.sleep(0.5)
        assert len(await cluster.pods()) == 1
        await asyncio.sleep(31)
        assert await cluster.pods() == []


async def test_the_pods_of_a_deleted_node_move() -> None:
    """Pods of a node that is gone stay for a while, as in a real cluster, and then not for ever."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 4))
        await asyncio.sleep(1)
        await cluster.client.delete(f"{NODES}/kwok-0")
        await asyncio.sleep(30)
        assert sorted(one["spec"]["nodeName"] for one in await cluster.pods()) == (
            ["kwok-0", "kwok-0", "kwok-1", "kwok-1"]
        )

        await asyncio.sleep(30)

        pods = await cluster.pods()
        assert [one["spec"]["nodeName"] for one in pods] == ["kwok-1"] * 4
        assert _running(pods) == 4


async def test_a_node_that_comes_back_keeps_its_pods() -> None:
    """Replacing a node's object would restart its whole mesh."""
    async with started(nodes=1) as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 2))
        await asyncio.sleep(1)
        before = [one["metadata"]["uid"] for one in await cluster.pods()]
        await cluster.client.delete(f"{NODES}/kwok-0")
        await asyncio.sleep(10)
        await cluster.client.create(NODES, node("kwok-0"))
        await asyncio.sleep(60)

        assert [one["metadata"]["uid"] for one in await cluster.pods()] == before


async def test_a_pinned_pod_waits_for_its_node() -> None:
    """Tools such as kwokctl and benchmarks preset the node, perhaps before it exists."""
    async with started(nodes=0) as cluster:
        await cluster.client.create(PODS, pod("pinned", nodeName="kwok-0"))
        await asyncio.sleep(5)
        await cluster.client.create(NODES, node("kwok-0"))
        await asyncio.sleep(1)

        assert is_ready(await cluster.client.get(f"{PODS}/pinned"))
        await cluster.client.create(PODS, pod("lost", nodeName="nowhere"))
        await asyncio.sleep(60)
        assert [one["metadata"]["name"] for one in await cluster.pods()] == ["pinned"]


async def test_nodes_are_kept_alive() -> None:
    """Endpoints of a node without heartbeats turn unready."""
    async with started(nodes=1) as cluster:
        alive = await cluster.client.get(f"{NODES}/kwok-0")
        assert is_ready(alive)
        assert alive["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.0"
        first = alive["status"]["conditions"][0]["lastHeartbeatTime"]
        cluster.writes.clear()
        await asyncio.sleep(1300)
        assert cluster.writes == [("update", f"{NODES}/kwok-0/status")] * 2
        beaten = (await cluster.client.get(f"{NODES}/kwok-0"))["status"]["conditions"][0]
        assert beaten["lastHeartbeatTime"] > first

        alive["status"]["conditions"][0]["status"] = "False"
        alive["metadata"].pop("resourceVersion")
        await cluster.client.update(f"{NODES}/kwok-0/status", alive)
        await asyncio.sleep(1)
        assert is_ready(await cluster.client.get(f"{NODES}/kwok-0"))

        await cluster.client.delete(f"{NODES}/kwok-0")
        cluster.writes.clear()
        await asyncio.sleep(1300)
        assert cluster.writes == []


async def test_a_new_template_is_rolled_out() -> None:
    """A rollout is the churn that users most want to see."""
    async with started() as cluster, asyncio.TaskGroup() as group:
        watch = group.create_task(cluster.events(PODS, 20))
        await asyncio.sleep(1)
        await cluster.client.create(DEPLOYMENTS, deployment("web", 4, revisionHistoryLimit=1))
        await asyncio.sleep(1)
        first = (await cluster.client.get(f"{DEPLOYMENTS}/web"))["spec"]["template"]
        for image in ("a", "b", "c"):
            live = await cluster.client.get(f"{DEPLOYMENTS}/web")
            live["spec"]["template"]["spec"]["containers"][0]["image"] = image
            await cluster.client.update(f"{DEPLOYMENTS}/web", live)
            await asyncio.sleep(3)

        pods = await cluster.pods()
        assert [one["spec"]["containers"][0]["image"] for one in pods] == ["c"] * 4
        sets = (await cluster.client.list(REPLICA_SETS))[0]
        revisions = [
            (
                one["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
                one["spec"]["replicas"],
            )
            for one in sets
        ]
        assert sorted(revisions) == [("3", 0), ("4", 4)]

        live = await cluster.client.get(f"{DEPLOYMENTS}/web")
        live["spec"]["template"] = first
        await cluster.client.update(f"{DEPLOYMENTS}/web", live)
        await asyncio.sleep(3)
        assert {one["spec"]["containers"][0]["image"] for one in await cluster.pods()} == {"fake"}

    serving: set[str] = set()
    counts = []
    for _, obj in watch.result():
        uid = obj["metadata"]["uid"]
        if is_ready(obj) and "deletionTimestamp" not in obj["metadata"]:
            serving.add(uid)
        else:
            serving.discard(uid)
        counts.append(len(serving))
    assert min(counts[counts.index(4) :]) == 3
    assert max(counts) <= 5


async def test_a_namespace_goes_with_everything_in_it() -> None:
    """Cleaning up would hang on a namespace that never ends."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 5))
        await asyncio.sleep(1)
        await cluster.client.delete(MESH)
        await asyncio.sleep(30)

        left = [obj for _, obj in cluster.server.objects()]
        assert not [one for one in left if one["metadata"].get("namespace") == "mesh"]
        assert not [one for one in left if one["metadata"]["name"] == "mesh"]


async def test_pods_come_once_their_account_does() -> None:
    """A Deployment may be applied before its service account."""
    async with started() as cluster:
        wanted = deployment("web", 2, template=template("web", serviceAccountName="later"))
        await cluster.client.create(DEPLOYMENTS, wanted)
        await asyncio.sleep(20)
        assert await cluster.pods() == []

        await cluster.client.create(f"{MESH}/serviceaccounts", {"metadata": {"name": "later"}})
        await asyncio.sleep(10)

        assert _running(await cluster.pods()) == 2


async def test_trouble_with_the_server_is_waited_out() -> None:
    """One refused or lost write would leave a pod Pending for ever."""
    async with started() as cluster:
        turns = 0

        def unreliable(request: Request) -> Response | None:
            nonlocal turns
            turns += request.method != "GET"
            if request.method == "GET" or turns % 3 == 0:
                return None
            if turns % 3 == 1:
                raise ClusterUnreachable("the connection broke")
            return Response(409, b'{"kind":"Status","code":409,"reason":"Conflict"}')

        await cluster.client.create(DEPLOYMENTS, deployment("web", 6))
        cluster.server.intercept = unreliable
        await asyncio.sleep(60)
        cluster.server.intercept = None
        await asyncio.sleep(60)

        assert _running(await cluster.pods()) == 6
        await cluster.client.delete(f"{DEPLOYMENTS}/web")
        await asyncio.sleep(10)
        assert await cluster.pods() == []


async def test_a_kwok_that_comes_late_finds_out_what_happened() -> None:
    """After a restart, what was deleted meanwhile would stay, and what is there be doubled."""
    cluster = await prepared()
    async with cluster.kwok():
        await cluster.client.create(DEPLOYMENTS, deployment("web", 3))
        await cluster.client.create(DEPLOYMENTS, deployment("other", 2))
        await asyncio.sleep(5)
    await cluster.client.delete(f"{DEPLOYMENTS}/web")
    orphan = pod("orphan")
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "x"}
    orphan["metadata"]["ownerReferences"] = [{**reference, "controller": True}]
    await cluster.client.create(PODS, orphan)
    before = {one["metadata"]["uid"] for one in await cluster.pods()}

    async with cluster.kwok(seed=2):
        await asyncio.sleep(5)

    left = await cluster.pods()
    assert [one["metadata"]["labels"]["app"] for one in left] == ["other", "other"]
    assert {one["metadata"]["uid"] for one in left} < before


async def test_a_lost_watch_loses_nothing() -> None:
    """Deletions that happen while no watch is open would go unseen."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 5))
        await asyncio.sleep(1)
        blocked = Response(410, b'{"kind":"Status","code":410,"reason":"Expired"}')
        cluster.server.intercept = lambda request: blocked if request.verb == "watch" else None
        cluster.server.close_watches()
        for one in (await cluster.pods())[:3]:
            await cluster.client.delete(f"{PODS}/{one['metadata']['name']}")
        await cluster.client.delete(f"{NODES}/kwok-0")
        await cluster.client.create(DEPLOYMENTS, deployment("more", 2))
        cluster.server.intercept = None
        await asyncio.sleep(120)

        pods = await cluster.pods()
        assert _running(pods) == 7
        assert {one["spec"]["nodeName"] for one in pods} == {"kwok-1"}
        cluster.server.intercept = lambda request: blocked if request.verb == "watch" else None
        cluster.server.close_watches()
        await cluster.client.delete(f"{DEPLOYMENTS}/web")
        await cluster.client.delete(f"{DEPLOYMENTS}/more")
        cluster.server.intercept = None
        await asyncio.sleep(120)
        assert await cluster.pods() == []


async def test_what_is_owned_may_be_seen_before_its_owner() -> None:
    """Watches are not in step with each other: such a pod is no orphan."""
    async with started() as cluster:
        blocked = Response(410, b'{"kind":"Status","code":410,"reason":"Expired"}')

        def no_workloads(request: Request) -> Response | None:
            hidden = request.path in ("/apis/apps/v1/deployments", "/apis/apps/v1/replicasets")
            return blocked if hidden else None

        cluster.server.intercept = no_workloads
        cluster.server.close_watches()
        spec = deployment("web", 1)["spec"]
        created = await cluster.client.create(
            REPLICA_SETS, {"metadata": {"name": "web"}, "spec": spec}
        )
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "controller": True}
        owned = pod("early", {"app": "web"})
        owned["metadata"]["ownerReferences"] = [{**owner, "uid": created["metadata"]["uid"]}]
        await cluster.client.create(PODS, owned)
        await asyncio.sleep(60)
        assert [one["metadata"]["name"] for one in await cluster.pods()] == ["early"]

        cluster.server.intercept = None
        await asyncio.sleep(60)

        pods = await cluster.pods()
        assert [one["metadata"]["name"] for one in pods] == ["early"]
        assert _running(pods) == 1


async def test_a_server_that_forbids_watching_ends_it() -> None:
    """The run would wait for pods that nobody brings to life."""
    cluster = Cluster()
    forbidden = Response(403, b'{"kind":"Status","code":403,"reason":"Forbidden"}')
    cluster.server.intercept = lambda _: forbidden

    with pytest.raises(Forbidden):
        await Kwok(Client(cluster.server.transport())).run()


class _Steps:
    """Random changes of two Deployments, and what must come of them."""

    def __init__(self) -> None:
        self.wanted: dict[str, int] = {}

    async def take(self, cluster: Cluster, what: str, name: str, count: int) -> None:
        if what == "scale" and name in self.wanted:
            await cluster.scale(name, count)
            self.wanted[name] = count
        elif what == "scale":
            try:
                await cluster.client.create(DEPLOYMENTS, deployment(name, count))
            except Conflict:
                return
            self.wanted[name] = count
        elif what == "delete" and self.wanted.pop(name, None) is not None:
            await cluster.client.delete(f"{DEPLOYMENTS}/{name}")
        elif what == "kill":
            for one in (await cluster.pods())[:count]:
                path = f"{PODS}/{one['metadata']['name']}"
                await cluster.client.delete(path, grace_period_seconds=None)
        elif what == "edit" and name in self.wanted:
            live = await cluster.client.get(f"{DEPLOYMENTS}/{name}")
            live["metadata"].pop("resourceVersion")
            live["spec"]["template"]["spec"]["containers"][0]["image"] = f"image-{count}"
            await cluster.client.update(f"{DEPLOYMENTS}/{name}", live)


_STEP = st.tuples(
    st.sampled_from(["scale", "scale", "delete", "kill", "edit"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 6),
    st.sampled_from([0.0, 0.0, 0.03, 0.2, 2.0]),
)


@settings(max_examples=60)
@given(steps=st.lists(_STEP, min_size=1, max_size=12), general=st.booleans())
def test_whatever_happens_the_wanted_pods_are_there_in_the_end(
    steps: list[tuple[str, str, int, float]], *, general: bool
) -> None:
    """A leaked pod is a leaked proxy; a missing one a mesh that is too small."""

    async def play() -> None:
        async with started("general" if general else "fast") as cluster:
            changes = _Steps()
            for what, name, count, pause in steps:
                await changes.take(cluster, what, name, count)
                await asyncio.sleep(pause)
            await asyncio.sleep(200)
            pods = await cluster.pods()
            assert _running(pods) == len(pods) == sum(changes.wanted.values())
            for name, count in changes.wanted.items():
                status = (await cluster.client.get(f"{DEPLOYMENTS}/{name}"))["status"]
                assert status.get("readyReplicas", 0) == count
                assert status.get("unavailableReplicas", 0) == 0
            for name in changes.wanted:
                await cluster.client.delete(f"{DEPLOYMENTS}/{name}")
            await asyncio.sleep(60)
            assert await cluster.pods() == []
            assert (await cluster.client.list(REPLICA_SETS))[0] == []

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())
