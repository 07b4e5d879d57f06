"""One application as churn changes it: what it keeps, and what a failure leaves."""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.config.parse import parse_config
from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ApiError
from pyload.kube.client import Client
from pyload.kube.transport import Response
from pyload.manifests.ips import IpAllocator
from pyload.mesh.growth import with_proxies
from pyload.mesh.mesh import Mesh
from pyload.mesh.names import Names
from pyload.mesh.planner import plan_cluster
from pyload.mesh.writer import Writer
from pyload.proxies.local_fleet import LocalFleet
from pyload.report.metrics import Metrics
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.embedded.apiserver.requests import Request
    from pyload.mesh.apps import App
    from pyload.mesh.cluster_types import ClusterType

pytestmark = pytest.mark.anyio

TEXT = b"""
namespaces:
- name: mesh
  applications:
  - {name: web, type: sidecar, pods: 2}
  - {name: machines, type: vm}
nodes: [{name: node, count: 1}]
"""


CONTAINERS = [{"name": "app", "image": "a"}]


class Started:
    """A mesh of two applications on an API server in memory, once all of it is there.

    Attributes:
        plan: Its plan with all of its proxies.
        requests: Requests that change pods or endpoints since then, as verb and name of the object.
    """

    def __init__(self, cluster_type: ClusterType, spare: int, proxies: int) -> None:
        config = parse_config(TEXT, source="mesh.yaml").config
        counted = IpAllocator()
        plan_cluster(config, cluster_type, names=Names(Random(1)), next_ip=counted.allocate)
        last = int(counted.allocate().rpartition(".")[2]) - 1 + spare
        self.ips, names = IpAllocator(last=f"10.0.0.{last}"), Names(Random(1))
        self.plan = plan_cluster(config, cluster_type, names=names, next_ip=self.ips.allocate)
        self.requests: list[tuple[str, str]] = []
        self.server = ApiServer(observer=self._observe)
        metrics = Metrics()
        self.fleet = LocalFleet(
            resolver_of(Peer(lambda *_: None)), delta=True, metrics=metrics, rng=Random(1)
        )
        self.mesh = Mesh(
            with_proxies(self.plan, proxies),
            writer=Writer(Client(self.server.transport(), rng=Random(1)), metrics),
            fleet=self.fleet,
            names=names,
            ips=self.ips,
        )

    def app(self, name: str) -> App:
        """Return the application that a name begins."""
        [app] = (one for (_, full), one in self.mesh.apps.items() if full.startswith(name))
        return app

    def pods(self) -> set[str]:
        """Return the names of the pods that are there."""
        return {
            obj["metadata"]["name"] for kind, obj in self.server.objects() if kind.kind == "Pod"
        }

    def endpoints(self) -> list[object]:
        """Return what lists the pods of Services."""
        found = [
            obj.get("subsets", obj.get("endpoints"))
            for kind, obj in self.server.objects()
            if kind.kind in ("Endpoints", "EndpointSlice")
        ]
        return sorted(found, key=str)

    def replicas(self) -> int:
        """Return how many pods the deployments want."""
        objects = (obj for kind, obj in self.server.objects() if kind.kind == "Deployment")
        return sum(obj["spec"]["replicas"] for obj in objects)

    def refuse(self, verb: str, part: str) -> None:
        """Refuse requests of a verb whose path holds a text, until they are accepted again."""

        def intercept(request: Request) -> Response | None:
            refused = request.verb == verb and part in request.path
            return Response(403, b"{}") if refused else None

        self.server.intercept = intercept

    def accept(self) -> None:
        """Refuse nothing any more."""
        self.server.intercept = None

    def _observe(self, request: Request, _code: int) -> None:
        if request.verb in ("create", "patch", "update", "delete"):
            parts = request.path.split("/")
            at = next((at for at, part in enumerate(parts) if part in ("pods", "endpoints")), None)
            if at is not None and len(parts) == at + 2:
                self.requests.append((request.verb, parts[-1]))


@contextlib.asynccontextmanager
async def started(
    cluster_type: ClusterType = "fake", *, spare: int = 1, proxies: int = 2
) -> AsyncIterator[Started]:
    """Start a mesh with some of its two proxies, that has as many addresses to spare."""
    world = Started(cluster_type, spare, proxies)
    async with world.fleet:
        await world.mesh.start()
        world.requests.clear()
        yield world


async def test_the_new_pod_and_its_endpoints_are_there_before_the_old_one_goes() -> None:
    """Clients would be sent to a pod that is gone, and an application of one pod have none."""
    async with started() as world:
        app = world.app("web")
        before = {pod.name for pod in app.pods}
        new = await app.refresh_pod(Random(1))
        [old] = before - {pod.name for pod in app.pods}

        assert world.requests == [("patch", new), ("update", app.plan.name), ("delete", old)]
        assert world.pods() == before - {old} | {new}
        assert f"mesh/{new}" in world.fleet
        assert f"mesh/{old}" not in world.fleet
        assert world.mesh.pod_ip("mesh", old) is None


