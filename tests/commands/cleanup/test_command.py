"""What a run that could not clean up leaves behind, and `pyload cleanup` removes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cleanup.command import CleanupCommand, CleanupOptions, run_cleanup
from pyload.commands.cluster.options import ClusterOptions
from pyload.config.parse import parse_config
from pyload.errors import CleanupIncomplete, PyloadError, UsageError
from pyload.harness.connection import Connection
from pyload.kube.resources import CONFIG_MAPS, LEASES, NAMESPACES, PODS
from pyload.kube.transport import Response
from pyload.manifests.objects import RUN_LABEL
from pyload.manifests.runs import Origin, run_lease
from pyload.tasks import Shutdown
from tests.mesh.conftest import open_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.mesh.cluster_types import ClusterType
    from tests.mesh.conftest import World

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

MESH = b"""
istio: {default: true}
nodes:
- {name: node, count: 2, ztunnel: {}}
namespaces:
- name: mesh
  replicas: 2
  istio: {default: true}
  applications:
  - {name: web, type: sidecar, instances: 2, istio: {default: true}}
  - {name: edge, type: router, instances: 1, gateways: {replicas: 2}}
  - {name: out, type: external, instances: 1}
  - {name: old, type: vm, instances: 1}
"""


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Servers in memory."""
    async with open_world() as opened:
        yield opened


def labelled(world: World) -> set[str]:
    """Return the names of the objects with a run's label."""
    return {
        f"{resource.kind} {obj['metadata'].get('namespace', '')}/{obj['metadata']['name']}"
        for resource, obj in world.server.store.objects()
        if RUN_LABEL in obj["metadata"].get("labels", {})
    }


async def killed(world: World, cluster_type: ClusterType) -> str:
    """Run a mesh whose cleanup fails for every object; give the run's name."""

    def refuse(request: Request) -> Response | None:
        lease = "/leases/pyload-" in request.path
        return Response(403, b"{}") if request.verb == "delete" and not lease else None

    world.server.intercept = refuse
    options = ClusterOptions(
        loaded=parse_config(MESH, source="mesh.yaml"),
        cluster_type=cluster_type,
        duration=1.0,
        seed=1,
    )
    outcome = await world.run(options)
    world.server.intercept = None
    assert isinstance(outcome.error, CleanupIncomplete)
    assert f"pyload cleanup --run-id {outcome.result.run_id}" in str(outcome.error)
    assert labelled(world)
    return outcome.result.run_id


async def clean(world: World, **options: object) -> Outcome:
    """Run the command."""
    chosen = CleanupOptions(connection=Connection(metrics_addr=""), **options)  # type: ignore[arg-type]
    return await CleanupCommand(world.client, chosen).run(Shutdown())


@pytest.mark.parametrize("cluster_type", ["fake-node", "fake", "real"])
async def test_everything_of_a_killed_run_goes(world: World, cluster_type: ClusterType) -> None:
    """Leftovers of ten thousand pods would have to be found and removed by hand."""
    run_id = await killed(world, cluster_type)
    outcome = await clean(world, run_id=run_id)

    assert outcome.error is None
    assert outcome.listing.startswith("removed ")
    assert "Namespace" in outcome.listing
    assert labelled(world) == set()
    assert (await clean(world, list_runs=True)).listing == "there are no runs"


async def test_a_dry_run_names_everything_and_touches_nothing(world: World) -> None:
    """Somebody who is not sure whose objects these are must be able to look first."""
    await killed(world, "fake-node")
    before = labelled(world)
    outcome = await clean(world, everything=True, dry_run=True)

    assert labelled(world) == before
    assert outcome.listing.count("would remove ") == len(before)
    assert outcome.listing.splitlines()[-1].startswith(f"{len(before)} objects: ")


async def test_other_runs_and_other_peoples_objects_stay(world: World) -> None:
    """A cleanup that deletes what it did not make is worse than none."""
    first = await killed(world, "fake-node")
    path = NAMESPACES.path()
    for name, labels in (("theirs", {}), ("other", {RUN_LABEL: "other"})):
        await world.client.create(path, {"metadata": {"name": name, "labels": labels}})
        await world.client.create(
            CONFIG_MAPS.path(name), {"metadata": {"name": "kept", "labels": labels}}
        )
    await clean(world, run_id=first)

    assert labelled(world) == {"Namespace /other", "ConfigMap other/kept"}
    assert "theirs" in world.names("Namespace")


