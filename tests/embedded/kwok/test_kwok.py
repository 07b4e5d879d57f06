"""Workloads and pods of the embedded cluster, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.embedded.cluster import (
    DEPLOYMENTS,
    MESH,
    PODS,
    REPLICA_SETS,
    deployment,
    is_ready,
    pod,
    running,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_a_deployment_comes_up_injected_and_goes() -> None:
    """The README's one command would show nothing, or leave something behind."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web"))
        await asyncio.sleep(1)

        pods = await cluster.pods()
        assert running(pods) == 3
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
        assert running(await cluster.pods()) == 1
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


async def test_pods_that_must_not_be_injected_are_not() -> None:
    """They would be counted as proxies."""
    async with started() as cluster:
        await cluster.client.create(PODS, pod("host", hostNetwork=True))
        await cluster.client.create(PODS, pod("out", {"sidecar.istio.io/inject": "false"}))
        await asyncio.sleep(1)

        host, out = await cluster.pods()
        assert running([host, out]) == 2
        assert "initContainers" not in {**host["spec"], **out["spec"]}
        assert host["status"]["podIP"] == host["status"]["hostIP"] == "192.0.2.1"
        assert out["status"]["podIP"].startswith("10.")


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


async def test_only_general_pods_are_said_to_be_killed() -> None:
    """The stages of pod-fast write no events; a reader would expect them on a real cluster."""
    for stages, expected in (("fast", 0), ("general", 1)):
        async with started(stages) as cluster:  # type: ignore[arg-type]
            await cluster.client.create(PODS, pod("web"))
            await asyncio.sleep(60)
            await cluster.client.delete(f"{PODS}/web", grace_period_seconds=None)
            await asyncio.sleep(60)

            said = await cluster.happened("web")
            assert [one for one in said if one[0] == "Killing"] == (
                [("Killing", "Stopping container: app", 1)] * expected
            )