@pytest.mark.parametrize("cluster_type", ["fake", "fake-node", "real"])
async def test_a_mesh_that_grows_has_what_one_would_that_was_built_so(
    cluster_type: ClusterType,
) -> None:
    """The last step of a ladder would have proxies that no Service lists, or twice as many."""
    async with started(cluster_type) as built, started(cluster_type, proxies=0) as grown:
        assert (len(grown.fleet), grown.pods()) == (0, set())

        await grown.mesh.grow(grown.plan)

        assert grown.pods() == built.pods()
        assert grown.app("web").pods == built.app("web").pods
        assert len(grown.fleet) == 2
        assert grown.endpoints() == built.endpoints()
        await grown.mesh.clean_up()
        assert (grown.pods(), len(grown.fleet)) == (set(), 0)


async def test_a_deployment_grows_by_its_replicas() -> None:
    """In kwok mode nobody else makes pods: the steps of a ladder would all be the first."""
    async with started("kwok", proxies=1) as world:
        before = world.replicas()

        await world.mesh.grow(world.plan)

        assert (before, world.replicas()) == (1, 2)


async def test_growth_counts_the_pods_that_churn_has_replaced() -> None:
    """A step after churn would start the wrong pods, or one too many."""
    async with started(proxies=1) as world:
        app = world.app("web")
        await app.refresh_pod(Random(1))

        await world.mesh.grow(world.plan)

        assert len(app.pods) == len(world.fleet) == len(world.pods()) == 2
        # The next refresh replaces one, where an application that is too large would only lose one.
        assert await app.refresh_pod(Random(1)) in world.pods()
        assert len(app.pods) == 2


async def test_a_pod_that_cannot_start_costs_no_address() -> None:
    """Hours of refused refreshes would use up the addresses, and end the run."""
    async with started() as world:
        app, rng = world.app("web"), Random(1)
        before = list(app.pods)
        world.refuse("patch", "/pods/")
        for _ in range(3):
            with pytest.raises(ApiError, match="failed to apply pod"):
                await app.refresh_pod(rng)
        world.accept()

        assert app.pods == before
        assert len(world.mesh.context.pod_ips) == len(before)
        assert await app.refresh_pod(rng) in world.pods()


async def test_a_pod_that_cannot_be_deleted_goes_with_the_next_refresh() -> None:
    """Each refused deletion would let the application grow by a pod."""
    async with started(spare=2) as world:
        app, rng = world.app("web"), Random(1)
        world.refuse("delete", "/pods/")
        with pytest.raises(ApiError):
            await app.refresh_pod(rng)
        left = app.pods[0].name
        assert len(app.pods) == 3
        world.accept()
        world.requests.clear()

        assert await app.refresh_pod(rng) == left
        assert world.requests == [("delete", left)]
        assert len(app.pods) == len(world.pods()) == 2


async def test_a_deployments_pod_is_deleted_and_not_replaced_by_the_run() -> None:
    """With kwok, the controller makes the next pod; one of the run's own would be one too many."""
    async with started("kwok") as world:
        app, client = world.app("web"), world.mesh.writer.client
        assert await app.refresh_pod(Random(1)) == ""
        for name in ("a", "b"):
            labels = {"app": app.plan.name if name == "a" else "other"}
            pod = {"metadata": {"name": name, "labels": labels}, "spec": {"containers": CONTAINERS}}
            await client.create("/api/v1/namespaces/mesh/pods", pod)
        world.requests.clear()

        assert await app.refresh_pod(Random(1)) == "a"
        assert world.requests == [("delete", "a")]


async def test_an_application_outside_of_the_cluster_has_no_pod_to_replace() -> None:
    """Churn counts such a turn as idle, not as done."""
    async with started() as world:
        assert await world.app("machines").refresh_pod(Random(1)) == ""
        assert world.requests == []


async def test_a_refused_change_of_an_address_keeps_the_old_one() -> None:
    """The next change would leave behind what the mesh really has, and lose an address."""
    async with started() as world:
        app, rng = world.app("machines"), Random(1)
        [entry] = (one for one in app.istio_objects if one.kind == "workloadEntry")
        world.refuse("update", "/workloadentries/")
        for _ in range(3):
            with pytest.raises(ApiError):
                await app.refresh_istio_object(entry, rng)
        assert entry in app.istio_objects
        world.accept()
        new = await app.refresh_istio_object(entry, rng)

        assert new.address != entry.address
        assert new in app.istio_objects
        assert entry not in app.istio_objects
        # What the old one has released is the next one's.
        await app.refresh_istio_object(new, rng)


async def test_what_cannot_be_deleted_keeps_nothing_else() -> None:
    """One pod with a finalizer would leave a whole application behind."""
    async with started() as world:
        app = world.app("web")
        stuck, gone = (pod.name for pod in app.pods)
        world.refuse("delete", f"/pods/{stuck}")
        steps = [
            step
            for part in world.mesh.parts()
            for group in part.groups
            if group.app is app.plan
            for step in group.steps
        ]
        [error] = await app.stop(steps)

        assert isinstance(error, ApiError)
        assert world.pods() == {stuck}
        assert [pod.name for pod in app.pods] == [stuck]
        assert f"mesh/{gone}" not in world.fleet
        kinds = {kind.kind for kind, obj in world.server.objects() if app.plan.name in str(obj)}
        assert not kinds & {"Service", "Endpoints", "EndpointSlice"}
