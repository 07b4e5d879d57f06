"""Nodes without a sign of life, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.embedded.cluster import NODES, PODS, Cluster, is_ready, node, pod, prepared

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"


async def _beat(cluster: Cluster, seconds: int) -> None:
    """Renew a node's Lease every ten seconds, and report it ready."""
    for _ in range(0, seconds, 10):
        renewed = cluster.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
        listed = (await cluster.client.list(LEASES))[0]
        metadata = listed[0]["metadata"] if listed else {"name": "n"}
        body = {"metadata": metadata, "spec": {"holderIdentity": "n", "renewTime": renewed}}
        await cluster.client.update(f"{LEASES}/n", body)
        live = await cluster.client.get(f"{NODES}/n")
        if not is_ready(live):
            conditions = [{"type": "Ready", "status": "True"}]
            live["status"] = {"conditions": conditions, "allocatable": {"pods": "10"}}
            live["metadata"].pop("resourceVersion")
            await cluster.client.update(f"{NODES}/n/status", live)
        await asyncio.sleep(10)


async def test_a_node_that_is_lost_loses_its_pods_and_may_come_back() -> None:
    """A kubelet or kwok that dies would leave a cluster that looks well."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled(leases=True):
        await cluster.client.create(NODES, node("n", kwok=False))
        await _beat(cluster, 100)
        await cluster.client.create(PODS, pod("web"))
        await _beat(cluster, 100)
        live = await cluster.client.get(f"{PODS}/web")
        live["status"] |= {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        await cluster.client.update(f"{PODS}/web/status", live)
        assert live["spec"]["nodeName"] == "n"
        assert "taints" not in (await cluster.client.get(f"{NODES}/n"))["spec"]

        await asyncio.sleep(25)
        assert is_ready(await cluster.client.get(f"{NODES}/n"))
        await asyncio.sleep(20)
        lost = await cluster.client.get(f"{NODES}/n")
        assert lost["status"]["conditions"][0]["status"] == "Unknown"
        assert len(lost["spec"]["taints"]) == 2
        assert not is_ready(await cluster.client.get(f"{PODS}/web"))

        await _beat(cluster, 100)
        assert "taints" not in (await cluster.client.get(f"{NODES}/n"))["spec"]
        await asyncio.sleep(300)
        assert "deletionTimestamp" not in (await cluster.client.get(f"{PODS}/web"))["metadata"]
        await asyncio.sleep(60)
        (gone,) = await cluster.pods()
        assert "deletionTimestamp" in gone["metadata"]
        reasons = {one[0] for one in await cluster.happened("web")}
        assert {"Scheduled", "NodeNotReady", "TaintManagerEviction"} <= reasons
        events = (await cluster.client.list("/api/v1/namespaces/default/events"))[0]
        assert {one["reason"] for one in events} == {"RegisteredNode", "NodeNotReady"}


async def test_a_node_that_never_lived_is_unknown() -> None:
    """`kubectl get nodes` would show nothing of it for ever."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled(leases=True):
        await cluster.client.create(NODES, node("n", kwok=False))
        await asyncio.sleep(50)
        new = await cluster.client.get(f"{NODES}/n")
        assert "conditions" not in new["status"]
        assert "taints" not in new["spec"]
        await asyncio.sleep(20)

        lost = await cluster.client.get(f"{NODES}/n")
        assert lost["status"]["conditions"][0]["reason"] == "NodeStatusNeverUpdated"


async def test_where_nobody_renews_leases_no_node_is_lost() -> None:
    """An embedded run plays its nodes without Leases, and would lose its pods."""
    cluster = await prepared(nodes=1)
    async with cluster.kwok():
        await cluster.client.create(PODS, pod("web"))
        await asyncio.sleep(3600)

        assert is_ready(await cluster.client.get(f"{PODS}/web"))
