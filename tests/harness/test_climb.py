"""A run that goes up a ladder: what each step measures, and which one is the last."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.embedded.controlplane.controlplane import ControlPlane
from pyload.errors import (
    ControlPlaneUnreachable,
    PyloadError,
    StartTimeout,
    ThresholdFailed,
    UsageError,
)
from pyload.harness.climb import Rungs
from pyload.harness.istiod_sources import Embedded
from pyload.harness.ladder_options import LadderOptions
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.probes import Probes
from pyload.harness.recorder import Recorder
from pyload.harness.run import Run
from pyload.harness.run_options import RunOptions
from pyload.harness.start_options import StartOptions
from pyload.harness.workload import Workload
from pyload.kube.client import Client
from pyload.kube.resources import SERVICES
from pyload.mesh.writer import Writer
from pyload.proxies.fleet import NO_EVENTS
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.histogram import Histogram
from pyload.report.latency import time_text
from pyload.report.metrics import Metrics
from pyload.report.thresholds import Thresholds, parse_threshold, parse_thresholds
from pyload.tasks import Shutdown, Supervisor
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import GONE, Peer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.harness.outcome import Outcome
    from pyload.report.metrics import Snapshot
    from pyload.xds.transport import Metadata, Sink, Stream, Transport

RUN = "ladder"

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class Idle(Metrics):
    """Counts on a machine that has nothing else to do, unlike the one that tests run on."""

    def snapshot(self) -> Snapshot:
        """Return the counters without how busy the machine is."""
        return replace(super().snapshot(), machine_share=Histogram(), cpu_shares={})


@dataclass
class Switch:
    """A transport in the place of which another can be put; streams that are open stay."""

    transport: Transport

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> Stream:
        """Open a stream."""
        return self.transport.open(method, metadata=metadata, sink=sink)

    async def aclose(self) -> None:
        """Close what is shared."""
        await self.transport.aclose()


@dataclass
class World:
    """A control plane in memory, and runs of proxies that connect to it.

    Attributes:
        grown: What the run was told to grow to.
        held: For how long it was told to hold.
        pushing: Pushes that are made in each second that is held.
    """

    server: ApiServer
    plane: ControlPlane
    switch: Switch
    recorder: Recorder
    fleet: LocalFleet
    writer: Writer
    probes: Probes | None
    shutdown: Shutdown = field(default_factory=Shutdown)
    grown: list[int] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    pushing: bool = False

    def refuse(self) -> None:
        """Refuse all streams from now on."""
        self.switch.transport = Peer(lambda *_: GONE)

    async def grow(self, proxies: int) -> None:
        """Start proxies until there are so many."""
        self.grown.append(proxies)
        while len(self.fleet) < proxies:
            name = f"p{len(self.fleet)}"
            ip = f"10.0.{len(self.fleet) // 256}.{len(self.fleet) % 256}"
            self.fleet.start(ProxySpec(key=name, type="sidecar", ip=ip, name=name, namespace="m"))
            await asyncio.sleep(0.001)

    async def hold(self, seconds: float) -> None:
        """Create a Service each second, if there are to be pushes."""
        self.held.append(seconds)
        client = Client(self.server.transport())
        for number in range(int(seconds)):
            if self.pushing:
                name = f"s{len(self.held)}-{number}"
                service = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}}
                await client.create(SERVICES.path("default"), service)
            await asyncio.sleep(1)

    async def run(
        self,
        *steps: int,
        thresholds: Thresholds | str = "",
        within: float | None = 30.0,
        **parts: Any,
    ) -> Outcome:
        """Run steps of ten seconds."""
        if isinstance(thresholds, str):
            thresholds = parse_thresholds([thresholds] if thresholds else [])
        ladder = LadderOptions(steps, 10.0)
        usual: dict[str, Any] = {
            "start": lambda: self.grow(steps[0]),
            "work": self.never,
            "fleet": self.fleet,
            "writer": self.writer,
            "probes": self.probes,
            "rungs": Rungs(options=ladder, grow=self.grow, hold=self.hold),
        }
        options = RunOptions(thresholds=thresholds, start=StartOptions(timeout=within))
        workload = Workload(**usual | parts)
        return await Run(workload, self.recorder, options).execute(self.shutdown)

    async def never(self) -> str:
        """Stand for the work of a run without steps."""
        raise AssertionError("steps take the place of the work")


@contextlib.asynccontextmanager
async def world_of(*, work: float = 0.0, probing: bool = False) -> AsyncIterator[World]:
    """Run a control plane to which each push costs some work, for runs that may have probes."""
    server = ApiServer()
    plane = ControlPlane(Client(server.transport()), work=work)
    recorder = Recorder(command="adsc", run_id=RUN, istiod_source=Embedded(plane.metrics_page))
    recorder.metrics = Idle()
    async with Supervisor() as background:
        background.spawn(plane.run(), name="control-plane")
        switch = Switch(plane.transport())
        writer = Writer(Client(server.transport(), rng=Random(1)), recorder.metrics)
        options = ProbeOptions(interval=2.0)
        probes = Probes.of(options, recorder=recorder, writer=writer) if probing else None
        fleet = LocalFleet(
            resolver_of(switch),
            delta=True,
            metrics=recorder.metrics,
            rng=Random(1),
            events=probes or NO_EVENTS,
            run_id=RUN,
        )
        if probes is not None:
            probes.attach(fleet)
        yield World(server, plane, switch, recorder, fleet, writer, probes)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A control plane without a limit."""
    async with world_of() as opened:
        yield opened


