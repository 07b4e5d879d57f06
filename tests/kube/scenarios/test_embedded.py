"""The client, its reflector and the kubelet against the embedded API server."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyload.config.app_types import SIDECAR
from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ClusterUnreachable, Conflict, NotFound
from pyload.kube.client import Client
from pyload.kube.decision import Create, Replace
from pyload.kube.resources import CONFIG_MAPS, NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS, Resource
from pyload.kube.tokens import Tokens
from pyload.kube.upsert import put_status, upsert
from pyload.kube.watch import Reflector
from pyload.manifests import objects, pods
from pyload.manifests.ips import IpAllocator
from pyload.mesh.kubelet import Kubelet
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from pyload.embedded.apiserver.requests import Request
    from pyload.kube.resources import Obj
    from pyload.kube.transport import Response

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUN = "run"

pytestmark = pytest.mark.virtual


class _View:
    """A copy of a collection, made of what a handler is told."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}

    def replace(self, objects: list[Obj]) -> None:
        """Handle all objects."""
        self.versions = dict(map(_version, objects))

    def event(self, type_: str, obj: Obj) -> None:
        """Handle one change."""
        name, version = _version(obj)
        if type_ == "DELETED":
            self.versions.pop(name, None)
        else:
            self.versions[name] = version


def _version(obj: Obj) -> tuple[str, str]:
    return obj["metadata"]["name"], obj["metadata"]["resourceVersion"]


@contextlib.asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name="background")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _server(**options: Any) -> tuple[ApiServer, Client]:
    """Make a server that has the namespace `mesh`."""
    server = ApiServer(now=lambda: NOW, **options)
    client = Client(server.transport(), rng=Random(1))
    await upsert(client, NAMESPACES, objects.namespace("mesh", run_id=RUN))
    return server, client


class _Faults:
    """Breaks requests of the reflector under test, and nobody else's."""

    def __init__(self, path: str, faults: list[str]) -> None:
        self._path = path
        self.left = deque(faults)

    def __call__(self, request: Request) -> Response | None:
        """Answer in the server's place, or raise, or let the request pass."""
        if request.path != self._path or not self.left:
            return None
        fault = self.left.popleft()
        if fault == "drop":
            raise ClusterUnreachable("dropped")
        return answer(int(fault), a_status(int(fault))) if fault else None


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["put", "remove"]), st.sampled_from("abcd")),
            st.tuples(
                st.sampled_from(["restart", "other", "sleep"]), st.sampled_from(["1", "700"])
            ),
        ),
        max_size=25,
    ),
    faults=st.lists(st.sampled_from(["", "drop", "500", "410", "429"]), max_size=12),
    history=st.integers(1, 5),
)
@settings(max_examples=60)
def test_the_view_ends_up_equal_to_the_embedded_server(
    steps: list[tuple[str, str]], faults: list[str], history: int
) -> None:
    """The two halves of pyload would disagree on how a watch works."""

    async def scenario() -> None:
        server, client = await _server(history=history)
        trouble = server.intercept = _Faults(CONFIG_MAPS.path(), faults)
        view = _View()
        reflector = Reflector(client, CONFIG_MAPS, view, rng=Random(1))
        async with _background(reflector.run()):
            for number, (step, argument) in enumerate(steps):
                path = CONFIG_MAPS.path("mesh", argument)
                if step == "put":
                    metadata = {"name": argument, "namespace": "mesh"}
                    obj: Obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
                    await client.apply(path, {**obj, "data": {"n": str(number)}})
                elif step == "remove":
                    await client.delete(path)
                elif step == "restart":
                    server.close_watches()
                elif step == "sleep":
                    await asyncio.sleep(float(argument))
                else:
                    node = objects.node(f"n{number}", now=NOW, run_id=RUN, full=False)
                    await client.create(NODES.path(), node)
            while trouble.left:
                server.close_watches()
                await asyncio.sleep(100)
            await asyncio.sleep(700)
            server.intercept = None
            listed, _ = await client.list(CONFIG_MAPS.path())
            assert reflector.synced.is_set()
            assert view.versions == dict(map(_version, listed))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(scenario())


def _pod(name: str) -> Obj:
    return pods.pod(name, "mesh", app="a", type_=SIDECAR, node="n", run_id=RUN)


