"""The proxies of pods that somebody else runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format

from pyload.cli.program import program
from pyload.commands.impersonate.command import (
    ImpersonateCommand,
    ImpersonateOptions,
    run_impersonate,
)
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.errors import Forbidden, UsageError
from pyload.harness.connection import Connection
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.servers import Servers
from pyload.harness.start_options import NO_WAIT
from pyload.kube.client import Client
from pyload.proxies.local_fleet import LocalFleet
from pyload.tasks import Shutdown, Supervisor
from pyload.xds.wire import discovery_pb2
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.pods.cluster import Cluster
from tests.pods.injected import plain_pod, pod, proxy_container
from tests.proxies.resolvers import resolver_of
from tests.report.schema import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.kube.transport import Response

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

TLS_MODE = {"security.istio.io/tlsMode": "istio"}


class World:
    """A cluster without kwok nodes, and a control plane for it."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.plane = ControlPlane(Client(self.cluster.server.transport()))
        self.runs: list[ImpersonateCommand] = []

    @contextlib.asynccontextmanager
    async def running(self, **rest: Any) -> AsyncIterator[ImpersonateCommand]:
        """Impersonate while the context lasts."""
        async with self.stopped_later(**rest) as (run, _):
            yield run

    @contextlib.asynccontextmanager
    async def stopped_later(
        self, *, metadata: Mapping[str, str] | None = None, **rest: Any
    ) -> AsyncIterator[tuple[ImpersonateCommand, list[Outcome]]]:
        """Impersonate while the context lasts; the outcome is in the list afterwards."""
        options = ImpersonateOptions(
            connection=Connection(metrics_addr="", metadata=metadata or {}), **rest
        )
        resolver = resolver_of(self.plane.transport())
        servers = Servers(self.cluster.client, "memory", resolver)
        run = ImpersonateCommand(options, servers, rng=Random(1))
        shutdown = Shutdown()
        outcomes: list[Outcome] = []
        async with Supervisor() as background:
            background.spawn(self.plane.run(), name="control-plane")
            task = asyncio.create_task(run.run(shutdown), name="impersonate")
            await asyncio.sleep(1)
            yield run, outcomes
            shutdown.signal()
            outcomes.append(await task)

    def nodes(self) -> list[str]:
        """Return the ids of the nodes that are connected, sorted."""
        return sorted(one.proxy.id for one in self.plane._connections)


@pytest.fixture
def world() -> World:
    """A cluster with one pod of each sort, and one that has ended."""
    world = World()
    world.cluster.put(
        pod("side", ip="10.0.0.1", labels=TLS_MODE),
        pod("gw", ip="10.0.0.2", proxy=proxy_container("router")),
        pod("wp", ip="10.0.0.3", proxy=proxy_container("waypoint")),
        plain_pod("plain", ip="10.0.0.4"),
        pod("done", ip="10.0.0.5", labels=TLS_MODE, phase="Succeeded"),
        pod("young", labels=TLS_MODE),
    )
    return world


def node(kind: str, ip: str, name: str) -> str:
    """Return the id of the node of a pod."""
    return f"{kind}~{ip}~{name}.mesh~mesh.svc.cluster.local"


SIDECARS = [node("sidecar", "10.0.0.1", "side")]
OTHERS = [
    node("router", "10.0.0.2", "gw"),
    node("sidecar", "10.0.0.4", "plain"),
    node("waypoint", "10.0.0.3", "wp"),
]


@pytest.mark.parametrize(
    ("selector", "expected"),
    [("sidecar", SIDECARS), ("external", OTHERS), ("both", sorted(SIDECARS + OTHERS))],
)
async def test_pods_are_selected_by_the_injectors_label(
    world: World, selector: str, expected: list[str]
) -> None:
    """As pilot-load does, but gateways are no sidecars, and what has ended stays so."""
    async with world.running(selector=selector) as run:
        assert world.nodes() == expected
        assert run.fleet.counts.configured == len(expected)