async def test_what_cannot_be_removed_is_listed_and_the_exit_code_says_so(world: World) -> None:
    """A script would go on as if the cluster were clean."""
    run_id = await killed(world, "fake-node")

    def refuse(request: Request) -> Response | None:
        pod = request.verb == "delete" and "/pods/" in request.path
        return Response(403, b"{}") if pod else None

    world.server.intercept = refuse
    outcome = await clean(world, run_id=run_id)

    assert isinstance(outcome.error, CleanupIncomplete)
    assert outcome.error.exit_code == 6
    assert {one.partition(" ")[0] for one in outcome.error.left} == {"Pod"}
    assert len(set(outcome.error.left)) == len(outcome.error.left)


async def test_a_second_signal_ends_the_wait_for_namespaces(world: World) -> None:
    """Somebody who presses ctrl-C twice would still wait half a minute for each of them."""
    run_id = await killed(world, "fake-node")
    shutdown = Shutdown()

    def stuck(request: Request) -> Response | None:
        parts = request.path.split("/")
        if request.verb == "get" and len(parts) == 5 and parts[3] == "namespaces":
            return Response(200, b'{"status": {"conditions": [{}]}}')
        return None

    world.server.intercept = stuck
    now = asyncio.get_running_loop().time
    begun = now()
    for seconds in (2.0, 3.0):
        asyncio.get_running_loop().call_later(seconds, shutdown.signal)
    chosen = CleanupOptions(connection=Connection(metrics_addr=""), run_id=run_id)
    outcome = await CleanupCommand(world.client, chosen).run(shutdown)

    assert now() - begun == pytest.approx(3.0, abs=0.2)
    assert isinstance(outcome.error, CleanupIncomplete)
    assert {one.partition(" ")[0] for one in outcome.error.left} == {"Namespace"}


async def test_a_namespace_that_nobody_ends_is_finalized(world: World) -> None:
    """On a bare API server namespaces would be terminating for ever."""
    run_id = await killed(world, "fake")
    finalized = []

    def bare(request: Request) -> Response | None:
        # As without a namespace controller: deleting begins an end that never comes.
        name = request.path.removeprefix("/api/v1/namespaces/")
        if request.path.startswith("/api/v1/namespaces/") and "/" not in name:
            if request.verb == "delete":
                return Response(200, b"{}")
        elif request.path.endswith("/finalize"):
            finalized.append(request.path.split("/")[4])
        return None

    namespaces = {one.partition("/")[2] for one in labelled(world) if one.startswith("Namespace")}
    world.server.intercept = bare
    await clean(world, run_id=run_id)

    assert set(finalized) == namespaces


async def test_a_namespace_is_left_to_the_controller_that_ends_it(world: World) -> None:
    """Kubernetes' own waits for 5 s; finalized before that, a namespace leaves things behind."""
    run_id = await killed(world, "fake")
    finalized, begun = [], 0.0

    def slow(request: Request) -> Response | None:
        nonlocal begun
        name = request.path.removeprefix("/api/v1/namespaces/")
        now = asyncio.get_running_loop().time()
        if request.path.endswith("/finalize"):
            finalized.append(request.path)
        elif request.path.startswith("/api/v1/namespaces/") and "/" not in name:
            if request.verb == "delete":
                begun = now
                return Response(200, b"{}")
            if begun and now < begun + 8:
                return Response(200, b"{}")
            if begun:
                return Response(404, b"{}")
        return None

    world.server.intercept = slow
    outcome = await clean(world, run_id=run_id)

    assert outcome.error is None
    assert finalized == []


async def abandoned(world: World, run_id: str, *, seconds_ago: int) -> None:
    """Leave a namespace of a run, and its Lease as it was renewed some time ago."""
    now = datetime.now(UTC)
    origin = Origin(run_id, started=now - timedelta(hours=5), by="alice@ci")
    labels = {RUN_LABEL: run_id}
    name = f"of-{run_id}"
    await world.client.create(NAMESPACES.path(), {"metadata": {"name": name, "labels": labels}})
    lease = run_lease(origin, now=now - timedelta(seconds=seconds_ago))
    await world.client.create(LEASES.path("default"), lease)


