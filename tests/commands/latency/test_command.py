"""Changes on their way from the API server to proxies."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.commands.latency.command import LatencyCommand, LatencyOptions, run_latency
from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.errors import (
    CleanupIncomplete,
    Interrupted,
    PyloadError,
    StartTimeout,
    ThresholdFailed,
    UsageError,
    WaitTimeout,
)
from pyload.harness.connection import Connection
from pyload.harness.servers import Servers
from pyload.harness.start_options import StartOptions
from pyload.kube.client import Client
from pyload.kube.resources import NAMESPACES, SERVICES, SIDECARS
from pyload.proxies.fleet import FleetEvents
from pyload.tasks import Shutdown, Supervisor
from pyload.xds.types import CDS, Push
from tests.commands.latency.test_changes import KINDS
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.proxies.resolvers import resolver_of
from tests.report.schema import problems_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.outcome import Outcome
    from pyload.kube.transport import Response
    from pyload.proxies.spec import ProxySpec


pytestmark = pytest.mark.virtual


class World:
    """Servers in memory. The control plane pushes 100 ms after the last change.

    Attributes:
        seen: Requests that change something, as verb and path.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.server = ApiServer(observer=self._observe)
        self.client = Client(self.server.transport(), rng=Random(1))
        self.plane = ControlPlane(Client(self.server.transport()))
        self.plane_task: asyncio.Task[Any] | None = None

    async def run(
        self,
        shutdown: Shutdown | None = None,
        *,
        delta: bool = False,
        during: Callable[[LatencyCommand], None] | None = None,
        **rest: Any,
    ) -> Outcome:
        """Run the command; `during` is called 3 s after the start."""
        options = LatencyOptions(connection=Connection(metrics_addr="", delta=delta), **rest)
        resolver = resolver_of(self.plane.transport())
        run = LatencyCommand(options, Servers(self.client, "memory", resolver), rng=Random(1))
        if during is not None:
            asyncio.get_running_loop().call_later(3.0, during, run)
        return await run.run(shutdown or Shutdown())

    def left(self) -> list[str]:
        """Return the names of the objects in the namespace ``default``."""
        return [
            f"{kind.kind}/{obj['metadata']['name']}"
            for kind, obj in self.server.objects()
            if obj["metadata"].get("namespace") == "default"
            and kind.kind in ("ServiceEntry", "VirtualService", "Service", "EndpointSlice")
            and obj["metadata"]["name"] != "kubernetes"
        ]

    def _observe(self, request: Request, code: int) -> None:
        if request.verb not in ("get", "list", "watch") and code < 300:
            self.seen.append((request.verb, request.path))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """Servers in memory."""
    world = World()
    async with Supervisor() as background:
        world.plane_task = background.spawn(world.plane.run(), name="control-plane")
        yield world


