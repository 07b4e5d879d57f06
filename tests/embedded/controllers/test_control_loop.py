"""The loop of the controllers."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from pyload.errors import NotFound
from tests.embedded.cluster import (
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Cluster,
    deployment,
    pod,
    prepared,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"


async def _hold(cluster: Cluster, name: str) -> None:
    now = cluster.now().isoformat(timespec="microseconds").replace("+00:00", "Z")
    spec = {"holderIdentity": "outside", "leaseDurationSeconds": 15, "renewTime": now}
    path, metadata = f"{LEASES}/{name}", {"name": name}
    with contextlib.suppress(NotFound):
        metadata = (await cluster.client.get(path))["metadata"]
    await cluster.client.update(path, {"metadata": metadata, "spec": spec})


async def test_controllers_outside_are_left_to_work() -> None:
    """Two controllers of the same objects would make everything twice."""
    cluster = await prepared()
    async with cluster.controlled():
        await _hold(cluster, "kube-controller-manager")
        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(10)
        assert (await cluster.client.list(REPLICA_SETS))[0] == []
        await _hold(cluster, "kube-controller-manager")
        await asyncio.sleep(10)
        assert (await cluster.client.list(REPLICA_SETS))[0] == []

        await asyncio.sleep(20)

        assert len(await cluster.pods()) == 1


async def test_nothing_is_done_without_an_object_that_asks_for_it() -> None:
    """Runs with thousands of pods of their own would pay for controllers that they do not need."""
    cluster = Cluster()
    async with cluster.controlled(leases=True) as loop:
        cluster.writes.clear()
        await cluster.client.create(
            "/api/v1/namespaces/default/pods",
            {
                "metadata": {"name": "plain"},
                "spec": {"nodeName": "n", "containers": [{"name": "a", "image": "a"}]},
            },
        )
        await asyncio.sleep(10)

        assert cluster.writes == [("create", "/api/v1/namespaces/default/pods")]
        assert len(loop.queue) == 0


async def test_an_item_that_fails_comes_back() -> None:
    """A pod whose account is late would never be there."""
    cluster = await prepared()
    async with cluster.controlled() as loop:
        seen = []

        async def handler(key: tuple[str, str]) -> None:
            seen.append(key)
            await loop.client.get(f"{PODS}/{key[1]}")

        loop.handle("Test", handler)
        loop.add("Test", ("mesh", "late"))
        await asyncio.sleep(3)
        failures = len(seen)
        await cluster.client.create(
            PODS,
            {"metadata": {"name": "late"}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
        )
        await asyncio.sleep(20)
        after = len(seen)
        await asyncio.sleep(20)

        assert failures > 2
        assert len(seen) == after


async def test_an_odd_object_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """One wrong field would end all controllers, or fail the write of an object that is stored."""
    cluster = await prepared()
    odd = deployment("odd", 1, strategy={"rollingUpdate": {"maxSurge": "many"}})
    wrong = pod("wrong")
    wrong["spec"]["containers"][0]["ports"] = [{"name": "x"}]
    service = {
        "metadata": {"name": "s"},
        "spec": {"selector": {"app": "wrong"}, "ports": [{"port": 1}]},
    }
    async with cluster.controlled():
        await cluster.client.create("/api/v1/namespaces/mesh/services", service)
        await cluster.client.create(DEPLOYMENTS, odd)
        await cluster.client.create(PODS, wrong)
        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(10)

        assert [one["metadata"]["labels"]["app"] for one in await cluster.pods()] == [
            "web",
            "wrong",
        ]
    assert "cannot handle Deployment mesh/odd" in caplog.text
