"""Tests of probes: when they are written and removed, and what is measured, in virtual time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_args

import pytest

from pyload.embedded.controlplane.faults import PushFaults
from pyload.embedded.stack import start_kwok
from pyload.errors import PyloadError
from pyload.harness.probe_options import ProbeOptions
from pyload.harness.start_options import StartCondition, StartOptions
from pyload.kube.transport import Response
from pyload.mesh.changes import Kind
from pyload.tasks import Shutdown, Supervisor
from tests.mesh.conftest import open_world
from tests.mesh.meshes import nothing_left, options
from tests.virtual import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.commands.cluster.options import ClusterOptions
    from pyload.embedded.apiserver.requests import Request
    from pyload.harness.live_run import LiveRun
    from pyload.harness.outcome import Outcome
    from pyload.kube.transport import Transport
    from pyload.report.convergence import Convergence
    from tests.mesh.conftest import World

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

ALL = StartOptions(StartCondition("configured"), 60.0)
KINDS: tuple[Kind, ...] = get_args(Kind)


@pytest.fixture
def anyio_backend() -> tuple[str, Mapping[str, Any]]:
    """Virtual time."""
    return VIRTUAL


def probing(
    interval: float = 10.0,
    *,
    duration: float | None = 35.0,
    text: bytes | None = None,
    kind: Kind = "ServiceEntry",
) -> ClusterOptions:
    """Return the options of a run with probes."""
    found = options(duration=duration) if text is None else options(text=text, duration=duration)
    return replace(found, probe=ProbeOptions(interval=interval, kind=kind))


def measured(outcome: Outcome) -> Convergence:
    """Return what the probes of a run measured."""
    if outcome.error is not None:
        raise outcome.error
    found = outcome.result.convergence
    assert found is not None
    return found


def probes(world: World) -> list[str]:
    """Return the names of the probes that are there."""
    return [name for name in world.names("ServiceEntry") if name.startswith("pyload-probe-")]


async def test_every_proxy_is_measured_for_every_probe() -> None:
    """It is the figure that nobody else has: the whole fleet, for each change."""
    async with open_world() as world:
        outcome = await world.run(probing())
        assert nothing_left(world)
    found = measured(outcome)
    assert (found.probes, found.expected, found.count) == (3, 12, 12)
    assert (found.never, found.out_of_scope, found.in_flight, found.late) == (0, 0, 0, 0)
    # The control plane waits 100 ms for further changes.
    assert found.min is not None
    assert found.max is not None
    assert 0.1 <= found.min <= found.max < 0.2
    assert [one.arrived for one in found.last_probes] == [4, 4, 4]


async def test_a_probe_can_be_asked_for_besides_those_that_are_due() -> None:
    """A user who has just changed something wants to know now, and the others go on as planned."""
    async with open_world() as world:
        found = None

        async def look(run: LiveRun) -> None:
            nonlocal found
            assert run.probe_now is not None
            run.probe_now()  # Nothing is measured yet, so this is none.
            await asyncio.sleep(5.0)
            for _ in range(2):
                run.probe_now()
                await asyncio.sleep(1.0)
            found = run.figures().convergence

        outcome = await world.run(replace(probing(), view=look))
        assert nothing_left(world)
    assert found is not None
    assert found.probes == 2
    whole = measured(outcome)
    assert (whole.probes, whole.count, whole.late, whole.overdue) == (5, 20, 0, 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_is_seen(kind: Kind) -> None:
    """A kind whose marks were not recognised would count all proxies as left out."""
    async with open_world() as world:
        outcome = await world.run(probing(kind=kind))
        assert nothing_left(world)
    found = measured(outcome)
    assert (found.probes, found.count, found.in_flight) == (3, 12, 0)


async def test_a_run_without_probes_has_no_such_figure() -> None:
    """A result with zeros would look as if changes took no time."""
    async with open_world() as world:
        outcome = await world.run(options())
    assert outcome.result.convergence is None


async def test_the_config_says_how_often_and_the_flag_replaces_it() -> None:
    """A config that is shared has probes; a user who wants none must not have to edit it."""
    config = b"probe: 10s\nnamespaces: [{applications: [{instances: 1}]}]"
    async with open_world() as world:
        by_config = await world.run(options(text=config, duration=37.0))
        none = await world.run(probing(0.0, text=config))
        more = await world.run(probing(5.0, text=config, duration=37.0))
    assert measured(by_config).probes == 3
    assert none.result.convergence is None
    assert measured(more).probes == 7


HUNDRED = b"""
namespaces:
- name: mesh
  applications: [{name: web, replicas: 5, instances: 20}]
