"""A mesh on in-memory servers: how it starts, and how its proxies get their configuration."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from pyload.errors import ApiError
from pyload.kube.resources import SERVICE_ACCOUNTS
from pyload.kube.transport import Response
from pyload.manifests.objects import service_account
from pyload.tasks import Shutdown
from tests.mesh.meshes import AMBIENT, EVERYTHING, MESH, TYPES, nothing_left, options

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request
    from pyload.kube.resources import Obj
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio


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
    shutdown = Shutdown()
    run = asyncio.create_task(world.run(options(duration=None), shutdown), name="run")
    await asyncio.sleep(3)
    pods = [obj for resource, obj in world.server.store.objects() if resource.kind == "Pod"]
    ips = {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods}
    shutdown.signal()
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
async def test_every_kind_of_proxy_is_configured(world: World, cluster_type: ClusterType) -> None:
    """Gateways, waypoints and ztunnels would not load istiod at all, and the result look good."""
    nodes = 2 if cluster_type != "real" else 0
    first = await world.run(options(cluster_type, text=EVERYTHING))
    second = await world.run(options(cluster_type, text=AMBIENT))

    assert (first.error, second.error) == (None, None)
    assert first.result.proxies.configured == 3 + nodes
    assert second.result.proxies.configured == 3 + nodes
    assert {node_id.partition("~")[0] for node_id in world.nodes.ids} == {
        "sidecar",
        "router",
        "waypoint",
        *(["ztunnel"] if nodes else []),
    }
    assert nothing_left(world)


async def test_a_router_is_the_gateway_that_its_objects_select(world: World) -> None:
    """Its Gateway would find no workload, and its port 443 no certificate."""
    shutdown = Shutdown()
    chosen = options(text=EVERYTHING, duration=None)
    run = asyncio.create_task(world.run(chosen, shutdown), name="run")
    await asyncio.sleep(3)
    found: dict[str, list[Obj]] = {}
    for resource, obj in world.server.store.objects():
        found.setdefault(resource.kind, []).append(obj)
    shutdown.signal()
    await run
    pods = {pod["metadata"]["labels"]["app"] for pod in found["Pod"]}
    secrets = {secret["metadata"]["name"] for secret in found["Secret"]}
    [service] = (
        one for one in found["VirtualService"] if one["metadata"]["name"].startswith("web-")
    )

    assert len(found["Gateway"]) == len(secrets) == 2
    assert {one["metadata"]["name"] for one in found["Gateway"]} == secrets
    assert all(one["spec"]["selector"]["app"] in pods for one in found["Gateway"])
    assert set(service["spec"]["gateways"]) == {f"mesh/{name}" for name in secrets}
    pairs = {(secret["data"]["tls.crt"], secret["data"]["tls.key"]) for secret in found["Secret"]}
    assert len(pairs) == 1, "key pairs are made once for a run"


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


async def test_a_namespace_that_is_being_deleted_is_waited_for(world: World) -> None:
    """Right after another run, everything in the new one would be refused."""
    theirs = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mesh"}}
    await world.client.create("/api/v1/namespaces", theirs)
    dying = await world.client.get("/api/v1/namespaces/mesh")
    dying["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    asked = 0

    def terminating(request: Request) -> Response | None:
        nonlocal asked
        if not request.path.startswith("/api/v1/namespaces/mesh") or asked > 3:
            return None
        if request.verb in ("get", "update"):
            asked += request.verb == "get"
            return Response(200, json.dumps(dying).encode())
        return None

    await world.client.delete("/api/v1/namespaces/mesh")
    world.server.intercept = terminating
    outcome = await world.run(options())

    assert asked > 3
    assert outcome.error is None
    assert nothing_left(world)


async def test_a_namespace_that_never_goes_ends_the_run(world: World) -> None:
    """A finalizer without a controller would keep the run waiting for ever."""
    dying = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": "mesh",
            "resourceVersion": "1",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        },
    }

    def terminating(request: Request) -> Response | None:
        if request.path.startswith("/api/v1/namespaces/mesh") and request.verb != "delete":
            return Response(200, json.dumps(dying).encode())
        return None

    world.server.intercept = terminating
    outcome = await world.run(options())

    assert "namespace mesh is being deleted, and is still there after 50 s" in str(outcome.error)


async def test_an_api_error_carries_its_step(world: World) -> None:
    """`failed to bootstrap namespace` is what scripts grep for."""

    def refuse(request: Request) -> Response | None:
        return Response(422, b"{}") if request.path == "/api/v1/namespaces" else None

    world.server.intercept = refuse
    outcome = await world.run(options("real"))

    assert isinstance(outcome.error, ApiError)
    assert str(outcome.error).startswith("failed to bootstrap namespace: ")


@pytest.mark.parametrize("installed", [True, False])
async def test_ztunnels_can_prove_who_they_are(world: World, *, installed: bool) -> None:
    """Without Istio's ztunnel there is no such account, and no ztunnel ever got its config."""
    account = service_account("ztunnel", "istio-system", run_id="")
    del account["metadata"]["labels"]
    if installed:
        await world.client.create(SERVICE_ACCOUNTS.path("istio-system"), account)
    outcome = await world.run(options("fake", text=AMBIENT), authenticated=True)

    assert outcome.error is None
    assert outcome.result.proxies.configured == 5
    assert ("ztunnel" in world.names("ServiceAccount")) is installed
    assert nothing_left(world)


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_gateways_may_have_their_secrets(world: World, cluster_type: ClusterType) -> None:
    """In a cluster with RBAC, no gateway over TLS ever got its certificate or was configured."""
    outcome = await world.run(options(cluster_type, text=EVERYTHING), authenticated=True)

    assert outcome.error is None
    assert outcome.result.proxies.configured == outcome.result.proxies.wanted
    assert outcome.result.pushes["sds"] == 1
    assert world.names("Role") == world.names("RoleBinding") == []
    assert nothing_left(world)


async def test_without_the_right_to_grant_that_gateways_run_without(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An account that may not write roles can still load everything else."""

    def refuse(request: Request) -> Response | None:
        write = request.verb == "create" and request.path.endswith("/roles")
        return Response(403, b"{}") if write else None

    world.server.intercept = refuse
    outcome = await world.run(options(text=EVERYTHING), authenticated=True)

    assert outcome.error is None
    assert outcome.result.proxies.connected == outcome.result.proxies.wanted
    assert not outcome.result.pushes.get("sds")
    [warning] = [one.message for one in caplog.records if "no Secrets" in one.message]
    assert "namespace mesh" in warning
    assert nothing_left(world)
