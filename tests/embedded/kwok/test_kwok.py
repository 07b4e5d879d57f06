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
