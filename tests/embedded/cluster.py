"""An embedded cluster in virtual time, and a short way to talk to it."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controllers.controllers import controllers
from pyload.embedded.kwok.admission import injector
from pyload.embedded.kwok.kwok import Kwok
from pyload.kube.client import Client
from pyload.tasks import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.embedded.controllers.control_loop import ControlLoop
    from pyload.embedded.kwok.stages import Stages
    from pyload.kube.resources import Obj


START = datetime(2026, 11, 23, 19, 0, 0, tzinfo=UTC)
MESH = "/api/v1/namespaces/mesh"
PODS = f"{MESH}/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/mesh/deployments"
REPLICA_SETS = "/apis/apps/v1/namespaces/mesh/replicasets"
JOBS = "/apis/batch/v1/namespaces/mesh/jobs"
NODES = "/api/v1/nodes"


class Cluster:
    """The API server with the injector, and a client.

    Attributes:
        server: The server.
        client: A client of it.
        writes: Verb and path of every write that was answered well.
        now: Returns the virtual time.
    """

    def __init__(self) -> None:
        self.writes: list[tuple[str, str]] = []
        self.now = _now
        self.server = ApiServer(
            now=_now,
            observer=lambda request, code: (
                self.writes.append((request.verb, request.path))
                if request.method != "GET" and code < 300
                else None
            ),
        )
        self.server.admit = injector(self.server)
        self.client = Client(self.server.transport(), rng=Random(1))

    @contextlib.asynccontextmanager
    async def controlled(
        self, *, leases: bool = False, seed: int = 1
    ) -> AsyncIterator[ControlLoop]:
        """Run the controllers."""
        loop = controllers(self.server, whole=True, leases=leases, rng=Random(seed), now=_now)
        task = asyncio.create_task(loop.run(), name="controllers")
        try:
            yield loop
            assert not task.done(), task
        finally:
            await cancel([task])

    @contextlib.asynccontextmanager
    async def kwok(self, stages: Stages = "fast", seed: int = 1) -> AsyncIterator[Kwok]:
        """Run the controllers and a kwok."""
        async with self.controlled(seed=seed) as loop:
            yield Kwok(loop, stages=stages)

    async def happened(self, name: str = "") -> list[tuple[str, str, int]]:
        """List reason, message and count of the mesh's events, or of those about one object."""
        found = (await self.client.list(f"{MESH}/events"))[0]
        return [
            (one["reason"], one["message"], one["count"])
            for one in found
            if name in ("", one["involvedObject"]["name"])
        ]

    async def pods(self) -> list[Obj]:
        """List the mesh's pods."""
        return (await self.client.list(PODS))[0]

    async def scale(self, name: str, replicas: int) -> None:
        """Scale a Deployment."""
        body = {"metadata": {"name": name}, "spec": {"replicas": replicas}}
        await self.client.update(f"{DEPLOYMENTS}/{name}/scale", body)

    async def events(self, path: str, seconds: int) -> list[tuple[str, Obj]]:
        """Watch a collection from now on."""
        _, version = await self.client.list(path)
        watch = self.client.watch(path, resource_version=version, timeout_seconds=seconds)
        async with contextlib.aclosing(watch) as events:
            return [event async for event in events if event[0] != "BOOKMARK"]


@contextlib.asynccontextmanager
async def started(stages: Stages = "fast", *, nodes: int = 2) -> AsyncIterator[Cluster]:
    """Run a cluster with kwok nodes and an injected namespace ``mesh``."""
    cluster = await prepared(nodes=nodes)
    async with cluster.kwok(stages):
        await asyncio.sleep(1)
        cluster.writes.clear()
        yield cluster


async def prepared(*, nodes: int = 2) -> Cluster:
    """Make a cluster in which nothing moves yet."""
    cluster = Cluster()
    labels = {"istio-injection": "enabled"}
    await cluster.client.create(
        "/api/v1/namespaces", {"metadata": {"name": "mesh", "labels": labels}}
    )
    for number in range(nodes):
        await cluster.client.create(NODES, node(f"kwok-{number}", number=number))
    return cluster


def _now() -> datetime:
    return START + timedelta(seconds=asyncio.get_running_loop().time())


def node(name: str, *, number: int = 0, kwok: bool = True, **status: Any) -> Obj:
    """Build a node."""
    annotations = {"kwok.x-k8s.io/node": "fake"} if kwok else {}
    info = {"nodeInfo": {"kubeletVersion": "v1.34.0"}}
    return {
        "metadata": {"name": name, "annotations": annotations, "labels": {"type": name}},
        "spec": {"podCIDR": f"10.{number}.0.0/16"},
        "status": {**info, **status},
    }


def template(app: str, labels: Obj | None = None, **spec: Any) -> Obj:
    """Build a pod template."""
    containers = [{"name": "app", "image": "fake", "ports": [{"containerPort": 80}]}]
    return {
        "metadata": {"labels": {"app": app, **(labels or {})}},
        "spec": {"containers": containers, **spec},
    }


def deployment(name: str, replicas: int = 3, **spec: Any) -> Obj:
    """Build a Deployment."""
    return {
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": template(name),
            **spec,
        },
    }


def pod(name: str, labels: Obj | None = None, **spec: Any) -> Obj:
    """Build a pod."""
    built = template(name, labels, **spec)
    return {"metadata": {"name": name, **built["metadata"]}, "spec": built["spec"]}


def is_ready(obj: Obj) -> bool:
    """Return whether the condition Ready is true."""
    conditions = obj.get("status", {}).get("conditions", ())
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


def running(pods: list[Obj]) -> int:
    """Count the pods that run and are ready."""
    return sum(one["status"]["phase"] == "Running" and is_ready(one) for one in pods)
