"""Owners and their dependents."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.apiserver.kinds import POD
from pyload.embedded.controllers.owners import OwnedPod, OwnerIndex, controller_of
from tests.embedded.cluster import MESH, PODS, pod, prepared

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


def _owned(name: str, *owners: str) -> Obj:
    obj = pod(name)
    obj["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": one, "uid": one, "controller": one == "a"}
        for one in owners
    ]
    return obj


async def test_dependents_are_those_that_refer_to_their_owner() -> None:
    """Objects would be deleted with an owner that they no longer have, or stay without one."""
    cluster = await prepared()
    async with cluster.controlled() as loop:
        loop.handle("Owner that is gone", _nothing)
        owners, heard = OwnerIndex(), []
        owners.listeners.append(lambda owner, _: heard.append(owner["uid"]))
        owners.start(loop, cluster.server.kinds)

        created = await cluster.client.create(PODS, _owned("p", "a", "b"))
        assert owners.dependents("b") == [(POD, ("mesh", "p"))]
        assert [one.key[1] for one in owners.pods("a")] == ["p"]
        assert owners.pods("b") == []
        assert heard == ["a", "b"]

        heard.clear()
        created["metadata"]["ownerReferences"].pop()
        created["metadata"].pop("resourceVersion")
        await cluster.client.update(f"{PODS}/p", created)
        assert "a" in owners
        assert "b" not in owners
        assert heard == ["b"]

        await cluster.client.delete(f"{PODS}/p")
        assert "a" not in owners
        await cluster.client.create(f"{MESH}/configmaps", {"metadata": {"name": "free"}})
        await asyncio.sleep(1)
        assert heard == ["b", "a", "a"]


async def _nothing(_: tuple[str, str]) -> None:
    """Do nothing."""


def test_the_controller_is_one_of_the_owners() -> None:
    """A pod would count for a workload that is not its own."""
    owner = {"kind": "ReplicaSet", "name": "x", "uid": "x", "controller": True}
    obj: Obj = {"metadata": {"ownerReferences": [{"kind": "Other", "uid": "y"}, owner]}}

    assert controller_of(obj) == owner
    assert controller_of({"metadata": {}}) is None


def test_a_pod_that_ends_or_goes_is_not_active() -> None:
    """A workload would never replace it."""
    assert OwnedPod(("m", "p")).active
    assert not OwnedPod(("m", "p"), phase="Failed").active
    assert not OwnedPod(("m", "p"), terminating=True).active