@pytest.fixture
async def world_with_limit() -> AsyncIterator[World]:
    """A control plane that needs a tenth of a second for each push to each proxy."""
    async with world_of(work=0.1) as world:
        yield world


async def test_proxies_are_added_step_by_step_and_each_step_is_held(world: World) -> None:
    """A ladder that starts all proxies at once measures its last step only."""
    outcome = await world.run(2, 5, 9, thresholds="first_config.p99 < 1s")
    result = outcome.result

    assert outcome.error is None
    assert (world.grown, world.held) == ([2, 5, 9], [10.0, 10.0, 10.0])
    assert [step.target for step in result.steps] == [2, 5, 9]
    assert [step.figures.proxies.configured for step in result.steps] == [2, 5, 9]
    assert all(step.passed for step in result.steps)
    assert result.exit_reason == "its steps were over"
    assert result.ladder is not None
    assert (result.ladder.holds, result.ladder.breaks) == (9, None)
    assert result.to_text().splitlines()[-1].startswith("9 proxies hold first_config.p99 < 1s (")


async def test_each_step_has_the_figures_of_its_own_time(world: World) -> None:
    """The pushes and times of the first step would make the second look good, or bad."""
    world.pushing = True
    outcome = await world.run(1, 4)
    one, four = (step.figures for step in outcome.result.steps)

    # A round of pushes a second, to each proxy.
    assert 8 <= one.pushes["cds"] <= 10
    assert 32 <= four.pushes["cds"] <= 40
    assert outcome.result.pushes["cds"] >= one.pushes["cds"] + four.pushes["cds"] + 4
    # Of those that were added.
    assert [one.first_config.count, four.first_config.count] == [1, 3]
    assert (one.spread.pushes, four.spread.proxies_max) == (0, 4)
    assert four.spread.pushes >= 8
    assert one.control_plane is not None
    assert four.control_plane is not None
    # It has sent what the proxies have received.
    assert one.control_plane.pushes == one.pushes
    assert four.control_plane.pushes == four.pushes
    assert (one.control_plane.proxies, four.control_plane.proxies) == (1, 4)


async def test_the_first_step_that_fails_is_the_last(world_with_limit: World) -> None:
    """Figures of 40 proxies mean nothing while the control plane is still busy with those of 20."""
    world = world_with_limit
    world.pushing = True
    outcome = await world.run(5, 20, 40, thresholds="spread.last.max < 1s")
    result = outcome.result

    assert isinstance(outcome.error, ThresholdFailed)
    assert [step.passed for step in result.steps] == [True, False]
    assert world.grown == [5, 20]
    assert result.exit_reason == "the step of 20 proxies failed"
    assert result.thresholds == result.steps[-1].figures.thresholds
    last = result.to_text().splitlines()[-1]
    assert last.startswith("5 proxies hold spread.last.max < 1s; 20 do not (")
    assert last.endswith("): limited by the control plane (istiod 1.0 of 1 core)")


async def test_the_last_line_says_where_it_broke_and_why() -> None:
    """It is what the whole run was made for."""
    async with world_of(work=0.1, probing=True) as world:
        outcome = await world.run(2, 5, 40, 80, thresholds="convergence.p99 < 1s")
    result = outcome.result
    last = result.to_text().splitlines()[-1]

    assert isinstance(outcome.error, ThresholdFailed)
    assert [step.passed for step in result.steps] == [True, True, False]
    assert result.steps[-1].figures.convergence is not None
    p99 = time_text(result.steps[-1].figures.convergence.p99 or 0.0)
    assert last == (
        f"5 proxies hold convergence.p99 < 1s; 40 do not ({p99}): "
        "limited by the control plane (istiod 1.0 of 1 core)"
    )


