"""The kubelet of the fake nodes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import Forbidden
from pyload.kube.client import Client
from pyload.mesh.kubelet import Action, Kubelet, Pod, decide
from tests.kube.peers import Lines, Request, Scripted, answer, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from pyload.kube.resources import Obj
    from pyload.kube.transport import Response

NOW = datetime(2026, 11, 23, 19, 4, 29, tzinfo=UTC)
WAITING = Pod(
    namespace="mesh",
    name="a",
    uid="u",
    resource_version="1",
    selected=True,
    node="n",
    phase="Pending",
    terminating=False,
    containers=(("app", "fake"),),
)

pytestmark = pytest.mark.virtual


def _pod(name: str = "a", *, version: str = "1", uid: str = "u", **changes: Any) -> Obj:
    metadata = {"name": name, "namespace": "mesh", "uid": uid, "resourceVersion": version}
    if changes.get("terminating"):
        metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    selector = {"pilot-load.istio.io/node": "fake"} if changes.get("selected", True) else {}
    return {
        "metadata": {**metadata, "labels": {"app": "x"}, "managedFields": [{}]},
        "spec": {
            "nodeName": changes.get("node", "n"),
            "nodeSelector": selector,
            "containers": [{"name": "app", "image": "fake", "env": []}],
        },
        "status": {"phase": changes.get("phase", "Pending"), "conditions": []},
    }


@given(
    selected=st.booleans(),
    terminating=st.booleans(),
    node=st.sampled_from(["", "n"]),
    phase=st.sampled_from(["", "Pending", "Running", "Succeeded", "Failed"]),
)
def test_what_a_pod_needs(*, selected: bool, terminating: bool, node: str, phase: str) -> None:
    """Foreign pods would be touched, or ours would hang in Pending or Terminating."""
    changed = replace(WAITING, selected=selected, terminating=terminating, node=node, phase=phase)

    action = decide(changed)

    if not selected:
        assert action is None
    elif terminating:
        assert action is Action.DELETE
    elif phase == "Running" or not node:
        assert action is None
    else:
        assert action is Action.RUN


class PodServer:
    """Lists no pods, watches what it is given, and answers writes as told."""

    def __init__(self, answers: Callable[[Request], Response] | None = None) -> None:
        self.writes: list[Request] = []
        self.pods: list[Obj] = []
        self._events: asyncio.Queue[bytes] = asyncio.Queue()
        self._answers = answers or (lambda _: answer(200))

    def tell(self, type_: str, obj: Obj) -> None:
        """Send an event to the watch."""
        self._events.put_nowait(orjson.dumps({"type": type_, "object": obj}))

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Answer a list or a write."""
        if method == "GET":
            return answer(200, {"metadata": {"resourceVersion": "1"}, "items": self.pods})
        decoded = None if body is None else orjson.loads(body)
        request = Request(method, path, dict(query or {}), decoded, content_type)
        self.writes.append(request)
        await asyncio.sleep(0.001)
        return self._answers(request)

    @contextlib.asynccontextmanager
    async def stream(self, path: str, *, query: Mapping[str, str]) -> AsyncIterator[Lines]:
        """Open a watch that never ends."""
        lines = Lines(200, [])

        async def forever() -> AsyncIterator[bytes]:
            while True:
                yield await self._events.get()

        lines.lines = forever  # type: ignore[method-assign]
        yield lines

    async def aclose(self) -> None:
        """Nothing to close."""


@contextlib.asynccontextmanager
async def _running(server: PodServer, ips: list[str] | None = None) -> AsyncIterator[Kubelet]:
    given = ips if ips is not None else []

    def next_ip(uid: str, namespace: str, name: str) -> str:
        given.append(f"{uid}/{namespace}/{name}")
        return f"10.0.0.{9 + len(given)}"

    kubelet = Kubelet(
        Client(server, rng=Random(1)), ips=next_ip, now=lambda: NOW, workers=2, rng=Random(1)
    )
    task = asyncio.create_task(kubelet.run(), name="kubelet")
    try:
        yield kubelet
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@pytest.mark.anyio
async def test_a_scheduled_pod_is_made_to_run() -> None:
    """A pod would stay Pending for ever, and istiod would have no endpoint for it."""
    server = PodServer()
    async with _running(server):
        server.tell("ADDED", _pod(node=""))
        await asyncio.sleep(1)
        assert not server.writes
        server.tell("MODIFIED", _pod(version="2"))
        await asyncio.sleep(1)

    (request,) = server.writes
    assert (request.method, request.path) == ("PATCH", "/api/v1/namespaces/mesh/pods/a/status")
    assert request.query == {"fieldManager": "pilot-load", "force": "true"}
    metadata = {"name": "a", "namespace": "mesh", "uid": "u", "resourceVersion": "2"}
    assert request.body["metadata"] == metadata
    assert request.body["status"]["podIP"] == "10.0.0.10"


