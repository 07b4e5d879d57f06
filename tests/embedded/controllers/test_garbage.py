"""What goes with its owner, and what stays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.embedded.cluster import (
    DEPLOYMENTS,
    MESH,
    PODS,
    REPLICA_SETS,
    Cluster,
    deployment,
    prepared,
    started,
)

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MAPS = f"{MESH}/configmaps"


def _map(name: str, *owners: Obj, finalizers: tuple[str, ...] = ()) -> Obj:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": one["metadata"]["name"],
            "uid": one["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
        for one in owners
    ]
    metadata = {"name": name, "ownerReferences": references, "finalizers": list(finalizers)}
    return {"metadata": {key: value for key, value in metadata.items() if value}}


async def _names(cluster: Cluster, path: str = MAPS) -> list[str]:
    found = [one["metadata"]["name"] for one in (await cluster.client.list(path))[0]]
    return [name for name in found if name != "kube-root-ca.crt"]


async def _delete(cluster: Cluster, path: str, policy: str) -> None:
    transport = cluster.server.transport()
    response = await transport.request("DELETE", path, query={"propagationPolicy": policy})
    assert response.status == 200


async def test_dependents_go_once_the_last_owner_is_gone() -> None:
    """A chain of owners would leave its end, or a shared object go too early."""
    cluster = await prepared()
    async with cluster.controlled():
        a = await cluster.client.create(MAPS, _map("a"))
        b = await cluster.client.create(MAPS, _map("b"))
        shared = await cluster.client.create(MAPS, _map("shared", a, b))
        await cluster.client.create(MAPS, _map("last", shared))
        await cluster.client.delete(f"{MAPS}/a")
        await asyncio.sleep(5)
        assert await _names(cluster) == ["b", "last", "shared"]

        await cluster.client.delete(f"{MAPS}/b")
        await asyncio.sleep(5)

        assert await _names(cluster) == []


async def test_what_never_had_its_owner_goes() -> None:
    """Objects written for an owner of the same name but an earlier life would stay for ever."""
    cluster = await prepared()
    async with cluster.controlled():
        old = await cluster.client.create(MAPS, _map("a"))
        await cluster.client.delete(f"{MAPS}/a")
        await cluster.client.create(MAPS, _map("a"))
        await cluster.client.create(MAPS, _map("late", old))
        foreign = _map("foreign", old)
        foreign["metadata"]["ownerReferences"][0] |= {"apiVersion": "x.example.com/v1", "kind": "X"}
        await cluster.client.create(MAPS, foreign)
        await asyncio.sleep(5)

        assert await _names(cluster) == ["a", "foreign"]


async def test_in_the_foreground_the_owner_goes_last() -> None:
    """`kubectl delete --cascade=foreground` would return while pods still run."""
    cluster = await prepared()
    async with cluster.controlled():
        owner = await cluster.client.create(MAPS, _map("owner"))
        await cluster.client.create(MAPS, _map("held", owner, finalizers=("x/y",)))
        await cluster.client.create(MAPS, _map("free", owner))
        await _delete(cluster, f"{MAPS}/owner", "Foreground")
        await asyncio.sleep(5)
        assert await _names(cluster) == ["held", "owner"]
        left = await cluster.client.get(f"{MAPS}/owner")
        assert left["metadata"]["finalizers"] == ["foregroundDeletion"]

        held = await cluster.client.get(f"{MAPS}/held")
        held["metadata"]["finalizers"] = []
        await cluster.client.update(f"{MAPS}/held", held)
        await asyncio.sleep(5)

        assert await _names(cluster) == []


async def test_orphans_stay_without_their_owner() -> None:
    """`kubectl delete --cascade=orphan` is how workloads are taken over."""
    async with started() as cluster:
        await cluster.client.create(DEPLOYMENTS, deployment("web", 2))
        await asyncio.sleep(2)
        await _delete(cluster, f"{DEPLOYMENTS}/web", "Orphan")
        await asyncio.sleep(5)

        (replica_set,) = (await cluster.client.list(REPLICA_SETS))[0]
        assert "ownerReferences" not in replica_set["metadata"]
        assert len(await cluster.pods()) == 2
        assert await _names(cluster, DEPLOYMENTS) == []
        await _delete(cluster, f"{REPLICA_SETS}/{replica_set['metadata']['name']}", "Background")
        await asyncio.sleep(5)
        assert await _names(cluster, PODS) == []
