"""An API server that fails at any write: nothing of the run stays unseen, nothing else changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pyload.errors import ApiError, CleanupIncomplete, ClusterUnreachable, PyloadError
from pyload.kube.transport import Response
from pyload.tasks import Shutdown
from tests.kube.peers import answer, status
from tests.mesh.conftest import open_world
from tests.mesh.meshes import EVERYTHING, OURS, TYPES, nothing_left, options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pyload.embedded.apiserver.requests import Request
    from pyload.kube.resources import Obj
    from pyload.kube.transport import LineStream, Transport
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

Named = tuple[str, str, str]

CHURNING = EVERYTHING + b"jitter: {workloads: 300ms, config: 300ms, secrets: 300ms}\n"
TEMPLATES = b"""
jitter: {config: 300ms}
namespaces:
- name: mesh
  configs: [sidecar]
  applications:
  - {name: app, type: sidecar, replicas: 2, pods: 1, configs: [mixed, tls-secret]}
templates:
  mixed: |
    #refresh=true
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: "{{ .Name }}-{{ .RandNumber }}"}
    ---
    apiVersion: gateway.networking.k8s.io/v1
    kind: GatewayClass
    metadata: {name: "{{ .Name }}"}
    spec: {controllerName: a.b/c}
    ---
    apiVersion: v1
    kind: Namespace
    metadata: {name: "of-{{ .Name }}"}
"""


@dataclass
class Failing:
    """A transport on which some writes fail, in one of several ways.

    Attributes:
        transport: Carries the rest, and what is only lost on its way back.
        how: A status code, ``lost`` for an answer that never comes, or ``done`` for a server that
            carries a request out and says that it failed.
        first: The first write that fails, counted from 1.
        count: How many fail.
    """

    transport: Transport
    how: str
    first: int
    count: int
    seen: int = 0

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Pass a request on, or let it fail."""
        self.seen += method != "GET"
        fails = method != "GET" and 0 <= self.seen - self.first < self.count
        if fails and self.how.isdigit():
            return answer(int(self.how), status(int(self.how), "", "not now"))
        response = await self.transport.request(
            method, path, query=query, body=body, content_type=content_type
        )
        if fails and self.how == "lost":
            raise ClusterUnreachable("the connection broke off")
        return answer(500, status(500, "", "not now")) if fails else response

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[LineStream]:
        """Pass a watch on."""
        async with self.transport.stream(path, query=query) as stream:
            yield stream

    async def aclose(self) -> None:
        """Close the other transport."""
        await self.transport.aclose()


def objects(world: World) -> dict[Named, Obj]:
    """Return all objects, without the metadata that any write changes."""
    found: dict[Named, Obj] = {}
    for resource, obj in world.server.store.objects():
        metadata = {
            name: value
            for name, value in obj["metadata"].items()
            if name not in ("resourceVersion", "generation", "managedFields")
        }
        place = (resource.kind, metadata.get("namespace", ""), metadata["name"])
        found[place] = {**obj, "metadata": metadata}
    return found


def labels(obj: Obj) -> Mapping[str, str]:
    """Return an object's labels."""
    found: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return found


def unseen(
    before: Mapping[Named, Obj],
    after: Mapping[Named, Obj],
    error: PyloadError | None,
    warnings: list[str],
) -> set[str]:
    """Name the new objects that the error does not list, by themselves or with their namespace.

    The run's own Lease is gone after a minute in any case; a warning names it.
    """
    listed = set(error.left) if isinstance(error, CleanupIncomplete) else set()
    listed |= {text.partition(" stays, and is over in")[0] for text in warnings}
    spaces = {name.partition(" ")[2] for name in listed if name.startswith("Namespace ")}
    return {
        name
        for kind, namespace, own in after
        if (kind, namespace, own) not in before and namespace not in spaces
        for name in [f"{kind} {namespace}/{own}" if namespace else f"{kind} {own}"]
        if name not in listed
    }


THEIRS: tuple[tuple[str, Obj], ...] = (
    (
        "/api/v1/namespaces",
        {
            "metadata": {
                "name": "mesh",
                "labels": {"team": "shop"},
                "annotations": {"owner": "shop"},
                "finalizers": ["shop.example.com/keep"],
            }
        },
    ),
    ("/api/v1/namespaces/mesh/configmaps", {"metadata": {"name": "kept"}, "data": {"a": "b"}}),
    (
        "/apis/networking.istio.io/v1/namespaces/mesh/sidecars",
        {"metadata": {"name": "restrict-visibility"}, "spec": {"egress": [{"hosts": ["*/*"]}]}},
    ),
)