async def test_only_the_pods_of_one_namespace_are_asked_for(world: World) -> None:
    """A user with rights in one namespace could not impersonate its pods."""
    asked: set[str] = set()

    def in_one_namespace(request: Request) -> Response | None:
        asked.add(request.path)
        return None if "/namespaces/other/" in request.path else answer(403, a_status(403, "No"))

    world.cluster.put(pod("there", ip="10.0.0.9", namespace="other", labels=TLS_MODE))
    client = Client(world.cluster.server.transport())
    async with world.running(selector="external"):
        world.cluster.server.intercept = in_one_namespace
        options = ImpersonateOptions(
            connection=Connection(metrics_addr=""), duration=60.0, namespace="other"
        )
        servers = Servers(client, "memory", resolver_of(world.plane.transport()))
        outcome = await ImpersonateCommand(options, servers, rng=Random(1)).run(Shutdown())

    assert outcome.error is None
    assert outcome.result.proxies.connected == 1
    assert asked == {"/api/v1/namespaces/other/pods"}


async def test_a_pod_without_a_proxy_gets_a_sidecar_of_its_own_account(world: World) -> None:
    """Its labels decide which Sidecars apply to it, and its account which token it shows."""
    async with world.running(selector="external", metadata={"A": "b", "NAMESPACE": "no"}) as run:
        assert isinstance(run.fleet, LocalFleet)
        (running,) = [one for one in run.fleet._running.values() if one.spec.name == "plain"]
        spec = running.spec
        encoded = b"".join(run.fleet.nodes.encode(spec))

    assert (spec.type, spec.service_account, spec.cluster_id) == ("sidecar", "sa", "Kubernetes")
    labels = plain_pod("plain")["metadata"]["labels"]
    assert spec.labels == labels
    node = discovery_pb2.Node.FromString(encoded)
    metadata = json_format.MessageToDict(node.metadata)
    assert metadata["LABELS"] == labels
    assert {
        "A": "b",
        "INSTANCE_IPS": "10.0.0.4",
        "NAME": "plain",
        "NAMESPACE": "no",
        "SERVICE_ACCOUNT": "sa",
    }.items() <= metadata.items()


async def test_proxies_come_move_and_go_with_their_pods(world: World) -> None:
    """pilot-load keeps a pod's first IP for ever, and istiod then thinks of another pod."""
    async with world.running():
        world.cluster.put(pod("young", ip="10.0.0.6", labels=TLS_MODE))
        world.cluster.put(pod("side", ip="10.0.0.7", labels=TLS_MODE))
        await asyncio.sleep(1)
        young, moved = node("sidecar", "10.0.0.6", "young"), node("sidecar", "10.0.0.7", "side")
        assert world.nodes() == [young, moved]
        world.cluster.remove(pod("young"))
        world.cluster.put(pod("side", ip="10.0.0.7"))
        await asyncio.sleep(1)
        assert world.nodes() == []