@pytest.mark.anyio
@pytest.mark.parametrize("delta", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_change_is_timed_at_every_proxy(
    world: World,
    kind: str,
    delta: bool,  # noqa: FBT001 - a parameter
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The last proxy is what users of a large mesh wait for, with all kinds and both protocols."""
    caplog.set_level(logging.INFO, logger="pyload")
    out = tmp_path / "r.json"
    outcome = await world.run(kind=kind, count=3, clients=4, delta=delta, out=out)

    assert outcome.error is None
    assert outcome.result.exit_reason == "all changes were measured"
    times = json.loads(out.read_text())["times"]
    assert list(times) == ["written", "first", "median", "last"]
    assert [times[name]["count"] for name in times] == [3, 3, 3, 3]
    assert times["written"]["max"] < 0.01
    assert 0.1 <= times["first"]["p50"] <= times["median"]["p50"] <= times["last"]["p50"] < 0.15
    assert world.left() == []
    assert outcome.result.objects.left == 0
    assert problems_of(outcome.result) == []
    lines = [one for one in caplog.records if one.message.startswith("change ")]
    assert [line.message.split(" took ")[0] for line in lines] == [f"change {i}" for i in (1, 2, 3)]
    form = re.compile(r"change \d took \S+ms, \S+ms of them after the API server's answer")
    assert all(form.fullmatch(line.message) for line in lines)
    # A success that is an error sets off alarms on the log (B3).
    assert {line.levelname for line in lines} == {"INFO"}
    others = [one.message for one in caplog.records if one.message.startswith("cfg-")]
    assert len(others) == 3
    assert re.fullmatch(r"cfg-1: first proxy \S+, median \S+, last \S+", others[0])


@pytest.mark.anyio
async def test_lines_and_requests_are_pilot_loads(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Scripts grep the line, which is an error there, and dashboards watch for these objects."""
    caplog.set_level(logging.DEBUG, logger="pyload")
    began = asyncio.get_running_loop().time()
    outcome = await world.run(count=2, as_pilot_load=True)
    took = asyncio.get_running_loop().time() - began

    lines = [one for one in caplog.records if one.message.startswith("completed ")]
    assert [one.levelname for one in lines] == ["ERROR", "ERROR"]
    form = re.compile(r"completed [12] in 1\d\d(\.\d+)?ms 1\d\d(\.\d+)?ms")
    assert all(form.fullmatch(one.message) for one in lines)
    assert {one.name for one in lines} == {"pyload"}
    assert "Got update: cds" in [one.message for one in caplog.records]
    path = "/apis/networking.istio.io/v1/namespaces/default/serviceentries"
    created = [("create", path)] * 3
    deleted = [("delete", f"{path}/cfg-{index}") for index in range(3)]
    assert world.seen == [one for pair in zip(created, deleted, strict=True) for one in pair]
    # Two pushes and two pauses for each.
    assert 3 * 0.7 <= took < 3 * 0.7 + 1
    assert outcome.result.proxies.wanted == outcome.result.proxies.connected == 1


@pytest.mark.anyio
async def test_a_push_of_something_else_does_not_end_a_measurement(world: World) -> None:
    """pilot-load takes any push of clusters, so that a busy cluster looks fast."""
    await world.client.create(NAMESPACES.path(), {"metadata": {"name": "other"}})
    sidecar = {"metadata": {"name": "s"}, "spec": {"egress": [{"hosts": ["other/*"]}]}}
    await world.client.create(SIDECARS.path("default"), sidecar)

    async def be_busy() -> None:
        for index in range(100):
            service = {"metadata": {"name": f"s{index}"}, "spec": {"ports": [{"port": 80}]}}
            await world.client.create(SERVICES.path("other"), service)
            await asyncio.sleep(0.5)

    async with Supervisor() as background:
        background.spawn(be_busy(), name="busy")
        outcome = await world.run(count=1, clients=2, timeout=20.0)

    assert isinstance(outcome.error, WaitTimeout)
    assert str(outcome.error).startswith(
        "ServiceEntry cfg-0 arrived at 0 of 2 proxies in 20 s; look at istiod"
    )
    assert outcome.result.pushes["cds"] > 2 * 20
    assert world.left() == []


@pytest.mark.anyio
async def test_a_signal_ends_the_run_in_order(world: World) -> None:
    """pilot-load exits with 1 and `cancel`, although nothing is wrong."""
    shutdown = Shutdown()
    asyncio.get_running_loop().call_later(10.0, shutdown.signal)
    outcome = await world.run(shutdown)

    assert outcome.error is None
    assert outcome.result.exit_reason == "stopped by a signal"
    assert 10 <= outcome.result.times["last"].count <= 14
    assert world.left() == []


@pytest.mark.anyio
async def test_a_run_that_was_stopped_before_its_last_round_has_failed(world: World) -> None:
    """A script that asked for a hundred changes would compare the times of ten with yesterday's."""
    shutdown = Shutdown()
    asyncio.get_running_loop().call_later(10.0, shutdown.signal)
    outcome = await world.run(shutdown, count=100)

    assert isinstance(outcome.error, ThresholdFailed)
    assert [one.expr for one in outcome.result.thresholds if not one.passed] == [
        "times.last.count >= 100"
    ]
    assert world.left() == []


@pytest.mark.anyio
async def test_a_signal_before_the_proxies_are_connected_is_exit_code_130(world: World) -> None:
    """A script must not take a run for done in which nothing was measured."""
    shutdown = Shutdown()
    shutdown.signal()
    outcome = await world.run(shutdown, kind="EndpointSlice")

    assert isinstance(outcome.error, Interrupted)
    assert world.left() == []


@pytest.mark.anyio
async def test_a_bug_leaves_no_object_behind_and_loses_no_figures(
    world: World, tmp_path: Path
) -> None:
    """The user of a run that ends in a traceback has to look for its objects one by one."""
    out = tmp_path / "r.json"

    def crash(request: Request) -> None:
        if request.verb == "create" and request.body["metadata"]["name"] == "cfg-3":
            raise ZeroDivisionError("a bug")

    world.server.intercept = crash
    outcome = await world.run(clients=2, out=out)

    assert str(outcome.error).startswith("internal error: ZeroDivisionError('a bug')")
    assert outcome.result.exit_reason == "failed"
    assert json.loads(out.read_text())["times"]["last"]["count"] == 2
    assert world.left() == []


@pytest.mark.anyio
async def test_a_stream_that_ends_ends_the_run(world: World) -> None:
    """What comes on the next stream is no push; pilot-load stops there too."""

    def end(run: LatencyCommand) -> None:
        assert world.plane_task is not None
        world.plane_task.cancel()

    outcome = await world.run(during=end)

    assert isinstance(outcome.error, PyloadError)
    assert str(outcome.error).startswith("close event: a stream has ended (unavailable)")
    assert outcome.error.exit_code == 1
    assert world.left() == []


@pytest.mark.anyio
async def test_proxies_that_get_no_config_are_an_error(world: World) -> None:
    """An istiod that has not read its cluster yet takes streams, and does not answer."""
    world.plane = ControlPlane(Client(world.server.transport()))
    start = StartOptions(timeout=7.0)
    outcome = await world.run(clients=3, start=start)

    assert isinstance(outcome.error, StartTimeout)
    assert str(outcome.error).startswith(
        "waited 7s for configured=all: 0 of 3 proxies are configured; no cds"
    )
    assert "--startup-timeout" in str(outcome.error)


@pytest.mark.anyio
async def test_proxies_that_were_not_waited_for_end_no_run_when_they_come(world: World) -> None:
    """With --wait none the first round waits for them, and none of them is one that was lost."""
    outcome = await world.run(clients=30, count=2, start=StartOptions(None))

    assert outcome.error is None
    assert outcome.result.times["last"].count == 2


@pytest.mark.anyio
async def test_somebody_elses_object_is_left_alone(world: World) -> None:
    """A change of what is there already would be seen at once, and deleted at the end."""
    path = "/apis/networking.istio.io/v1/namespaces/default/serviceentries"
    await world.client.create(path, {"metadata": {"name": "cfg-1"}, "spec": {"hosts": ["x.y"]}})
    outcome = await world.run()

    assert "ServiceEntry default/cfg-1 is there already" in str(outcome.error)
    assert world.left() == ["ServiceEntry/cfg-1"]


@pytest.mark.anyio
async def test_what_cannot_be_removed_is_named(world: World) -> None:
    """Exit code 6, so that a pipeline does not use the cluster again as if it were clean."""

    def intercept(request: Request) -> Response | None:
        if request.verb == "delete" and request.path.endswith("/cfg-1"):
            return answer(403, a_status(403, "Forbidden"))
        return None

    world.server.intercept = intercept
    outcome = await world.run(kind="Service", count=2)

    assert isinstance(outcome.error, CleanupIncomplete)
    assert "Service default/cfg-1" in str(outcome.error)
    assert world.left() == ["Service/cfg-1"]


@pytest.mark.grpc
async def test_over_the_wire(tmp_path: Path) -> None:
    """What a user tries first: `pyload latency --embedded`."""
    options = LatencyOptions(
        count=2,
        clients=50,
        embedded=True,
        out=tmp_path / "r.json",
        connection=Connection(metrics_addr="", delta=False),
    )
    outcome = await run_latency(options)

    assert outcome.error is None
    assert outcome.result.times["last"].count == 2
    assert outcome.result.proxies.configured == 50


def test_negative_numbers_are_usage_errors() -> None:
    """A typing mistake must not become an endless run."""
    with pytest.raises(UsageError, match="--count -1"):
        LatencyOptions(count=-1)
    with pytest.raises(UsageError, match="--clients -1"):
        LatencyOptions(clients=-1)


@pytest.mark.anyio
@pytest.mark.parametrize("delta", [False, True])
async def test_proxies_share_what_they_receive(world: World, delta: bool) -> None:  # noqa: FBT001
    """With 1,000 proxies, what is measured must not be the time to read 600 clusters for each."""
    pushes: list[Push] = []

    def listen(run: LatencyCommand) -> None:
        class Both(FleetEvents):
            def on_push(self, spec: ProxySpec, push: Push) -> None:
                pushes.append(push)
                run.on_push(spec, push)

        run.fleet.events = Both()

    await world.run(count=6, clients=3, delta=delta, during=listen)

    clusters = [one for one in pushes if one.type_url == CDS and one.resources]
    assert len(clusters) >= 9
    assert len({id(one.bodies) for one in clusters}) * 3 == len(clusters)