@pytest.mark.parametrize("cluster_type", TYPES)
@pytest.mark.parametrize("text", [CHURNING, TEMPLATES], ids=["churning", "templates"])
@pytest.mark.parametrize("how", ["403", "409", "lost", "done"])
async def test_whatever_write_fails_nothing_is_left_unseen(
    cluster_type: ClusterType, text: bytes, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A run that forgets an object leaves it for ever; one that takes another's destroys it."""
    for first in range(1, 90, 22):
        for count, others in ((1, THEIRS), (25, THEIRS if first % 4 == 1 else ())):
            async with open_world() as world:
                for path, obj in others:
                    await world.client.create(path, obj)
                await asyncio.sleep(1)
                before = objects(world)
                world.recorder.transport = Failing(world.recorder.transport, how, first, count)
                outcome = await world.run(options(cluster_type, text=text, duration=1.0))
                await asyncio.sleep(1)
                after = objects(world)

            assert unseen(before, after, outcome.error, caplog.messages) == set()
            assert before.keys() <= after.keys()
            assert not [place for place in before if OURS in labels(after[place])]
            assert (outcome.result.objects.left > 0) == isinstance(outcome.error, CleanupIncomplete)


def refusing(when: Callable[[Request], bool], code: int = 403) -> Callable[[Any], Response | None]:
    """Refuse some requests."""
    body = json.dumps(status(code, "", "not you")).encode()
    return lambda request: Response(code, body) if when(request) else None


@pytest.mark.parametrize("kind", ["nodes", "namespaces", "pods"])
@pytest.mark.parametrize("code", [403, 422])
async def test_an_object_whose_status_is_refused_is_removed(
    world: World, kind: str, code: int
) -> None:
    """A role without `nodes/status` is common; the node would be left behind, and not be listed."""
    world.server.intercept = refusing(
        lambda request: f"/{kind}/" in request.path and request.path.endswith("/status"), code
    )
    outcome = await world.run(options("fake" if kind == "pods" else "fake-node"))

    assert isinstance(outcome.error, ApiError)
    assert outcome.result.objects.left == 0
    assert nothing_left(world)


async def test_a_namespace_that_could_not_be_read_is_not_deleted(world: World) -> None:
    """It may be somebody else's, with everything that they have."""
    path = "/api/v1/namespaces/mesh"
    await world.client.create("/api/v1/namespaces", {"metadata": {"name": "mesh"}})
    world.server.intercept = refusing(
        lambda request: request.method == "GET" and request.path == path, 500
    )
    outcome = await world.run(options())

    assert isinstance(outcome.error, ApiError)
    assert outcome.result.objects.left == 0
    assert "mesh" in world.names("Namespace")


async def test_what_a_failed_run_leaves_decides_the_exit_code(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """A script would take a cluster that needs cleaning for one that only refused the run."""
    world.server.intercept = refusing(
        lambda request: request.method == "DELETE" or request.path.endswith("/services")
    )
    outcome = await world.run(options())

    assert isinstance(outcome.error, CleanupIncomplete)
    assert "Namespace mesh" in outcome.error.left
    assert any("/services: HTTP 403" in text for text in caplog.messages)


async def test_an_answer_that_makes_no_sense_does_not_keep_the_mesh(world: World) -> None:
    """A proxy in between that answers for the API server would leave a mesh and a traceback."""
    world.server.intercept = lambda request: (
        Response(201, b"{}")
        if request.path == "/api/v1/nodes" and request.method == "POST"
        else None
    )
    outcome = await world.run(options("fake"))

    assert "internal error" in str(outcome.error)
    assert nothing_left(world)


@pytest.mark.parametrize("cluster_type", TYPES)
async def test_a_namespace_of_a_template_is_waited_for(
    world: World, cluster_type: ClusterType
) -> None:
    """On a bare API server it would be terminating for ever, and the run say that it is gone."""
    ends: dict[str, float] = {}

    def slow(request: Request) -> Response | None:
        """Let each deleted namespace take three seconds to be gone."""
        now = asyncio.get_running_loop().time()
        deleted = request.method == "DELETE" and request.path.count("/") == 4
        if deleted and request.path.startswith("/api/v1/namespaces/of-"):
            ends.setdefault(request.path, now + 3)
            return None
        if request.method == "GET" and now < ends.get(request.path, 0):
            return Response(200, b"{}")
        return None

    world.server.intercept = slow
    outcome = await world.run(options(cluster_type, text=TEMPLATES, duration=0.1))
    finalized = [one for one in world.recorder.requests if one.path.endswith("/finalize")]

    assert outcome.error is None
    assert len(ends) == 2
    assert asyncio.get_running_loop().time() > max(ends.values())
    assert len(finalized) == (3 if cluster_type == "fake" else 0)
    assert nothing_left(world)


async def test_runs_after_each_other_spare_a_namespace_of_somebody_elses(world: World) -> None:
    """The first one's label on it would make it the second one's to delete."""
    for path, obj in THEIRS:
        await world.client.create(path, obj)
    for _ in range(2):
        outcome = await world.run(options(text=TEMPLATES, duration=1.0))
        assert outcome.error is None
    found = await world.client.get("/api/v1/namespaces/mesh")

    assert found["metadata"]["finalizers"] == ["shop.example.com/keep"]
    assert found["metadata"]["annotations"] == {"owner": "shop"}
    assert (
        found["metadata"]["labels"].items()
        >= {"team": "shop", "istio-injection": "enabled"}.items()
    )
    assert not [place for place, obj in objects(world).items() if OURS in labels(obj)]


async def test_a_namespace_that_is_being_deleted_is_not_touched(world: World) -> None:
    """The run's label on it would have `pyload cleanup` claim what others are deleting."""
    path = "/api/v1/namespaces/mesh"
    dying = {
        "metadata": {
            "name": "mesh",
            "resourceVersion": "1",
            "deletionTimestamp": "2026-01-01T00:00:00Z",
        }
    }
    written: list[str] = []

    def terminating(request: Request) -> Response | None:
        if not request.path.startswith(path):
            return None
        if request.method != "GET":
            written.append(request.path)
        return answer(200, dying)

    world.server.intercept = terminating
    outcome = await world.run(options(), Shutdown())

    assert "is still there after 50 s" in str(outcome.error)
    assert outcome.error is not None
    assert outcome.error.exit_code == 1
    assert written == []
