"""A mesh's whole life on in-memory servers: what is there, what is left, whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.command import ClusterCommand, ClusterOptions, plan_run
from pyload.config.parse import parse_config
from pyload.errors import (
    ApiError,
    CleanupIncomplete,
    ControlPlaneUnreachable,
    Interrupted,
    PyloadError,
)
from pyload.harness.servers import Servers
from pyload.kube.client import Client
from pyload.kube.resources import SERVICE_ACCOUNTS
from pyload.kube.tokens import Tokens
from pyload.kube.transport import Response
from pyload.manifests.objects import service_account
from pyload.tasks import Shutdown
from pyload.xds.transport import Status
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request
    from pyload.kube.resources import Obj
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

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


EVERYTHING = b"""
istio: {default: true}
namespaces:
- name: mesh
  istio: {default: true}
  applications:
  - {name: web, instances: 2, istio: {default: true, virtualService: {gateways: [main]}}}
  - {name: gw, type: router, instances: 1, gateways: {name: main, replicas: 2}}
  - {name: ambient, type: ambient, instances: 1}
  - {name: outside, type: external, istio: {default: true}}
  - {name: machines, type: vm}
nodes: [{name: node, count: 2, ztunnel: {}}]
"""

AMBIENT = b"""
namespaces:
- name: mesh
  waypoint: wp
  gracePeriod: 10ms
  applications:
  - {name: wp, type: waypoint, pods: 2}
  - {name: app, type: ambient, replicas: 2, pods: 2}
  - {name: gw, type: gateway, pods: 1}
nodes: [{name: node, count: 2, ztunnel: {}}]
"""

OURS = "pyload.dev/run"


def options(
    cluster_type: ClusterType = "fake-node", *, text: bytes = MESH, duration: float | None = 5.0
) -> ClusterOptions:
    """Return the options of a run."""
    return ClusterOptions(
        loaded=parse_config(text, source="mesh.yaml"),
        cluster_type=cluster_type,
        duration=duration,
        seed=1,
    )


def nothing_left(world: World) -> bool:
    """Return whether the API server is as it was before the run."""
    ours = [
        obj["metadata"]["name"]
        for _, obj in world.server.store.objects()
        if OURS in (obj["metadata"].get("labels") or {})
    ]
    return world.names("Pod") == ours == [] and "mesh" not in world.names("Namespace")


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


async def test_istio_objects_come_in_the_best_version_that_is_served(world: World) -> None:
    """Older control planes do not know `v1`; newer ones will not know `v1beta1`."""
    hidden = {"networking.istio.io/v1", "security.istio.io/v1"}

    def older(request: Request) -> Response | None:
        group = request.path.removeprefix("/apis/")
        if any(group.startswith(f"{one}/") or group == one for one in hidden):
            return Response(404, b"{}")
        if group in ("networking.istio.io", "security.istio.io"):
            version = {"groupVersion": f"{group}/v1beta1", "version": "v1beta1"}
            third = {"groupVersion": f"{group}/v1alpha3", "version": "v1alpha3"}
            versions = [version, *([third] if group.startswith("net") else [])]
            return Response(200, json.dumps({"kind": "APIGroup", "versions": versions}).encode())
        return None

    world.server.intercept = older
    outcome = await world.run(options(text=EVERYTHING))
    written = {
        request.path.rsplit("/", 1)[-1]: request.path.split("/")[3]
        for request in world.recorder.requests
        if request.verb == "create" and "istio.io" in request.path
    }

    assert outcome.error is None
    assert written["virtualservices"] == written["peerauthentications"] == "v1beta1"
    assert (written["envoyfilters"], written["telemetries"]) == ("v1alpha3", "v1")
    assert nothing_left(world)


async def test_a_kind_that_is_not_served_is_said_before_anything_is_made(world: World) -> None:
    """Half of the mesh would be there before the user learns that Istio is not installed."""

    def bare(request: Request) -> Response | None:
        return Response(404, b"{}") if "istio.io" in request.path else None

    world.server.intercept = bare
    outcome = await world.run(options(text=EVERYTHING))

    assert "the cluster does not serve " in str(outcome.error)
    assert ".istio.io" in str(outcome.error)
    assert outcome.result.objects.created == 0


async def test_an_account_that_may_not_discover_uses_the_newest_versions(world: World) -> None:
    """A narrow role is no reason not to run."""

    def refuse(request: Request) -> Response | None:
        parts = request.path.strip("/").split("/")
        return Response(403, b"{}") if parts[0] == "apis" and len(parts) <= 3 else None

    world.server.intercept = refuse
    outcome = await world.run(options(text=EVERYTHING))

    assert outcome.error is None
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
    outcome = await world.run(options())

    assert outcome.error is None
    assert "mesh" not in world.names("Namespace")


async def test_a_namespace_that_is_being_deleted_is_waited_for(world: World) -> None:
    """Right after another run, everything in the new one would be refused (D27)."""
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
    servers = Servers(Client(world.server.transport()), "memory", resolver_of(refusing))
    chosen = options()
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())

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
    transport = world.plane.transport(tokens=True)
    resolver = resolver_of(transport, auth="plaintext-jwt", tokens=Tokens(client))
    servers = Servers(client, "memory", resolver)
    chosen = options()
    outcome = await ClusterCommand(chosen, plan_run(chosen), servers).run(Shutdown())

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert "serviceaccounts/token" in str(outcome.error)


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
