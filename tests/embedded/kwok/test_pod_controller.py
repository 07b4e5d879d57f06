"""The steps of a pod in the embedded cluster, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from tests.embedded.cluster import (
    DEPLOYMENTS,
    PODS,
    deployment,
    is_ready,
    pod,
    started,
)

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


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
