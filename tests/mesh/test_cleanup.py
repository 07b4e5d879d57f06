"""The end of a mesh: nothing is left, or the objects that are left are listed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.errors import (
    CleanupIncomplete,
    ClusterUnreachable,
    Interrupted,
    PyloadError,
)
from pyload.kube.transport import Response
from pyload.tasks import Shutdown
from tests.mesh.meshes import AMBIENT, EVERYTHING, MESH, TYPES, nothing_left, options

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("cluster_type", TYPES)
@pytest.mark.parametrize("step", range(0, 60, 3))
async def test_interrupting_the_start_at_any_request_leaves_nothing(
    world: World, cluster_type: ClusterType, step: int
) -> None:
    """ctrl-C during the start must not leave half a mesh in the user's cluster."""
    shutdown = Shutdown()
    seen = 0

    def interrupt(_: Request) -> Response | None:
        nonlocal seen
        seen += 1
        if seen == step + 1:
            shutdown.signal()
        return None

    world.server.intercept = interrupt
    outcome = await world.run(options(cluster_type, duration=0.5), shutdown)

    assert outcome.error is None or isinstance(outcome.error, Interrupted)
    assert outcome.result.objects.left == 0
    assert nothing_left(world)


@pytest.mark.parametrize("cluster_type", TYPES)
@pytest.mark.parametrize("text", [EVERYTHING, AMBIENT], ids=["everything", "ambient"])
async def test_interrupting_the_start_of_any_kind_leaves_nothing(
    world: World, cluster_type: ClusterType, text: bytes
) -> None:
    """Whatever was being written when the user gave up must go too: each kind, at each step."""
    seen: set[str] = set()
    for step in range(200):
        shutdown = Shutdown()
        count = 0

        def interrupt(
            request: Request, shutdown: Shutdown = shutdown, step: int = step
        ) -> Response | None:
            nonlocal count
            count += request.verb in ("create", "patch", "update")
            if count == step + 1 and request.verb in ("create", "patch", "update"):
                seen.add(request.path.split("/")[-1 if request.verb == "create" else -2])
                shutdown.signal()
            return None

        world.server.intercept = interrupt
        outcome = await world.run(options(cluster_type, text=text, duration=0.01), shutdown)
        assert outcome.error is None or isinstance(outcome.error, Interrupted)
        assert outcome.result.objects.left == 0
        assert nothing_left(world)
        if outcome.error is None:
            break

    assert {"namespaces", "services"} <= seen
    if text is EVERYTHING:
        assert {"gateways", "secrets", "sidecars", "workloadentries", "telemetries"} <= seen
    else:
        assert "gateways" in seen


@pytest.mark.parametrize("cluster_type", TYPES)
@pytest.mark.parametrize("kind", ["nodes", "namespaces", "services", "pods", "endpoints"])
async def test_a_refused_kind_ends_the_run_and_cleans_up(
    world: World, cluster_type: ClusterType, kind: str
) -> None:
    """An account that lacks one permission must be told which, and find its cluster as it was."""
    body = b'{"kind":"Status","status":"Failure","reason":"Forbidden","message":"no","code":403}'

    def refuse(request: Request) -> Response | None:
        if request.verb in ("create", "patch") and f"/{kind}" in request.path:
            return Response(403, body)
        return None

    world.server.intercept = refuse
    outcome = await world.run(options(cluster_type))
    used = {"real": {"nodes", "pods"}, "fake-node": {"endpoints"}}.get(cluster_type, set())

    if kind in used:
        assert outcome.error is None
    else:
        assert isinstance(outcome.error, PyloadError)
        assert outcome.error.exit_code == 1
        assert "403" in str(outcome.error)
    assert outcome.result.objects.left == 0
    assert nothing_left(world)


async def test_what_cannot_be_deleted_is_listed(world: World) -> None:
    """The user must know what is still there, and how to remove it."""

    def refuse(request: Request) -> Response | None:
        deleting = request.verb == "delete" and "/services/" in request.path
        return Response(403, b"{}") if deleting else None

    world.server.intercept = refuse
    outcome = await world.run(options("real"))

    assert isinstance(outcome.error, CleanupIncomplete)
    assert outcome.error.exit_code == 6
    # The namespace took the services with it, but the run has not seen that.
    assert outcome.result.objects.left == len(outcome.error.left) == 3
    assert "pyload cleanup --run-id" in str(outcome.error)


