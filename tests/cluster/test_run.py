"""A mesh's whole life on in-memory servers: what is there, what is left, whatever goes wrong."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster import ClusterOptions, MeshRun, plan_run
from pyload.commands.servers import Servers
from pyload.config.load import load
from pyload.errors import (
    ApiError,
    CleanupIncomplete,
    ControlPlaneUnreachable,
    Interrupted,
    PyloadError,
)
from pyload.kube.client import Client
from pyload.kube.tokens import Tokens
from pyload.kube.transport import Response
from pyload.proxies.fleet import Route
from pyload.tasks import Stop
from pyload.xds.transport import Status
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from pyload.cluster.types import ClusterType
    from pyload.embedded.apiserver import Request
    from tests.cluster.conftest import World

pytestmark = pytest.mark.anyio

TYPES: list[ClusterType] = ["fake-node", "fake", "real"]

MESH = b"""
namespaces:
- name: mesh
  applications:
  - {name: web, replicas: 2, instances: 2}
  - {name: batch, type: plain, instances: 1}
nodes: [{name: node, count: 2}]
"""


def options(
    cluster_type: ClusterType = "fake-node", *, text: bytes = MESH, duration: float | None = 5.0
) -> ClusterOptions:
    """Say what to run."""
    return ClusterOptions(
        loaded=load(text, source="mesh.yaml"), cluster_type=cluster_type, duration=duration, seed=1
    )


def nothing_left(world: World) -> bool:
    """Tell whether the API server is as it was before the run."""
    return world.names("Node") == world.names("Lease") == world.names(
        "Pod"
    ) == [] and "mesh" not in world.names("Namespace")


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_every_proxy_is_configured_and_nothing_is_left(
    world: World, cluster_type: ClusterType
) -> None:
    """The main job: a mesh comes up, its proxies get their config, and it goes without a trace."""
    outcome = await world.run(options(cluster_type))
    result = outcome.result

    assert outcome.error is None
    assert (result.proxies.wanted, result.proxies.configured) == (4, 4)
    assert all(result.pushes[kind] >= 4 for kind in ("cds", "eds", "lds", "rds"))
    assert (result.objects.failed, result.objects.left) == (0, 0)
    # In a namespace of ours, the service account that a controller made is taken over.
    assert result.objects.deleted - result.objects.created == (cluster_type == "fake")
    assert nothing_left(world)


async def test_pods_run_with_the_ip_that_their_proxy_announces(world: World) -> None:
    """By these istiod finds a proxy's pod, and so its services, only if both say the same."""
    stop = Stop()
    run = asyncio.create_task(world.run(options(duration=None), stop), name="run")
    await asyncio.sleep(3)
    pods = [obj for resource, obj in world.server.store.objects() if resource.kind == "Pod"]
    ips = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods}
    stop.signal()
    await run

    assert len(ips) == len(set(ips.values())) == 5
    web = [name for name in ips if name.startswith("web-")]
    assert world.nodes.ids == {
        f"sidecar~{ips[name]}~{name}.mesh~mesh.svc.cluster.local" for name in web
    }


async def test_churn_keeps_the_mesh_at_its_size(world: World) -> None:
    """A mesh that shrinks or grows while it churns would load istiod with another test."""
    churning = MESH + b"jitter: {workloads: 1s}\n"
    outcome = await world.run(options(text=churning, duration=30.0))
    pods = world.recorder.requests

    assert outcome.error is None
    assert (outcome.result.proxies.wanted, outcome.result.proxies.configured) == (4, 4)
    assert sum(one.verb == "patch" and "/status" not in one.path for one in pods) > 20
    assert nothing_left(world)


