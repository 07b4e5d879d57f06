"""Churn of pods, Istio objects and Secrets: at its rate, counted, and without losing a pod."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar

import pytest

from pyload.commands.cluster.options import ClusterOptions
from pyload.config.parse import parse_config
from pyload.kube.transport import Response
from pyload.mesh.churn import Churn
from pyload.mesh.pause import Pause
from pyload.report.metrics import Metrics
from pyload.tasks import Shutdown
from tests.mesh.conftest import open_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.requests import Request
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio

CLASSIC = """
jitter: {workloads: %s, config: %s, secrets: %s}
namespaces:
- name: mesh
  istio: {telemetry: {}}
  applications:
  - {name: web, replicas: 2, instances: 2, istio: {default: true}}
  - {name: gw, type: router, instances: 1, gateways: {name: tls, replicas: 2}}
  - {name: machines, type: vm}
nodes: [{name: node, count: 2}]
"""

CURRENT = """
jitter: {workloads: 1s, config: 1s}
namespaces:
- name: mesh
  applications: [{name: web, pods: 2}, {name: machines, type: vm}]
"""

PLURALS = {
    "virtualservices",
    "destinationrules",
    "sidecars",
    "envoyfilters",
    "telemetries",
    "authorizationpolicies",
    "peerauthentications",
    "workloadentries",
}


def options(
    workloads: str = "0s",
    config: str = "0s",
    secrets: str = "0s",
    *,
    text: str = "",
    duration: float = 60.0,
    cluster_type: ClusterType = "fake-node",
) -> ClusterOptions:
    """Return the options of a run."""
    written = text or CLASSIC % (workloads, config, secrets)
    return ClusterOptions(
        loaded=parse_config(written.encode(), source="mesh.yaml"),
        cluster_type=cluster_type,
        duration=duration,
        seed=1,
    )


def changed(world: World) -> Counter[str]:
    """Count the objects that were written again, by the plural of their kind."""
    return Counter(
        request.path.split("/")[-2]
        for request in world.recorder.requests
        if request.verb == "update" and request.code == 200 and "/mesh/status" not in request.path
        if "/namespaces/mesh/" in request.path
    )


async def test_every_kind_of_an_application_changes_and_nothing_else(world: World) -> None:
    """A kind that never changes is one whose pushes are never measured."""
    outcome = await world.run(options(config="100ms"))
    counts = changed(world)

    assert outcome.error is None
    assert set(counts) == PLURALS
    assert sum(counts.values()) == outcome.result.churn["configs"]["done"]
    assert 500 < sum(counts.values()) < 700
    # The namespace's own Telemetry stays as it is.
    assert not any(
        request.path.endswith("/telemetries/mesh") and request.verb == "update"
        for request in world.recorder.requests
    )


class Apps:
    """A mesh of applications that count how often a pod of theirs is replaced.

    Attributes:
        counts: Refreshes, by the number of pods that the application has.
        seconds: How long each takes.
    """

    template_objects: ClassVar[dict[str, object]] = {}

    def __init__(self, *pods: int, seconds: float = 0.0) -> None:
        self.counts: Counter[int] = Counter()
        self.seconds = seconds
        self.apps = {("mesh", str(index)): self._app(count) for index, count in enumerate(pods)}

    def _app(self, pods: int) -> SimpleNamespace:
        async def refresh_pod(_rng: Random) -> str:
            await asyncio.sleep(self.seconds)
            self.counts[pods] += 1
            return "name" if pods else ""

        plan = SimpleNamespace(name="app", namespace="mesh", pods=("pod",) * pods)
        templates = SimpleNamespace(templates=())
        return SimpleNamespace(
            plan=plan, istio_objects=(), template_objects=templates, refresh_pod=refresh_pod
        )

    def churn(self, seconds: float, *, grows: bool = False, pause: Pause | None = None) -> Churn:
        """Return the churn of their pods."""
        return Churn(
            self,  # type: ignore[arg-type]
            {"workloads": seconds},
            rng=Random(1),
            metrics=Metrics(),
            current=True,
            grows=grows,
            pause=pause,
        )


async def test_churn_goes_on_where_it_was_interrupted() -> None:
    """With steps shorter than its interval there would be no churn at all."""
    apps = Apps(1)
    churn = apps.churn(30.0)

    for _ in range(10):
        await churn.run(10.0)
        # A mesh takes its time to grow.
        await asyncio.sleep(300.0)

    assert apps.counts[1] == pytest.approx(3, abs=1)


async def test_churn_finishes_its_change_at_the_end_of_a_step() -> None:
    """A pod would be there twice, and the next step have one proxy more than it says."""
    apps = Apps(1, seconds=7.0)
    began = asyncio.get_running_loop().time()

    await apps.churn(6.0).run(10.0)

    assert apps.counts[1] == 1
    assert asyncio.get_running_loop().time() - began > 10.0


async def test_churn_of_a_mesh_that_grows_changes_what_is_there() -> None:
    """The first step of a ladder would have a tenth of the churn of the last."""
    apps = Apps(1, 0, 0, 0, 0)

    await apps.churn(1.0, grows=True).run(100.0)

    assert apps.counts[1] > 90
    assert not apps.counts[0]


async def test_nothing_changes_in_a_pause_and_what_was_due_is_due_later() -> None:
    """A user who pauses to look at a mesh at rest would find a burst of changes afterwards."""
    apps, pause = Apps(1), Pause()
    task = asyncio.create_task(apps.churn(10.0, pause=pause).run(), name="churn")

    await asyncio.sleep(105.0)
    before = apps.counts[1]
    pause.toggle()
    await asyncio.sleep(1000.0)
    assert apps.counts[1] == before == pytest.approx(10, abs=1)
    pause.toggle()
    await asyncio.sleep(2.0)
    assert apps.counts[1] <= before + 1
    await asyncio.sleep(98.0)
    assert apps.counts[1] == pytest.approx(20, abs=2)
    task.cancel()


async def test_a_pause_between_two_changes_puts_off_the_next_one() -> None:
    """It would come although the user has only just looked away."""
    apps, pause = Apps(1), Pause()
    task = asyncio.create_task(apps.churn(100.0, pause=pause).run(), name="churn")

    await asyncio.sleep(10.0)
    pause.toggle()
    await asyncio.sleep(30.0)
    pause.toggle()
    assert pause.seconds == pytest.approx(30.0)
    await asyncio.sleep(20.0)
    before = apps.counts[1]
    await asyncio.sleep(140.0)
    assert (before, apps.counts[1]) == (0, 1)
    task.cancel()


async def test_a_step_ends_in_time_in_spite_of_a_pause() -> None:
    """A ladder would stand still until somebody presses the key again."""
    apps, pause = Apps(1), Pause()
    churn = apps.churn(10.0, pause=pause)
    pause.toggle()

    async with asyncio.timeout(31.0):
        await churn.run(30.0)
    assert not apps.counts[1]
    pause.toggle()
    await churn.run(100.0)
    assert apps.counts[1] == pytest.approx(10, abs=1)


async def test_two_runs_of_a_seed_make_and_change_the_same_objects() -> None:
    """A run that went wrong could not be had again (B10)."""
    runs = []
    for seed in (7, 7, 8):
        async with open_world() as world:
            chosen = replace(options("100ms", "200ms", "300ms", duration=10.0), seed=seed)
            await world.run(chosen)
            runs.append([(one.verb, one.path) for one in world.requests if one.verb != "get"])

    assert len(runs[0]) > 200
    assert sorted(runs[0]) == sorted(runs[1]) != sorted(runs[2])


async def test_secrets_alternate_between_two_pairs(world: World) -> None:
    """A certificate that is written again unchanged is not pushed to any proxy."""
    outcome = await world.run(options(secrets="1s"))
    bodies: dict[str, list[Mapping[str, str]]] = {}
    for request in world.recorder.requests:
        if "/secrets" in request.path and request.verb in ("create", "update"):
            body = json.loads(request.body)
            bodies.setdefault(body["metadata"]["name"], []).append(body["data"])

    assert outcome.result.churn["secrets"]["done"] == sum(map(len, bodies.values())) - 2
    assert len(bodies) == 2
    for versions in bodies.values():
        assert all(one != other for one, other in itertools.pairwise(versions))
        assert len({version["tls.crt"] for version in versions}) == 2


@pytest.mark.parametrize("cluster_type", ["fake-node", "fake", "real"])
async def test_all_three_go_on_side_by_side(world: World, cluster_type: ClusterType) -> None:
    """One kind of churn must not starve the others."""
    outcome = await world.run(options("2s", "1s", "3s", duration=120.0, cluster_type=cluster_type))
    done = {what: counts["done"] for what, counts in outcome.result.churn.items()}
    idle = outcome.result.churn["workloads"]["idle"]

    assert outcome.error is None
    # A quarter of the applications have no pods to replace.
    assert done["workloads"] + idle == pytest.approx(60, abs=12)
    assert done["configs"] == pytest.approx(120, abs=15)
    assert done["secrets"] == pytest.approx(40, abs=10)
    assert (outcome.result.proxies.wanted, outcome.result.proxies.configured) == (5, 5)
    assert outcome.result.objects.left == 0


async def test_churn_that_falls_behind_is_counted(world: World) -> None:
    """A report of 10 changes a second would be a lie if the API server manages two."""

    class Slow:
        """An API server that takes half a second for each change of an Istio object."""

        def __init__(self) -> None:
            self.inner = world.recorder.transport

        async def request(self, method: str, path: str, **rest: object) -> Response:
            if method == "PUT" and "istio.io" in path:
                await asyncio.sleep(0.5)
            return await self.inner.request(method, path, **rest)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(self.inner, name)

    world.recorder.transport = Slow()  # type: ignore[assignment]
    outcome = await world.run(options(config="100ms", duration=30.0))
    counts = outcome.result.churn["configs"]

    assert counts["done"] == pytest.approx(55, abs=5)
    assert counts["done"] + counts["dropped"] == pytest.approx(300, abs=20)
    assert f"{counts['dropped']} dropped" in outcome.result.to_text()


async def test_changes_that_fail_are_counted_and_the_run_goes_on(world: World) -> None:
    """An API server that says no once must not end a test of hours."""
    count = 0

    def sometimes(request: Request) -> Response | None:
        nonlocal count
        count += request.verb == "update"
        refused = request.verb == "update" and count % 3 == 0 and "istio.io" in request.path
        return Response(422, b"{}") if refused else None

    world.server.intercept = sometimes
    outcome = await world.run(options(config="1s"))
    counts = outcome.result.churn["configs"]

    assert outcome.error is None
    assert counts["failed"] > 10
    assert counts["done"] > 2 * counts["failed"] - 5


@pytest.mark.parametrize("refused", ["patch", "delete"])
async def test_the_mesh_keeps_its_size_while_its_refreshes_fail(world: World, refused: str) -> None:
    """Hours of churn with an error now and then would end with another mesh than it began with."""
    shutdown = Shutdown()
    count = 0

    def sometimes(request: Request) -> Response | None:
        nonlocal count
        pods = "/pods/" in request.path and not request.path.endswith("/status")
        if request.verb != refused or not pods or asyncio.get_running_loop().time() - begun < 5:
            return None
        count += 1
        # A pod is tried ten times.
        return Response(403, b"{}") if count % 30 < 25 else None

    begun = asyncio.get_running_loop().time()
    world.server.intercept = sometimes
    chosen = options(workloads="1s", duration=10_000.0)
    run = asyncio.create_task(world.run(chosen, shutdown), name="run")
    sizes = []
    for _ in range(60):
        await asyncio.sleep(10)
        sizes.append(len(world.names("Pod")))
    world.server.intercept = None
    await asyncio.sleep(100)
    sizes.append(len(world.names("Pod")))
    shutdown.signal()
    outcome = await run

    # Each application has one pod too many at most, and none in the end.
    assert min(sizes) >= 5
    assert max(sizes) <= 5 + 3
    assert sizes[-1] == 5
    assert outcome.result.churn["workloads"]["failed"] > 10
    assert outcome.result.objects.left == 0


async def test_the_current_dialect_logs_what_it_has_changed(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Scripts count these lines of pilot-load."""
    caplog.set_level("INFO", logger="pyload")
    await world.run(options(text=CURRENT, duration=30.0))
    text = caplog.text

    assert "refreshed config mesh/machines-" in text
    assert "(*config.WorkloadEntry)" in text
    assert "refreshed workload mesh/web-" in text
    assert "refreshed workload skipped, no pods (*app.Application)" in text


async def test_the_classic_dialect_logs_what_it_is_going_to_change(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Scripts count these lines of pilot-load."""
    caplog.set_level("INFO", logger="pyload")
    await world.run(options("1s", "1s", "1s", duration=30.0))
    text = caplog.text

    assert "refresh workload web-" in text
    assert "refresh config *config." in text
    assert "refresh secret *config.Secret" in text


async def test_churn_without_anything_to_change_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The user asked for churn that this mesh cannot have."""
    caplog.set_level("INFO", logger="pyload")
    text = "jitter: {workloads: 1s, config: 1s, secrets: 1s}\nnodes: [{ztunnel: {}}]\n"
    outcome = await world.run(options(text=text, duration=5.0))

    assert all(counts["done"] == 0 for counts in outcome.result.churn.values())
    assert all(counts["idle"] for counts in outcome.result.churn.values())
    for what in ("instances", "configs", "secrets"):
        assert f"no {what} to scale" in caplog.text
