"""Endpoints of services with pods behind them, in virtual time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.embedded.cluster import DEPLOYMENTS, MESH, Cluster, deployment, started

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SLICES = "/apis/discovery.k8s.io/v1/namespaces/mesh/endpointslices"
SERVICES = f"{MESH}/services"


def _service(name: str = "web", **spec: Any) -> Obj:
    ports = [{"name": "http", "port": 80}]
    return {"metadata": {"name": name}, "spec": {"ports": ports, **spec}}


async def _slices(cluster: Cluster) -> list[Obj]:
    return (await cluster.client.list(SLICES))[0]


async def _ready(cluster: Cluster) -> int:
    return sum(
        one["conditions"]["ready"] for each in await _slices(cluster) for one in each["endpoints"]
    )


async def test_a_services_endpoints_follow_its_pods() -> None:
    """Whoever reads endpoints on this server would find none, or those of pods that are gone."""
    async with started() as cluster:
        await cluster.client.create(SERVICES, _service(selector={"app": "web"}))
        await cluster.client.create(DEPLOYMENTS, deployment("web", 3))
        await asyncio.sleep(2)
        assert await _ready(cluster) == 3
        listed = await cluster.client.get(f"{MESH}/endpoints/web")
        assert len(listed["subsets"][0]["addresses"]) == 3

        await cluster.scale("web", 1)
        await asyncio.sleep(2)
        assert await _ready(cluster) == 1
        cluster.writes.clear()
        await asyncio.sleep(60)
        assert cluster.writes == []

        await cluster.client.delete(f"{SERVICES}/web")
        await asyncio.sleep(2)
        assert await _slices(cluster) == []
        assert (await cluster.client.list(f"{MESH}/endpoints"))[0] == []


async def test_a_slice_that_others_delete_comes_back() -> None:
    """A service would stay without endpoints."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(1)
        await cluster.client.create(SERVICES, _service(selector={"app": "web"}))
        await asyncio.sleep(2)
        (one,) = await _slices(cluster)
        await cluster.client.delete(f"{SLICES}/{one['metadata']['name']}")
        await asyncio.sleep(1)

        assert await _ready(cluster) == 1


async def test_a_selector_that_changes_selects_other_pods() -> None:
    """Traffic would go on to the pods of before: blue-green deployments are done so."""
    async with started() as cluster:
        for name, count in (("blue", 1), ("green", 2)):
            await cluster.client.create(DEPLOYMENTS, deployment(name, count))
        await cluster.client.create(SERVICES, _service(selector={"app": "blue"}))
        await asyncio.sleep(2)
        assert await _ready(cluster) == 1
        live = await cluster.client.get(f"{SERVICES}/web")
        live["spec"]["selector"] = {"app": "green"}
        await cluster.client.update(f"{SERVICES}/web", live)
        await asyncio.sleep(2)

        assert await _ready(cluster) == 2


async def test_what_others_wrote_stays() -> None:
    """A run that lists its endpoints itself would fight with the controller."""
    async with started() as cluster:
        listed = {"subsets": [{"addresses": [{"ip": "10.9.9.9"}]}]}
        await cluster.client.create(f"{MESH}/endpoints", {"metadata": {"name": "web"}, **listed})
        labels = {
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "other",
        }
        foreign = {"metadata": {"name": "foreign", "labels": labels}, "addressType": "IPv4"}
        endpoints = [{"addresses": ["10.9.9.9"]}]
        await cluster.client.create(SLICES, {**foreign, "endpoints": endpoints})
        await cluster.client.create(SERVICES, _service(selector={"app": "web"}))
        await cluster.client.create(SERVICES, _service("manual"))
        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(5)
        await cluster.client.delete(f"{SERVICES}/web")
        await asyncio.sleep(5)

        (left,) = await _slices(cluster)
        assert left["endpoints"] == endpoints
        assert (await cluster.client.get(f"{MESH}/endpoints/web"))["subsets"] == listed["subsets"]


async def test_who_lists_its_pods_late_is_left_to_it() -> None:
    """Each pod would be listed twice, and each change of it be pushed to every proxy twice."""
    async with started() as cluster:
        await cluster.client.create(SERVICES, _service(selector={"app": "web"}))
        await cluster.client.create(DEPLOYMENTS, deployment("web", 1))
        await asyncio.sleep(5)
        assert await _ready(cluster) == 1
        labels = {
            "kubernetes.io/service-name": "web",
            "endpointslice.kubernetes.io/managed-by": "other",
        }
        late = {"metadata": {"name": "late", "labels": labels}, "addressType": "IPv4"}
        await cluster.client.create(SLICES, {**late, "endpoints": []})
        await cluster.scale("web", 3)
        await asyncio.sleep(5)
        assert [one["metadata"]["name"] for one in await _slices(cluster)] == ["late"]

        await cluster.client.delete(f"{SLICES}/late")
        await asyncio.sleep(5)
        assert await _ready(cluster) == 3