async def test_all_leaves_runs_alone_that_are_under_way(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """`cleanup --all` deleted 42 objects of a running run, without a word (A4)."""
    await abandoned(world, "dead", seconds_ago=61)
    await abandoned(world, "alive", seconds_ago=10)
    await clean(world, everything=True, yes=True)

    assert labelled(world) == {"Namespace /of-alive", "Lease default/pyload-alive"}
    warning = "run alive, started 5h ago by alice@ci, still running: left alone without --force"
    assert warning in caplog.messages
    assert (await clean(world, everything=True)).listing == (
        "nothing is left of any run that has ended"
    )

    await clean(world, everything=True, yes=True, force=True)
    assert labelled(world) == set()


async def test_all_asks_and_without_a_terminal_wants_yes(world: World) -> None:
    """A forgotten --run-id would remove the objects of everybody (A4)."""
    await abandoned(world, "dead", seconds_ago=61)
    questions: list[str] = []

    def reply(question: str, *, yes: bool) -> bool:
        questions.append(question)
        return yes

    with pytest.raises(UsageError, match=r"2 objects of 1 runs \(dead\); add --yes"):
        await clean(world, everything=True)
    with pytest.raises(PyloadError, match="nothing was removed"):
        await clean(world, everything=True, confirm=partial(reply, yes=False))
    assert len(labelled(world)) == 2
    await clean(world, everything=True, confirm=partial(reply, yes=True))

    assert questions == ["Remove 2 objects of 1 runs (dead)?"] * 2
    assert labelled(world) == set()


async def test_a_run_that_there_is_not_is_an_error_that_names_those_there_are(
    world: World,
) -> None:
    """A mistyped name passed for a clean cluster (A4)."""
    with pytest.raises(UsageError, match="run nope, nor that of any other run"):
        await clean(world, run_id="nope")
    await abandoned(world, "dead", seconds_ago=61)
    with pytest.raises(UsageError, match="run nope; there are dead;") as caught:
        await clean(world, run_id="nope")

    assert caught.value.exit_code == 2


async def test_the_runs_are_listed(world: World) -> None:
    """Whoever finds a namespace that nobody owns cannot look into the log of its run (A4)."""
    await abandoned(world, "dead", seconds_ago=61)
    await abandoned(world, "alive", seconds_ago=10)
    outcome = await clean(world, list_runs=True)

    assert outcome.listing.splitlines()[0] == "RUN     AGE   LIVE   OBJECTS   STARTED BY"
    assert set(outcome.listing.splitlines()[1:]) == {
        "alive   5h    yes    1         alice@ci",
        "dead    5h    no     1         alice@ci",
    }


async def test_a_named_run_goes_though_it_may_be_under_way(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Who has just killed a run would have to wait until its Lease is over."""
    await abandoned(world, "alive", seconds_ago=10)
    await clean(world, run_id="alive")

    assert labelled(world) == set()
    assert "run alive, started 5h ago by alice@ci, still running: its Lease is not over yet" in (
        caplog.messages
    )


@pytest.mark.parametrize(
    "options", [{}, {"run_id": "x", "everything": True}, {"list_runs": True, "everything": True}]
)
async def test_it_must_be_said_whose_objects_to_remove(options: dict[str, object]) -> None:
    """A forgotten flag must not delete every run's objects."""
    with pytest.raises(UsageError, match="--run-id ID"):
        await run_cleanup(CleanupOptions(**options), shutdown=Shutdown())  # type: ignore[arg-type]


async def test_pods_of_a_kind_that_may_not_be_listed_are_mentioned(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """An account with few rights must learn that there may be more."""
    run_id = await killed(world, "fake-node")

    def refuse(request: Request) -> Response | None:
        hidden = request.verb == "list" and request.path == PODS.path()
        return Response(403, b"{}") if hidden else None

    world.server.intercept = refuse
    await clean(world, run_id=run_id)

    assert any("pods may hold more" in text for text in caplog.messages)