async def _phase(client: Client, name: str) -> str:
    return str((await client.get(PODS.path("mesh", name)))["status"]["phase"])


@pytest.mark.anyio
async def test_pods_of_a_fake_node_run_with_the_one_ip_that_they_were_planned_with() -> None:
    """Istiod would know the pod by another address than its proxy announces."""
    server, client = await _server()
    await upsert(client, SERVICE_ACCOUNTS, _account())
    node = objects.node("n", now=NOW, run_id=RUN, full=True)
    made = await upsert(client, NODES, node)
    await put_status(client, NODES, node, written=made.obj)
    ips = IpAllocator()
    given: dict[str, str] = {}

    def ip_of(_uid: str, _namespace: str, name: str) -> str:
        return given.setdefault(name, ips.allocate())

    failed = deque(["500", "503"] * 3)

    def trouble(request: Request) -> Response | None:
        if request.path.endswith("/status") and failed:
            code = int(failed.popleft())
            return answer(code, a_status(code))
        return None

    server.intercept = trouble
    names = [f"p{number}" for number in range(50)]
    async with _background(Kubelet(client, ips=ip_of, now=lambda: NOW, rng=Random(1)).run()):
        for name in names[:25]:
            await client.apply(PODS.path("mesh", name), _pod(name))
        await asyncio.sleep(1)
        server.close_watches()
        for name in names[25:]:
            await client.apply(PODS.path("mesh", name), _pod(name))
        await asyncio.sleep(30)
        pods, _ = await client.list(PODS.path("mesh"))

        assert {pod["status"]["phase"] for pod in pods} == {"Running"}
        assert {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in pods} == given
        assert len(set(given.values())) == 50

        graceful = PODS.path("mesh", "p0")
        await client.delete(graceful, grace_period_seconds=30)
        await asyncio.sleep(1)
        with pytest.raises(NotFound):
            await client.get(graceful)


def _account() -> Obj:
    return objects.service_account("default", "mesh", run_id=RUN)


@pytest.mark.anyio
async def test_upsert_creates_then_replaces_and_keeps_what_is_the_servers() -> None:
    """A second run over leftovers of the first would fail."""
    _, client = await _server()
    service = objects.service("a", "mesh", labels={}, run_id=RUN)
    services = Resource("", "v1", "services", "Service", namespaced=True)

    first = await upsert(client, services, service)
    second = await upsert(client, services, service)

    assert isinstance(first.decision, Create)
    assert isinstance(second.decision, Replace)
    assert second.obj["spec"]["clusterIP"] == first.obj["spec"]["clusterIP"]
    assert second.obj["metadata"]["uid"] == first.obj["metadata"]["uid"]


@pytest.mark.anyio
async def test_a_pod_is_not_deleted_in_place_of_its_namesake() -> None:
    """The kubelet would take down a StatefulSet's next pod."""
    _, client = await _server()
    await client.apply(PODS.path("mesh", "a"), _pod("a"))

    with pytest.raises(Conflict):
        await client.delete(PODS.path("mesh", "a"), uid="another")

    uid = (await client.get(PODS.path("mesh", "a")))["metadata"]["uid"]
    assert await client.delete(PODS.path("mesh", "a"), uid=uid) is True


@pytest.mark.anyio
async def test_tokens_come_from_the_server_and_a_missing_account_is_named() -> None:
    """Proxies with --auth jwt could not connect to the embedded control plane."""
    _, client = await _server()
    await upsert(client, SERVICE_ACCOUNTS, _account())
    tokens = Tokens(client, now=lambda: NOW)

    assert await tokens.get("mesh", "default") == await tokens.get("mesh", "default")
    with pytest.raises(NotFound, match="create the service account mesh/ghost first"):
        await tokens.get("mesh", "ghost")


@pytest.mark.anyio
async def test_a_kind_that_the_server_does_not_know_is_named() -> None:
    """A missing CRD would look like a missing object."""
    _, client = await _server()
    things = Resource("example.io", "v1", "things", "Thing", namespaced=True)

    with pytest.raises(NotFound, match=r"things of example\.io/v1 are not served"):
        await client.list(things.path())
    with pytest.raises(NotFound) as caught:
        await client.get(PODS.path("mesh", "ghost"))
    assert caught.value.fix == ""
