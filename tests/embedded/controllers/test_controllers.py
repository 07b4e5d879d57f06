"""Which controllers run, and from when on."""

from __future__ import annotations

import asyncio

import pytest

from pyload.embedded.apiserver.kinds import DEPLOYMENT, POD
from pyload.embedded.controllers.controllers import controllers
from pyload.embedded.controllers.owners import TRACKING
from tests.embedded.cluster import DEPLOYMENTS, MESH, PODS, deployment, pod, prepared

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_workloads_have_no_controllers_before_there_is_one() -> None:
    """Runs without any would import and call them for each of thousands of pods."""
    cluster = await prepared()
    tables = cluster.server.store._tables
    async with cluster.controlled():
        before = len(tables[DEPLOYMENT].listeners), len(tables[POD].listeners)
        await cluster.client.create(PODS, pod("p", nodeName="kwok-0"))
        assert (len(tables[DEPLOYMENT].listeners), len(tables[POD].listeners)) == before

        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(1)
        assert len(tables[DEPLOYMENT].listeners) == before[0] + 1
        assert len(await cluster.pods()) == 2


async def test_a_pod_whose_job_was_gone_before_is_let_go() -> None:
    """Its finalizer would hold it, and its namespace, for ever."""
    cluster = await prepared(nodes=0)
    async with cluster.controlled():
        left = pod("left")
        owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "j", "uid": "j"}
        left["metadata"] |= {
            "finalizers": [TRACKING],
            "ownerReferences": [{**owner, "controller": True}],
        }
        await cluster.client.create(PODS, left)
        await asyncio.sleep(5)

        assert await cluster.pods() == []


async def test_a_run_that_writes_its_endpoints_itself_gets_no_others() -> None:
    """Each pod would be listed twice."""
    cluster = await prepared()
    loop = controllers(cluster.server)
    task = asyncio.create_task(loop.run())
    service = {
        "metadata": {"name": "s"},
        "spec": {"selector": {"app": "s"}, "ports": [{"port": 1}]},
    }
    await cluster.client.create(f"{MESH}/services", service)
    await asyncio.sleep(5)
    task.cancel()

    assert (await cluster.client.list(f"{MESH}/endpoints"))[0] == []