async def test_replicas_start_and_stop_together(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Scripts grep the line of each connection: name, namespace, IP, replica."""
    caplog.set_level(logging.INFO, logger="pyload")
    async with world.running(replicas=3) as run:
        assert world.nodes() == SIDECARS * 3
        assert run.fleet.counts.wanted == 3
        world.cluster.remove(pod("side"))
        await asyncio.sleep(1)
        assert world.nodes() == []

    lines = [one.getMessage() for one in caplog.records if "Starting pod" in one.message]
    assert lines == [f"Starting pod side/mesh (10.0.0.1), replica {index}" for index in range(3)]
    labelled = [
        (one.name, one.message, one.labels)
        for one in caplog.records
        if hasattr(one, "labels") and one.name != "pyload.adsc"
    ]
    assert labelled == [
        ("pyload.controllers", "starting", {"controller": "pods"}),
        ("pyload", "sync complete", {"name": "pods", "attempt": 1, "time": "0.000s"}),
        ("pyload", "sync complete", {"name": "queue", "attempt": 1, "time": "0.000s"}),
        ("pyload.controllers", "stopped", {"controller": "pods"}),
    ]


async def test_the_delay_is_between_two_starts_and_blocks_nothing_else(world: World) -> None:
    """A pod that goes while others wait for their turn must not be started after it is gone."""
    world.cluster.put(*(pod(f"p{n}", ip=f"10.0.1.{n}", labels=TLS_MODE) for n in range(4)))
    async with world.running(replicas=2, delay=1.0) as run:
        await asyncio.sleep(0.5)
        assert world.nodes() == [node("sidecar", "10.0.1.0", "p0")] * 2
        world.cluster.remove(*(pod(f"p{n}") for n in range(4)))
        await asyncio.sleep(20)
        assert world.nodes() == SIDECARS * 2
        assert run.fleet.counts.wanted == 4


async def test_the_result_says_which_pods_have_no_proxy(world: World, tmp_path: Path) -> None:
    """Without it a user cannot tell a pod that is not selected from one that was forgotten."""
    out = tmp_path / "r.json"
    world.cluster.put(plain_pod("host", ip="192.0.2.1", labels={}), plain_pod("wait"))
    grpc = proxy_container(ISTIO_META_GENERATOR="grpc")
    world.cluster.put(pod("grpc", ip="10.0.0.9", proxy=grpc))
    async with world.stopped_later(selector="external", out=out, replicas=2) as (_, outcomes):
        world.cluster.put(plain_pod("late", ip="10.0.0.10"))
        await asyncio.sleep(1)

    (outcome,) = outcomes
    assert outcome.error is None
    assert outcome.result.exit_reason == "stopped by a signal"
    assert problems_of(outcome.result) == []
    assert "pods               7, 5 with a proxy" in outcome.result.to_text()
    saved = json.loads(out.read_text())
    assert saved["kwok"]["nodes"] is None
    assert saved["kwok"]["types"] == {"sidecar": 3, "router": 1, "waypoint": 1}
    assert saved["kwok"]["skipped"] == {"proxyless gRPC": 1}
    assert saved["kwok"]["waiting"] == {"no pod IP": 1}
    assert saved["kwok"]["from_ip"]["count"] == 1
    assert saved["proxies"]["connected"] == saved["proxies"]["wanted"] == 10


async def test_the_duration_ends_the_run(world: World) -> None:
    """A pipeline has nobody who presses Ctrl-C."""
    async with world.stopped_later(duration=5.0) as (_, outcomes):
        await asyncio.sleep(10)

    assert outcomes[0].result.exit_reason == "its duration was over"


async def test_an_account_that_may_read_nothing_but_pods_suffices(world: World) -> None:
    """pilot-load's ClusterRole for it has pods and nothing else."""
    asked: set[str] = set()

    def only_pods(request: Request) -> Response | None:
        asked.add(request.path)
        if request.path.endswith("/pods"):
            return None
        return answer(403, a_status(403, "Forbidden"))

    # The control plane is another, which may.
    run_client = Client(world.cluster.server.transport())
    async with world.running() as run:
        assert world.nodes() == SIDECARS
        world.cluster.server.intercept = only_pods
        options = ImpersonateOptions(connection=Connection(metrics_addr=""), duration=60.0)
        resolver = resolver_of(world.plane.transport())
        servers = Servers(run_client, "memory", resolver)
        outcome = await ImpersonateCommand(options, servers, rng=Random(1)).run(Shutdown())
        assert run.fleet.counts.connected_now == 1

    assert outcome.error is None
    assert outcome.result.proxies.connected == 1
    assert asked == {"/api/v1/pods"}


async def test_an_account_that_may_not_read_pods_is_an_error(world: World) -> None:
    """One sentence, instead of a run without proxies."""

    def no_pods(request: Request) -> Response | None:
        return answer(403, a_status(403, "Forbidden")) if request.path == "/api/v1/pods" else None

    world.cluster.server.intercept = no_pods
    options = ImpersonateOptions(connection=Connection(metrics_addr=""))
    resolver = resolver_of(world.plane.transport())
    servers = Servers(world.cluster.client, "memory", resolver)
    outcome = await ImpersonateCommand(options, servers, rng=Random(1)).run(Shutdown())

    assert isinstance(outcome.error, Forbidden)
    assert outcome.result.exit_reason == "failed"


async def test_a_bug_loses_no_figures(world: World, tmp_path: Path) -> None:
    """An hour of following pods must not end in a traceback and no result."""
    out = tmp_path / "r.json"

    def crash(request: Request) -> None:
        if request.path == "/api/v1/pods":
            raise ZeroDivisionError("a bug")

    world.cluster.server.intercept = crash
    options = ImpersonateOptions(connection=Connection(metrics_addr=""), out=out)
    resolver = resolver_of(world.plane.transport())
    servers = Servers(world.cluster.client, "memory", resolver)
    outcome = await ImpersonateCommand(options, servers, rng=Random(1)).run(Shutdown())

    assert str(outcome.error).startswith("internal error: ZeroDivisionError('a bug')")
    assert json.loads(out.read_text())["exit_reason"] == "failed"


def test_fewer_than_no_replicas_are_a_usage_error() -> None:
    """A typing mistake must not look like a cluster without pods."""
    with pytest.raises(UsageError, match="--replicas -1"):
        ImpersonateOptions(replicas=-1)


@pytest.mark.process
@pytest.mark.grpc
@pytest.mark.parametrize("workers", [0, 1])
async def test_over_the_wire(tmp_path: Path, workers: int) -> None:
    """What a user runs: a kubeconfig, a control plane, and a signal at the end."""
    world = World()
    world.cluster.put(pod("side", ip="10.0.0.1", labels=TLS_MODE))
    shutdown = Shutdown()
    async with (
        world.cluster.server.serve() as url,
        Supervisor() as background,
        world.plane.serve() as addresses,
    ):
        background.spawn(world.plane.run(), name="control-plane")
        kubeconfig = tmp_path / "kubeconfig"
        kubeconfig.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
            f"clusters: [{{name: c, cluster: {{server: '{url}'}}}}]\n"
            "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
        )
        connection = Connection(
            pilot_address=addresses.plaintext, auth="plaintext", kubeconfig=str(kubeconfig)
        )
        options = ImpersonateOptions(
            replicas=2, connection=connection, workers=workers, start=NO_WAIT
        )
        run = asyncio.create_task(run_impersonate(options, shutdown=shutdown), name="impersonate")
        async with asyncio.timeout(15):
            while len(world.nodes()) < 2:  # noqa: ASYNC110 - the connections come from outside
                await asyncio.sleep(0.01)
        assert world.nodes() == SIDECARS * 2
        shutdown.signal()
        outcome = await run

    assert outcome.error is None
    assert outcome.result.proxies.connected == 2


