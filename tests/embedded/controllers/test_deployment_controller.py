"""Deployments, ReplicaSets and Jobs of the embedded cluster, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.controllers.deployment_status import progress_of
from tests.embedded.cluster import (
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    deployment,
    is_ready,
    prepared,
    running,
    started,
    template,
)

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


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
        assert running(pods) == 250
        assert sum(one["status"]["phase"] == "Succeeded" for one in pods) == 250

        await cluster.scale("web", 1)
        await cluster.client.delete(f"{JOBS}/once")
        await asyncio.sleep(30)
        assert running(await cluster.pods()) == len(await cluster.pods()) == 1


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

        assert running(await cluster.pods()) == 4
        assert len((await cluster.client.list(REPLICA_SETS))[0]) == 2


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


async def test_a_rollout_can_be_undone_paused_and_seen_late() -> None:
    """`kubectl rollout` reads revisions, pauses and deadlines from what the controller writes."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled():
        await cluster.client.create(DEPLOYMENTS, deployment("web", 2))
        await asyncio.sleep(1)
        first = (await cluster.client.get(f"{DEPLOYMENTS}/web"))["spec"]["template"]
        other = template("web", {"v": "2"})

        async def change(**spec: Any) -> Obj:
            live = await cluster.client.get(f"{DEPLOYMENTS}/web")
            live["spec"] |= spec
            await cluster.client.update(f"{DEPLOYMENTS}/web", live)
            await asyncio.sleep(2)
            return await cluster.client.get(f"{DEPLOYMENTS}/web")

        async def sets() -> dict[str, tuple[str, int]]:
            return {
                one["metadata"]["name"]: (
                    one["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
                    one["spec"]["replicas"],
                )
                for one in (await cluster.client.list(REPLICA_SETS))[0]
            }

        (name,) = await sets()
        await change(template=other)
        undone = await change(template=first)
        before = await sets()
        paused = await change(paused=True, template=other)
        resumed = await change(paused=False)
        await asyncio.sleep(700)
        late = await cluster.client.get(f"{DEPLOYMENTS}/web")

        assert before[name] == ("3", 2)
        assert undone["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"
        assert progress_of(paused)["reason"] == "DeploymentPaused"
        assert progress_of(resumed)["status"] != "False"
        assert progress_of(late)["reason"] == "ProgressDeadlineExceeded"
        assert {count for _, count in (await sets()).values()} == {1, 2}
