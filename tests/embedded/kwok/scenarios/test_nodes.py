"""Nodes of the embedded cluster, and the pods that go to them."""

from __future__ import annotations

import asyncio

import pytest

from tests.embedded.cluster import (
    DEPLOYMENTS,
    NODES,
    PODS,
    deployment,
    is_ready,
    node,
    pod,
    running,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


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
        assert running(pods) == 4


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