def test_an_unknown_selector_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    """pilot-load crashes with a stack trace."""
    assert program("pyload", ["adsc-impersonate", "--selector", "all"]) == 2
    assert "'all' is not one of 'sidecar', 'external', 'both'" in capsys.readouterr().err


@pytest.mark.grpc
async def test_embedded_servers_have_pods_to_follow() -> None:
    """A newcomer has no cluster yet, and an empty API server shows nothing (B12)."""
    connection = Connection(metrics_addr="")
    options = ImpersonateOptions(duration=1.0, embedded=True, workers=0, connection=connection)
    outcome = await run_impersonate(options)

    assert outcome.error is None
    assert outcome.result.proxies.wanted == outcome.result.proxies.configured == 4


async def test_probes_reach_the_proxies_of_pods(world: World) -> None:
    """Convergence can be had of a cluster that is there already, and leaves it as it was."""
    before = {(kind.kind, one["metadata"]["name"]) for kind, one in world.cluster.server.objects()}
    probe = ProbeOptions(interval=5.0)
    async with world.stopped_later(selector="both", replicas=2, probe=probe) as (_, outcomes):
        await asyncio.sleep(13)
    (outcome,) = outcomes
    found = outcome.result.convergence
    after = {(kind.kind, one["metadata"]["name"]) for kind, one in world.cluster.server.objects()}
    assert outcome.error is None
    assert found is not None
    assert (found.probes, found.never) == (2, 0)
    assert found.count + found.out_of_scope + found.in_flight == 16
    assert {one.type for one in found.slowest} >= {"sidecar", "router"}
    assert after == before