@pytest.mark.parametrize("cluster_type", TYPES)
@pytest.mark.parametrize("step", range(0, 60, 3))
async def test_interrupting_the_start_at_any_request_leaves_nothing(
    world: World, cluster_type: ClusterType, step: int
) -> None:
    """ctrl-C during the start must not leave half a mesh in the user's cluster."""
    stop = Stop()
    seen = 0

    def interrupt(_: Request) -> Response | None:
        nonlocal seen
        seen += 1
        if seen == step + 1:
            stop.signal()
        return None

    world.server.intercept = interrupt
    outcome = await world.run(options(cluster_type, duration=0.5), stop)

    assert outcome.error is None or isinstance(outcome.error, Interrupted)
    assert outcome.result.objects.left == 0
    assert nothing_left(world)


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


async def test_passing_server_errors_do_not_end_a_run(world: World) -> None:
    """An API server under load answers 500 and 429 now and then."""
    count = 0

    def sometimes(_: Request) -> Response | None:
        nonlocal count
        count += 1
        return Response(500 if count % 2 else 429, b"{}") if count % 7 == 0 else None

    world.server.intercept = sometimes
    outcome = await world.run(options())

    assert outcome.result.proxies.configured == 4
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
    # The namespace took the services with it, but nobody has seen that.
    assert outcome.result.objects.left == len(outcome.error.left) == 3
    assert "kubectl delete" in str(outcome.error)


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
    stop = Stop()
    killed = asyncio.create_task(world.run(options(duration=None), stop), name="killed")
    await asyncio.sleep(3)
    killed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await killed
    assert "mesh" in world.names("Namespace")
    outcome = await world.run(options())

    assert outcome.error is None
    assert "mesh" not in world.names("Namespace")


async def test_a_second_signal_stops_cleaning_up_and_says_what_is_left(world: World) -> None:
    """Somebody who presses ctrl-C twice wants out now, and needs to know what remains."""
    stop = Stop()

    def force(request: Request) -> Response | None:
        if request.verb == "delete":
            stop.signal()
        return None

    world.server.intercept = force
    run = asyncio.create_task(world.run(options(duration=None), stop), name="run")
    await asyncio.sleep(3)
    stop.signal()
    outcome = await run

    assert isinstance(outcome.error, CleanupIncomplete)
    assert outcome.error.exit_code == 6
    assert outcome.result.objects.left > 0


async def test_an_api_error_carries_its_step(world: World) -> None:
    """`failed to bootstrap namespace` is what scripts grep for."""

    def refuse(request: Request) -> Response | None:
        return Response(422, b"{}") if request.path == "/api/v1/namespaces" else None

    world.server.intercept = refuse
    outcome = await world.run(options("real"))

    assert isinstance(outcome.error, ApiError)
    assert str(outcome.error).startswith("failed to bootstrap namespace: ")


async def test_a_run_in_which_no_proxy_was_ever_served_fails(world: World) -> None:
    """A wrong --auth would pass for a successful load test of nothing."""
    gone = Status(14, "UNAVAILABLE", "no TLS there")
    refusing = Peer(lambda _, name: gone if name == "open" else None)
    servers = Servers(
        Client(world.server.transport()), "memory", lambda _: Route(refusing, token=False)
    )
    chosen = options()
    outcome = await MeshRun(chosen, plan_run(chosen), servers).run(Stop())

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert "no proxy ever got its config" in str(outcome.error)
    assert outcome.result.objects.left == 0
    assert nothing_left(world)


async def test_an_account_that_may_not_create_tokens_is_told_so(world: World) -> None:
    """With 15012, every proxy would fail, and the reason stand only in its own log lines."""

    def refuse(request: Request) -> Response | None:
        return Response(403, b"{}") if request.path.endswith("/token") else None

    world.server.intercept = refuse
    client = Client(world.server.transport())
    route = Route(world.plane.transport(tokens=True), token=True)
    servers = Servers(client, "memory", lambda _: route, Tokens(client))
    chosen = options()
    outcome = await MeshRun(chosen, plan_run(chosen), servers).run(Stop())

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert "serviceaccounts/token" in str(outcome.error)


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