"""


async def test_the_slow_tenth_is_named_and_so_is_who_is_left_out() -> None:
    """p99, the ten slowest and `never` have to show exactly the proxies that a fault concerns."""
    faults = PushFaults(delay=0.3)
    async with open_world(faults) as world:
        run = asyncio.create_task(world.run(probing(text=HUNDRED, duration=115.0)), name="run")
        await asyncio.sleep(25)
        left_out = min(world.nodes.ids - faults.delayed)
        faults.left_out.add(left_out)
        found = measured(await run)
    assert len(faults.delayed) == 10
    assert {f".{one.name}." for one in found.slowest} == {f".{name_of(n)}." for n in faults.delayed}
    assert found.p50 == pytest.approx(0.1, abs=0.05)
    assert found.p99 == pytest.approx(0.4, abs=0.05)
    assert all(one.seconds > 0.39 for one in found.slowest)
    # Nine probes came after the fault, and at least three of them had all of their time.
    assert (found.probes, found.never + found.in_flight) == (11, 9)
    assert found.never == found.missing[0].probes >= 3
    assert [one.name for one in found.missing] == [name_of(left_out)]
    assert (found.out_of_scope, found.withdrawn) == (0, 0)


def name_of(node_id: str) -> str:
    """Return the name of a pod by the id of its node."""
    return node_id.split("~")[2].partition(".")[0]


KWOK = b"""
namespaces: [{name: m, applications: [{name: a, instances: 20}, {name: b, instances: 10}]}]
nodes: [{name: kwok, count: 2}]
"""


async def test_pods_of_kwok_are_measured_too() -> None:
    """In kwok mode pods come from elsewhere, and the follower of pods hears of the fleet too."""
    faults = PushFaults(delay=0.3)
    async with open_world(faults) as world, Supervisor() as background:
        start_kwok(world.server, background, stages="fast")
        kwok = replace(probing(text=KWOK, duration=115.0), cluster_type="kwok", start=ALL)
        run = asyncio.create_task(world.run(kwok), name="run")
        await asyncio.sleep(35)
        left_out = min(world.nodes.ids - faults.delayed)
        faults.left_out.add(left_out)
        outcome = await run
    found = measured(outcome)
    assert (found.out_of_scope, len(faults.delayed)) == (0, 3)
    assert {one.name for one in found.slowest[:3]} == {name_of(one) for one in faults.delayed}
    assert [one.name for one in found.missing] == [name_of(left_out)]
    assert found.never == found.missing[0].probes > 0
    assert outcome.result.kwok is not None
    assert outcome.result.kwok.from_ip.count == 30


async def test_a_probe_is_removed_as_the_next_is_written() -> None:
    """A push for each removal would double what the probing costs the control plane."""
    async with open_world() as world:
        run = asyncio.create_task(world.run(probing()), name="run")
        found = []
        for _ in range(3):
            await asyncio.sleep(10)
            before = world.plane.stats.rounds
            await asyncio.sleep(1)
            found.append((len(probes(world)), world.plane.stats.rounds - before))
        await run
        assert nothing_left(world)
    assert [count for count, _ in found] == [1, 1, 1]
    assert all(rounds <= 1 for _, rounds in found)


async def test_a_probe_stays_while_a_proxy_is_waited_for() -> None:
    """Were it removed, the proxy could never get it, and would be blamed for that."""
    faults = PushFaults()
    async with open_world(faults) as world:
        run = asyncio.create_task(world.run(probing(duration=100.0)), name="run")
        await asyncio.sleep(5)
        faults.left_out.add(min(world.nodes.ids))
        await asyncio.sleep(50)
        assert len(probes(world)) == 5
        faults.left_out.clear()
        found = measured(await run)
        assert nothing_left(world)
    # The next push that it got brought all of them.
    assert (found.never, found.in_flight, found.count) == (0, 0, found.expected)
    assert found.max is not None
    assert found.max > 40


@dataclass
class Stalling:
    """A transport whose requests for one kind wait while they are told to."""

    transport: Transport
    kind: str
    until: float = 0.0

    async def request(self, method: str, path: str, **rest: Any) -> Response:
        """Pass a request on, later."""
        if method == "POST" and self.kind in path:
            await asyncio.sleep(max(0.0, self.until - asyncio.get_running_loop().time()))
        return await self.transport.request(method, path, **rest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


async def test_a_slow_api_server_makes_probes_late_and_leaves_none_out() -> None:
    """Probes that were left out while all was slow would make it look fast."""
    async with open_world() as world:
        slow = Stalling(world.recorder.transport, "serviceentries")
        world.recorder.transport = slow
        run = asyncio.create_task(world.run(probing(5.0, duration=62.0)), name="run")
        await asyncio.sleep(2)
        slow.until = asyncio.get_running_loop().time() + 20
        found = measured(await run)
    assert (found.probes, found.overdue) == (12, 0)
    # Those at 10, 15 and 20 seconds were due while the one at 5 was written, until 22.
    assert found.late == 3
    assert found.lateness.max == pytest.approx(12, abs=0.5)
    assert found.write.max == pytest.approx(17, abs=0.5)
    # The time of the API server is not the control plane's.
    assert found.max is not None
    assert found.max < 0.3


async def test_probes_that_could_not_be_written_are_counted() -> None:
    """A run that stopped to measure must not look like one that measured all of the time."""
    async with open_world() as world:

        def refuse(request: Request) -> Response | None:
            written = request.verb == "create" and "serviceentries" in request.path
            return Response(422, b"{}") if written else None

        run = asyncio.create_task(world.run(probing()), name="run")
        await asyncio.sleep(15)
        world.server.intercept = refuse
        found = measured(await run)
    assert (found.probes, found.failed, found.never) == (1, 2, 0)


async def test_an_account_that_may_not_write_is_told_what_it_lacks() -> None:
    """The run would measure nothing, and say so after an hour."""
    async with open_world() as world:

        def refuse(request: Request) -> Response | None:
            written = request.verb == "create" and "serviceentries" in request.path
            return Response(403, b"{}") if written else None

        world.server.intercept = refuse
        outcome = await world.run(probing())
        assert nothing_left(world)
    assert isinstance(outcome.error, PyloadError)
    assert "--probe may not write its objects" in outcome.error.what
    assert "create and delete on namespaces and serviceentries, or --probe none" in (
        outcome.error.fix
    )


ISOLATED = b"""
namespaces:
- name: mesh
  applications:
  - {name: web, instances: 2}