async def test_a_namespace_of_somebody_else_is_not_deleted(world: World) -> None:
    """pilot-load deletes a namespace that it did not make, with all that is in it."""
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh"}}
    await world.client.create("/api/v1/namespaces", theirs)
    outcome = await world.run(options())

    assert outcome.error is None
    assert "mesh" in world.names("Namespace")
    assert world.names("Pod") == []
    assert not [name for name in world.names("Service") if name != "kubernetes"]


async def test_a_namespace_of_a_killed_run_is_adopted_and_deleted(world: World) -> None:
    """Starting again after a crash must clean up what the crash left."""
    shutdown = Shutdown()
    killed = asyncio.create_task(world.run(options(duration=None), shutdown), name="killed")
    await asyncio.sleep(3)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    assert "mesh" in world.names("Namespace")
    outcome = await world.run(replace(options(), adopt=True))

    assert outcome.error is None
    assert "mesh" not in world.names("Namespace")


async def test_a_second_signal_stops_cleaning_up_and_says_what_is_left(world: World) -> None:
    """Somebody who presses ctrl-C twice wants out now, and needs to know what remains."""
    shutdown = Shutdown()

    def force(request: Request) -> Response | None:
        if request.verb == "delete":
            shutdown.signal()
        return None

    world.server.intercept = force
    run = asyncio.create_task(world.run(options(duration=None), shutdown), name="run")
    await asyncio.sleep(3)
    shutdown.signal()
    outcome = await run

    assert isinstance(outcome.error, CleanupIncomplete)
    assert outcome.error.exit_code == 6
    assert outcome.result.objects.left > 0


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_that_the_api_server_is_away_is_said_once(
    world: World, cluster_type: ClusterType, caplog: pytest.LogCaptureFixture
) -> None:
    """26 identical lines hid the one that says what is left (B15)."""
    shutdown = Shutdown()
    run = asyncio.create_task(world.run(options(cluster_type, duration=None), shutdown), name="run")
    await asyncio.sleep(3)

    def away(_: Request) -> Response | None:
        raise ClusterUnreachable("cannot reach the API server")

    world.server.intercept = away
    caplog.clear()
    shutdown.signal()
    outcome = await run

    assert [one for one in caplog.messages if "cannot reach" in one and "lease" not in one] == [
        "cleanup: cannot reach the API server"
    ]
    assert isinstance(outcome.error, CleanupIncomplete)


async def test_many_slow_namespaces_are_waited_for(world: World) -> None:
    """On a busy cluster 150 namespaces take more than half a minute; none of them is left."""
    text = MESH.replace(b"- name: mesh", b"- name: mesh\n  replicas: 30")
    gone = 0.0

    def slow(request: Request) -> Response | None:
        nonlocal gone
        parts = request.path.split("/")
        namespace = request.verb == "get" and len(parts) == 5 and parts[3] == "namespaces"
        if not namespace or request.path not in deleted:
            if request.verb == "delete" and len(parts) == 5 and parts[3] == "namespaces":
                gone += 3.0
                deleted[request.path] = asyncio.get_running_loop().time() + gone
            return None
        there = asyncio.get_running_loop().time() < deleted[request.path]
        return Response(200, b"{}") if there else None

    deleted: dict[str, float] = {}
    world.server.intercept = slow
    outcome = await world.run(options("real", text=text, duration=1.0))

    assert len(deleted) == 30
    assert outcome.error is None
    assert outcome.result.objects.left == 0


async def test_a_bug_with_one_object_keeps_no_other(world: World) -> None:
    """The rest of a mesh stayed in the cluster, for the user to look for."""
    crashed: list[str] = []

    def crash(request: Request) -> None:
        if request.verb == "delete" and "/services/" in request.path and not crashed:
            crashed.append(request.path)
            raise ZeroDivisionError("a bug")

    world.server.intercept = crash
    outcome = await world.run(options())

    assert str(outcome.error).startswith("internal error: ZeroDivisionError('a bug')")
    assert len(crashed) == 1
    assert outcome.result.objects.left == 0
    assert nothing_left(world)