async def test_probes_rest_between_steps_and_are_counted_for_each() -> None:
    """A change that is on its way while proxies are added says nothing about either step."""
    async with world_of(probing=True) as world:
        grow = world.grow

        async def slowly(proxies: int) -> None:
            await asyncio.sleep(60.0)
            await grow(proxies)

        ladder = Rungs(options=LadderOptions((2, 6), 10.5), grow=slowly)
        outcome = await world.run(2, 6, rungs=ladder, within=None)
    found = [step.figures.convergence for step in outcome.result.steps]

    assert outcome.error is None
    assert [(one.probes, one.expected, one.count) for one in found if one] == [
        (5, 10, 10),
        (5, 30, 30),
    ]
    assert [one.overdue + one.late + one.in_flight for one in found if one] == [0, 0]
    assert [len(one.last_probes) for one in found if one] == [5, 5]
    assert all(probe.probe > 5 for probe in found[1].slowest) if found[1] else False


async def test_a_step_whose_proxies_are_not_ready_in_time_is_the_limit(world: World) -> None:
    """That so many are never configured is an answer, and the one before would be lost with it."""

    async def grow(proxies: int) -> None:
        if proxies == 9:
            world.refuse()
        await world.grow(proxies)

    ladder = Rungs(options=LadderOptions((2, 9), 10.0), grow=grow, hold=world.hold)
    outcome = await world.run(2, 9, rungs=ladder, thresholds="first_config.p99 < 1s")
    result = outcome.result

    assert isinstance(outcome.error, StartTimeout)
    assert [step.passed for step in result.steps] == [True, False]
    assert result.steps[1].figures.first_config.count == 0
    assert result.to_text().splitlines()[-1] == (
        "2 proxies hold first_config.p99 < 1s; 9 could not be configured in 30s (2 were)"
    )


async def test_a_first_step_that_does_not_come_up_is_a_step_too(world: World) -> None:
    """The last line would say nothing where it matters most: nothing holds."""
    world.refuse()

    outcome = await world.run(2, 9)

    assert isinstance(outcome.error, ControlPlaneUnreachable)
    assert world.held == []
    assert outcome.result.to_text().splitlines()[-1] == (
        "2 proxies could not be configured in 30s (0 were)"
    )


@pytest.mark.parametrize(
    ("after", "passed", "ending"),
    [
        (5, [None], "stopped during the step of 2 proxies"),
        (15, [True, None], "stopped during the step of 9 proxies; 2 proxies hold "),
    ],
)
async def test_a_ladder_that_is_stopped_keeps_what_it_has(
    world: World, after: float, passed: list[bool | None], ending: str
) -> None:
    """Ctrl-C in the fourth step of an hour each must not lose the first three."""
    asyncio.get_running_loop().call_later(after, world.shutdown.signal)
    outcome = await world.run(2, 9, thresholds="first_config.p99 < 1s")
    result = outcome.result

    assert outcome.error is None
    assert result.exit_reason == "stopped by a signal"
    assert [step.passed for step in result.steps] == passed
    assert result.to_text().splitlines()[-1].startswith(ending)
    assert all(one.passed for one in result.thresholds)


async def test_a_threshold_that_ends_the_run_ends_its_step(world_with_limit: World) -> None:
    """A control plane that is far beyond its limit would be loaded until the step is over."""
    world = world_with_limit
    world.pushing = True
    abort = parse_threshold("pushes.cds < 30", abort=True, after=3.0)

    outcome = await world.run(2, 8, 20, thresholds=Thresholds((abort,)))
    result = outcome.result

    assert isinstance(outcome.error, ThresholdFailed)
    assert result.exit_reason == "ended by a threshold: pushes.cds < 30"
    # What it counts is the step's own, as well as the time in which it does not count.
    assert [step.passed for step in result.steps] == [True, False]
    assert result.steps[0].figures.pushes["cds"] + 30 < result.pushes["cds"]
    assert result.to_text().splitlines()[-1] == (
        f"2 proxies hold pushes.cds < 30; 8 do not ({result.thresholds[-1].measured})"
    )


async def test_an_error_while_proxies_are_added_is_the_error_of_the_run(world: World) -> None:
    """An API server that refuses a pod says nothing about what the control plane holds."""

    async def grow(_: int) -> None:
        raise PyloadError("failed to add pods")

    ladder = Rungs(options=LadderOptions((2, 9), 10.0), grow=grow, hold=world.hold)
    outcome = await world.run(2, 9, rungs=ladder)

    assert str(outcome.error) == "failed to add pods"
    assert [step.passed for step in outcome.result.steps] == [True, None]


async def test_a_threshold_nobody_measures_is_found_before_the_first_step(world: World) -> None:
    """An hour later the user would learn of a typo."""
    with pytest.raises(UsageError):
        await world.run(2, thresholds="times.complete.p99 < 1s")
    assert not world.grown