@pytest.mark.anyio
async def test_a_terminating_pod_is_let_go_at_once_but_never_its_successor() -> None:
    """Foreign pods with a grace period would hang, or a StatefulSet's next pod would die."""
    server = PodServer()
    server.pods = [_pod(terminating=True, phase="Running")]
    async with _running(server):
        await asyncio.sleep(1)

    (request,) = server.writes
    assert request.method == "DELETE"
    assert request.body["gracePeriodSeconds"] == 0
    assert request.body["preconditions"] == {"uid": "u"}


@pytest.mark.anyio
async def test_thousands_of_pods_are_served_once_each_and_then_forgotten() -> None:
    """Memory would grow with the cluster, and events with the square of it."""
    server = PodServer()
    server.pods = [_pod(f"p{n}", uid=f"u{n}", selected=n % 2 == 0) for n in range(4000)]
    async with _running(server) as kubelet:
        await asyncio.sleep(5)
        for obj in server.pods[:10]:
            server.tell("MODIFIED", {**obj, "status": {"phase": "Running"}})
        await asyncio.sleep(1)
        assert not kubelet._work
        assert not kubelet._held

    assert len(server.writes) == 2000
    assert len({request.body["status"]["podIP"] for request in server.writes}) == 2000


@pytest.mark.anyio
async def test_trouble_is_retried_with_one_ip_and_given_up_in_the_contracts_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Scripts watch for these lines; an IP per attempt would drain the range."""
    caplog.set_level(logging.ERROR, logger="pyload")
    server = PodServer(lambda _: answer(422, status(422, "Invalid", "no")))
    asked: list[str] = []
    async with _running(server, asked):
        server.tell("ADDED", _pod())
        await asyncio.sleep(5)

    assert asked == ["u/mesh/a"]
    lines = [record.getMessage() for record in caplog.records]
    assert [line[: line.index(": PATCH")] for line in lines] == [
        *(f"error handling mesh/a, retrying (retry count: {n})" for n in range(1, 5)),
        "error handling mesh/a, and retry budget exceeded",
    ]
    assert caplog.records[0].__dict__["labels"] == {"controller": "pods"}
    assert len(server.writes) == 5


@pytest.mark.anyio
async def test_a_pod_that_changed_meanwhile_is_served_as_it_is_now() -> None:
    """A pod touched by another controller would be given up, or overwritten unseen."""

    def answers(request: Request) -> Response:
        stale = request.body["metadata"]["resourceVersion"] == "1"
        return answer(409, status(409, "Conflict")) if stale else answer(200)

    server = PodServer(answers)
    asked: list[str] = []
    async with _running(server, asked):
        server.tell("ADDED", _pod(version="1"))
        await asyncio.sleep(0.0005)
        server.tell("MODIFIED", _pod(version="2"))
        await asyncio.sleep(1)

    versions = [request.body["metadata"]["resourceVersion"] for request in server.writes]
    assert versions == ["1", "2"]
    assert asked == ["u/mesh/a"]


@pytest.mark.anyio
async def test_a_deleted_or_replaced_pod_is_forgotten() -> None:
    """The successor would get the dead pod's address."""
    server = PodServer(lambda _: answer(422, status(422)))
    asked: list[str] = []
    async with _running(server, asked) as kubelet:
        server.tell("ADDED", _pod())
        await asyncio.sleep(0.004)
        server.tell("DELETED", _pod())
        server.tell("ADDED", _pod(uid="next"))
        await asyncio.sleep(0.030)
        server.tell("DELETED", _pod(uid="next"))
        await asyncio.sleep(60)
        assert not kubelet._work

    assert asked == ["u/mesh/a", "next/mesh/a"]


@pytest.mark.anyio
async def test_start_and_end_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Scripts wait for these lines."""
    caplog.set_level(logging.INFO, logger="pyload")
    async with _running(PodServer()):
        await asyncio.sleep(1)

    assert [record.getMessage() for record in caplog.records] == ["starting", "stopped"]
    assert all(record.__dict__["labels"] == {"controller": "pods"} for record in caplog.records)


@pytest.mark.anyio
async def test_an_account_that_may_not_read_pods_ends_it_with_that_message() -> None:
    """All pods would stay Pending, without a word about the reason."""
    client = Client(Scripted(answer(403, status(403, "Forbidden", "no"))))

    with pytest.raises(Forbidden, match='verb "list" on "pods"'):
        await Kubelet(client, ips=lambda *_: "10.0.0.10").run()