- name: alone
  istio: {sidecar: {name: default}}
  applications:
  - {name: job, instances: 1}
"""


async def test_proxies_that_a_sidecar_isolates_are_out_of_scope() -> None:
    """What the user has hidden from a proxy is no fault of the control plane's."""
    async with open_world() as world:
        found = measured(await world.run(probing(text=ISOLATED, duration=95.0)))
    assert (found.never, found.in_flight, found.missing) == (0, 0, ())
    assert found.out_of_scope == found.probes == 9
    assert found.count == 18


async def test_probes_that_nobody_sees_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    """A mesh whose Sidecars hide the probes measures nothing, and its user has to know why."""
    text = ISOLATED.replace(
        b"- name: mesh\n", b"- name: mesh\n  istio: {sidecar: {name: default}}\n"
    )
    async with open_world() as world:
        found = measured(await world.run(probing(text=text, duration=95.0)))
    assert (found.count, found.never) == (0, 0)
    assert "no proxy has got probe 1: see whether a Sidecar" in caplog.text


async def test_a_signal_does_not_wait_for_probes() -> None:
    """Who presses ctrl-C wants the run to end; what is on its way is counted as that."""
    faults = PushFaults()
    async with open_world(faults) as world:
        shutdown = Shutdown()
        run = asyncio.create_task(world.run(probing(duration=None), shutdown), name="run")
        await asyncio.sleep(5)
        faults.left_out |= world.nodes.ids
        await asyncio.sleep(20)
        began = asyncio.get_running_loop().time()
        shutdown.signal()
        outcome = await run
        assert asyncio.get_running_loop().time() - began < 2
        assert nothing_left(world)
    assert measured(outcome).in_flight == 8


async def test_churn_leaves_nobody_out() -> None:
    """Pods that are replaced all the time have proxies that stop while probes are on their way."""
    text = b"jitter: {workloads: 100ms}\nnamespaces: [{applications: [{instances: 5}]}]"
    async with open_world() as world:
        found = measured(await world.run(probing(1.0, text=text, duration=20.0)))
    assert found.probes >= 19
    assert (found.never, found.out_of_scope) == (0, 0)
    assert found.withdrawn > 0
    assert found.count + found.withdrawn + found.in_flight == found.expected
