"""The embedded cluster when something goes wrong, or changes all the time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.errors import ClusterUnreachable, Conflict
from pyload.kube.transport import Response
from tests.embedded.cluster import (
    DEPLOYMENTS,
    MESH,
    PODS,
    REPLICA_SETS,
    Cluster,
    deployment,
    pod,
    prepared,
    running,
    started,
    template,
)
from tests.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_pods_come_once_their_account_does() -> None:
    """A Deployment may be applied before its service account."""
    async with started() as cluster:
        wanted = deployment("web", 2, template=template("web", serviceAccountName="later"))
        await cluster.client.create(DEPLOYMENTS, wanted)
        await asyncio.sleep(20)
        assert await cluster.pods() == []

        await cluster.client.create(f"{MESH}/serviceaccounts", {"metadata": {"name": "later"}})
        await asyncio.sleep(10)

        assert running(await cluster.pods()) == 2


async def test_trouble_with_the_server_is_waited_out() -> None:
    """One refused or lost write would leave a pod Pending for ever."""
    async with started() as cluster:
        turns = 0

        def unreliable(request: Request) -> Response | None:
            nonlocal turns
            turns += request.method != "GET"
            if request.method == "GET" or turns % 3 == 0:
                return None
            if turns % 3 == 1:
                raise ClusterUnreachable("the connection broke")
            return Response(409, b'{"kind":"Status","code":409,"reason":"Conflict"}')

        await cluster.client.create(DEPLOYMENTS, deployment("web", 6))
        cluster.server.intercept = unreliable
        await asyncio.sleep(60)
        cluster.server.intercept = None
        await asyncio.sleep(60)

        assert running(await cluster.pods()) == 6
        await cluster.client.delete(f"{DEPLOYMENTS}/web")
        await asyncio.sleep(10)
        assert await cluster.pods() == []


async def test_a_kwok_that_comes_late_finds_out_what_happened() -> None:
    """After a restart, what was deleted meanwhile would stay, and what is there be doubled."""
    cluster = await prepared()
    async with cluster.kwok():
        await cluster.client.create(DEPLOYMENTS, deployment("web", 3))
        await cluster.client.create(DEPLOYMENTS, deployment("other", 2))
        await asyncio.sleep(5)
    await cluster.client.delete(f"{DEPLOYMENTS}/web")
    orphan = pod("orphan")
    reference = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "x"}
    orphan["metadata"]["ownerReferences"] = [{**reference, "controller": True}]
    await cluster.client.create(PODS, orphan)
    before = {one["metadata"]["uid"] for one in await cluster.pods()}

    async with cluster.kwok(seed=2):
        await asyncio.sleep(5)

    left = await cluster.pods()
    assert [one["metadata"]["labels"]["app"] for one in left] == ["other", "other"]
    assert {one["metadata"]["uid"] for one in left} < before


class _Steps:
    """Random changes of two Deployments, and the invariants that must hold."""

    def __init__(self) -> None:
        self.wanted: dict[str, int] = {}

    async def take(self, cluster: Cluster, what: str, name: str, count: int) -> None:
        if what == "scale" and name in self.wanted:
            await cluster.scale(name, count)
            self.wanted[name] = count
        elif what == "scale":
            try:
                await cluster.client.create(DEPLOYMENTS, deployment(name, count))
            except Conflict:
                return
            self.wanted[name] = count
        elif what == "delete" and self.wanted.pop(name, None) is not None:
            await cluster.client.delete(f"{DEPLOYMENTS}/{name}")
        elif what == "kill":
            for one in (await cluster.pods())[:count]:
                path = f"{PODS}/{one['metadata']['name']}"
                await cluster.client.delete(path, grace_period_seconds=None)
        elif what == "edit" and name in self.wanted:
            live = await cluster.client.get(f"{DEPLOYMENTS}/{name}")
            live["metadata"].pop("resourceVersion")
            live["spec"]["template"]["spec"]["containers"][0]["image"] = f"image-{count}"
            await cluster.client.update(f"{DEPLOYMENTS}/{name}", live)


_STEP = st.tuples(
    st.sampled_from(["scale", "scale", "delete", "kill", "edit"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 6),
    st.sampled_from([0.0, 0.0, 0.03, 0.2, 2.0]),
)


@settings(max_examples=60)
@given(steps=st.lists(_STEP, min_size=1, max_size=12), general=st.booleans())
def test_whatever_happens_the_wanted_pods_are_there_in_the_end(
    steps: list[tuple[str, str, int, float]], *, general: bool
) -> None:
    """A leaked pod is a leaked proxy; a missing one a mesh that is too small."""

    async def play() -> None:
        async with started("general" if general else "fast") as cluster:
            changes = _Steps()
            for what, name, count, pause in steps:
                await changes.take(cluster, what, name, count)
                await asyncio.sleep(pause)
            await asyncio.sleep(200)
            pods = await cluster.pods()
            assert running(pods) == len(pods) == sum(changes.wanted.values())
            for name, count in changes.wanted.items():
                status = (await cluster.client.get(f"{DEPLOYMENTS}/{name}"))["status"]
                assert status.get("readyReplicas", 0) == count
                assert status.get("unavailableReplicas", 0) == 0
            for name in changes.wanted:
                await cluster.client.delete(f"{DEPLOYMENTS}/{name}")
            await asyncio.sleep(60)
            assert await cluster.pods() == []
            assert (await cluster.client.list(REPLICA_SETS))[0] == []

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(play())
