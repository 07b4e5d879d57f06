"""Pods that need a node, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.embedded.cluster import DEPLOYMENTS, PODS, deployment, pod, prepared, running, started

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_without_nodes_pods_say_so_and_wait() -> None:
    """`kubectl create deployment` on a server without nodes would look as if it hung."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled():
        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(5)

        (waiting,) = await cluster.pods()
        (condition,) = waiting["status"]["conditions"]
        assert waiting["status"]["phase"] == "Pending"
        assert condition["reason"] == "Unschedulable"
        why = "no nodes available to schedule pods"
        events = await cluster.happened(waiting["metadata"]["name"])
        assert events == [("FailedScheduling", why, 1)]


async def test_pods_that_were_there_before_are_counted() -> None:
    """A node would get more pods than it takes."""
    cluster = await prepared(nodes=1)
    await cluster.client.create(PODS, pod("there", nodeName="kwok-0"))
    async with cluster.kwok():
        await asyncio.sleep(1)
        node = await cluster.client.get("/api/v1/nodes/kwok-0")
        status = {**node.get("status", {}), "allocatable": {"pods": "2"}}
        await cluster.client.update("/api/v1/nodes/kwok-0/status", {**node, "status": status})
        await cluster.client.create(DEPLOYMENTS, deployment("web", 2))
        await asyncio.sleep(5)
        assert running(await cluster.pods()) == 2

        await cluster.client.delete(f"{PODS}/there")
        await asyncio.sleep(5)

        assert running(await cluster.pods()) == 2


async def test_a_pod_bound_by_others_is_left_alone() -> None:
    """A second binding would be refused, again and again."""
    async with started() as cluster:
        await cluster.client.create(PODS, pod("mine", schedulerName="other"))
        await asyncio.sleep(2)
        assert ("create", f"{PODS}/mine/binding") not in cluster.writes
        binding = {"target": {"kind": "Node", "name": "kwok-0"}}
        await cluster.client.create(f"{PODS}/mine/binding", binding)
        await asyncio.sleep(2)

        assert running(await cluster.pods()) == 1
        assert await cluster.happened("mine") == []
