"""How any run ends: by its work, a signal, an error or a bug; and what is left of it then."""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import CleanupIncomplete, Interrupted, PyloadError, ThresholdFailed, UsageError
from pyload.harness.recorder import Recorder
from pyload.harness.run import Run, stay
from pyload.harness.run_options import RunOptions
from pyload.harness.workload import Workload
from pyload.kube.client import Client
from pyload.kube.resources import NAMESPACES
from pyload.mesh.writer import Writer
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.thresholds import NO_THRESHOLDS, Thresholds, parse_threshold
from pyload.tasks import Shutdown, Supervisor
from tests.kube.peers import answer
from tests.kube.peers import status as a_status
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import Peer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyload.harness.outcome import Outcome
    from pyload.report.result import Result

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

ID = "abcdefgh"


class World:
    """One run against an API server in memory; it creates a namespace and then works for ever."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.embedded = False
        self.cleanup_timeout = 0.0
        self.shutdown = Shutdown()
        self.server = ApiServer()
        client = Client(self.server.transport(), rng=Random(1))
        self.recorder = Recorder(command="latency", client=client, run_id=ID)
        self.writer = Writer(client, self.recorder.metrics)

    async def start(self) -> None:
        """Create a namespace."""
        labels = {"pyload.dev/run": ID}
        await self.writer.create(NAMESPACES, {"metadata": {"name": "mesh", "labels": labels}})

    async def run(
        self,
        thresholds: Thresholds = NO_THRESHOLDS,
        servers: Supervisor | None = None,
        *,
        as_pilot_load: bool = False,
        **parts: Any,
    ) -> Outcome:
        """Run a workload that differs in these parts from the usual."""
        usual: dict[str, Any] = {
            "start": self.start,
            "work": lambda: stay(None),
            "writer": self.writer,
        }
        options = RunOptions(
            out=self.out,
            thresholds=thresholds,
            as_pilot_load=as_pilot_load,
            embedded=self.embedded,
            cleanup_timeout=self.cleanup_timeout,
        )
        run = Run(Workload(**usual | parts), self.recorder, options, servers)
        return await run.execute(self.shutdown)

    def left(self) -> bool:
        """Return whether the namespace is still there."""
        return any(one["metadata"]["name"] == "mesh" for _, one in self.server.objects())

    def written(self) -> Any:
        """Return the result in the file."""
        return json.loads(self.out.read_text())


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A run that has not begun."""
    return World(tmp_path / "r.json")


def broken(*_: object) -> NoReturn:
    """Raise what nobody expects."""
    raise ZeroDivisionError("a bug")


async def broken_task() -> NoReturn:
    """Raise what nobody expects, a second later."""
    await asyncio.sleep(1)
    broken()


@pytest.mark.parametrize(
    "parts",
    [
        {"start": broken_task},
        {"start": broken},
        {"work": broken_task},
        {"work": broken},
        {"spawn": broken},
        {"spawn": lambda background: background.spawn(broken_task(), name="kubelet")},
        {"work": lambda: stay(5), "verdict": broken},
        {"work": lambda: stay(5), "extend": broken},
    ],
    ids="+".join,
)
async def test_a_bug_anywhere_leaves_no_object_and_keeps_the_result(
    world: World, parts: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Objects of a run that ended in a traceback stay in the user's cluster for good."""
    outcome = await world.run(**parts)

    assert str(outcome.error).startswith("internal error: ZeroDivisionError('a bug'); report it")
    assert world.written()["objects"]["left"] == outcome.result.objects.left == 0
    assert not world.left()
    assert any(record.exc_info for record in caplog.records)


async def test_a_bug_in_the_clean_up_names_what_is_left(world: World) -> None:
    """The user has to know that objects are left, and how to get rid of them."""
    outcome = await world.run(work=lambda: stay(1), clean_up=broken_task)

    assert isinstance(outcome.error, CleanupIncomplete)
    assert outcome.error.left == ("Namespace mesh",)
    assert outcome.error.fix == f"remove them with `pyload cleanup --run-id {ID}`"
    assert world.written()["objects"]["left"] == 1


async def test_embedded_servers_that_fail_end_the_run(world: World) -> None:
    """Proxies would dial a control plane for ever that is not there any more."""
    async with Supervisor() as servers:
        servers.spawn(broken_task(), name="control-plane")
        outcome = await world.run(servers=servers)

    assert "internal error" in str(outcome.error)
    assert world.written()["exit_reason"] == "failed"


async def test_of_errors_in_tasks_of_a_group_the_first_is_named(world: World) -> None:
    """`ExceptionGroup('unhandled errors in a TaskGroup')` says nothing to whom it is reported."""

    async def work() -> str:
        async with asyncio.TaskGroup() as group:
            group.create_task(broken_task(), name="a")
        raise AssertionError

    assert "ZeroDivisionError" in str((await world.run(work=work)).error)


@pytest.mark.parametrize(
    ("seconds", "reason"), [(0.5, "its duration was over"), (2.0, "stopped by a signal")]
)
async def test_a_run_ends_by_its_work_or_by_a_signal(
    world: World, seconds: float, reason: str
) -> None:
    """Both are as good, and a script can tell them apart."""
    asyncio.get_running_loop().call_later(1.0, world.shutdown.signal)
    outcome = await world.run(work=lambda: stay(seconds))

    assert outcome.error is None
    assert world.written()["exit_reason"] == reason
    assert not world.left()


async def test_a_signal_during_the_start_is_exit_code_130(world: World) -> None:
    """A script must not take a run for done in which nothing was measured."""
    asyncio.get_running_loop().call_later(1.0, world.shutdown.signal)

    async def start() -> None:
        await world.start()
        await asyncio.sleep(60)

    outcome = await world.run(start=start)

    assert isinstance(outcome.error, Interrupted)
    assert world.written()["exit_reason"] == "interrupted during start-up"
    assert not world.left()


async def test_the_result_is_written_before_the_clean_up_and_its_objects_after(
    world: World,
) -> None:
    """Whatever goes wrong in the clean-up must not lose an hour's figures."""
    before: list[Any] = []

    async def clean_up() -> None:
        before.append(world.written())
        world.recorder.metrics.disconnect("unavailable")
        await world.writer.delete(next(iter(world.writer.ledger)))
        world.writer.ledger.close(next(iter(world.writer.ledger)))

    await world.run(work=lambda: stay(1), clean_up=clean_up)
    after = world.written()

    assert (before[0]["objects"]["deleted"], before[0]["objects"]["left"]) == (0, 1)
    assert (after["objects"]["deleted"], after["objects"]["left"]) == (1, 0)
    assert after == before[0] | {"objects": after["objects"]}


async def test_a_second_signal_ends_the_clean_up(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The user does not want to wait for a server that hangs."""
    hanging = {"metadata": {"name": "mesh", "labels": {}}}
    world.server.intercept = lambda request: (
        answer(200, hanging) if request.method == "GET" and "mesh" in request.path else None
    )
    asyncio.get_running_loop().call_later(1.0, world.shutdown.signal)
    asyncio.get_running_loop().call_later(2.0, world.shutdown.signal)
    outcome = await world.run()

    assert asyncio.get_running_loop().time() == pytest.approx(2.0)
    assert caplog.messages == ["cleanup stopped by a second signal"]
    assert isinstance(outcome.error, CleanupIncomplete)


async def test_a_clean_up_that_takes_too_long_ends_and_names_what_is_left(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """In a pod the run would be killed after its grace period, and nobody told what is left."""
    world.cleanup_timeout = 20.0
    hanging = {"metadata": {"name": "mesh", "labels": {}}}
    world.server.intercept = lambda request: (
        answer(200, hanging) if request.method == "GET" and "mesh" in request.path else None
    )
    asyncio.get_running_loop().call_later(1.0, world.shutdown.signal)
    outcome = await world.run()

    assert asyncio.get_running_loop().time() == pytest.approx(21.0)
    assert caplog.messages == ["cleanup stopped by --cleanup-timeout"]
    assert isinstance(outcome.error, CleanupIncomplete)
    assert world.written()["objects"]["left"] == 1


async def test_embedded_servers_take_what_is_left_with_them(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """The user was sent to clean up an API server that had ended with the run (B14)."""
    world.embedded = True
    hanging = {"metadata": {"name": "mesh", "labels": {}}}
    world.server.intercept = lambda request: (
        answer(200, hanging) if request.method == "GET" and "mesh" in request.path else None
    )
    asyncio.get_running_loop().call_later(1.0, world.shutdown.signal)
    asyncio.get_running_loop().call_later(2.0, world.shutdown.signal)
    outcome = await world.run()

    assert caplog.messages == ["cleanup stopped by a second signal"]
    assert outcome.error is None
    assert outcome.result.objects.left == world.written()["objects"]["left"] == 0


async def test_objects_left_go_before_the_error_of_the_run_which_is_logged(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Exit code 6 asks somebody to act; the reason of the failure must not get lost over it."""
    caplog.set_level(logging.ERROR, "pyload")
    world.server.intercept = lambda request: (
        answer(403, a_status(403, "Forbidden", "no")) if request.method == "DELETE" else None
    )
    error = ThresholdFailed("3 routes were late", fix="look at istiod")
    outcome = await world.run(work=lambda: stay(1), verdict=lambda: error)

    assert isinstance(outcome.error, CleanupIncomplete)
    assert str(error) in caplog.messages


async def test_a_failure_goes_before_the_verdict(world: World) -> None:
    """That no proxy got its config is a consequence of what ended the run."""

    async def work() -> str:
        raise PyloadError("the API server is gone")

    outcome = await world.run(work=work, verdict=lambda: ThresholdFailed("late"))

    assert str(outcome.error) == "the API server is gone"


async def test_a_file_that_cannot_be_written_does_not_keep_the_objects(world: World) -> None:
    """A full disk is found at the end, and is an error of the run only if nothing else is."""
    world.out = world.out / "no" / "r.json"
    outcome = await world.run(work=lambda: stay(1))

    assert str(outcome.error).startswith(f"cannot write {world.out}")
    assert not world.left()


async def test_a_command_adds_its_figures_and_its_listing(world: World) -> None:
    """The times of `latency` and the table of `startup` are all that their users look at."""

    def extend(result: Result) -> Result:
        return replace(result, run_id="extended")

    listing: Callable[[Result], str] = lambda result: f"run {result.run_id}"  # noqa: E731
    outcome = await world.run(work=lambda: stay(1), extend=extend, listing=listing)

    assert outcome.listing == "run extended"
    assert world.written()["run_id"] == "extended"


def own(*exprs: str, abort: bool = False, after: float = 0.0) -> Thresholds:
    """Return thresholds that a user has written."""
    return Thresholds(tuple(parse_threshold(one, abort=abort, after=after) for one in exprs))


async def test_a_threshold_that_fails_is_exit_code_4_after_the_clean_up(world: World) -> None:
    """CI has to see it, and the cluster has to be as before (B4)."""
    outcome = await world.run(own("objects.created == 2"), work=lambda: stay(1))

    assert isinstance(outcome.error, ThresholdFailed)
    assert str(outcome.error) == "threshold failed: objects.created == 2 (it is 1)"
    assert world.written()["thresholds"][-1] == {
        "expr": "objects.created == 2",
        "figure": "objects.created",
        "unit": "count",
        "value": 1,
        "passed": False,
        "default": False,
    }
    assert world.written()["exit_reason"] == "its duration was over"
    assert not world.left()


@pytest.mark.parametrize(("expr", "passed"), [("duration < 1h", True), ("duration > 1h", False)])
async def test_a_run_that_is_stopped_by_a_signal_is_judged_too(
    world: World, expr: str, *, passed: bool
) -> None:
    """Most runs without --duration end by ctrl-C, and have a verdict all the same."""
    asyncio.get_running_loop().call_later(1.0, world.shutdown.signal)
    outcome = await world.run(own(expr))

    assert (outcome.error is None) is passed


async def test_objects_that_could_not_be_written_fail_a_run_by_default(world: World) -> None:
    """A run of a mesh that is not there must not pass, though nobody asked about it."""
    world.recorder.metrics.object("Pod", "failed")
    outcome = await world.run(work=lambda: stay(1))

    assert str(outcome.error).startswith("threshold failed: objects.failed == 0 (it is 1)")


async def test_a_threshold_ends_the_run_within_a_second(world: World) -> None:
    """A load that has failed is not to weigh on the cluster for another hour."""
    loop = asyncio.get_running_loop()
    loop.call_later(4.5, world.recorder.metrics.disconnect, "unavailable")
    outcome = await world.run(own("disconnects.unavailable == 0", abort=True))

    assert 4.5 < loop.time() < 6.0
    assert isinstance(outcome.error, ThresholdFailed)
    assert world.written()["exit_reason"] == ("ended by a threshold: disconnects.unavailable == 0")
    assert not world.left()


async def test_a_threshold_ends_a_run_that_waits_for_its_proxies(world: World) -> None:
    """A control plane that answers nobody is loaded by ever more dials until --startup-timeout."""
    peer = Peer()
    peer.silent = True
    metrics = world.recorder.metrics
    fleet = LocalFleet(resolver_of(peer), delta=True, metrics=metrics, rng=Random(1))
    loop = asyncio.get_running_loop()
    loop.call_later(10.5, metrics.disconnect, "unavailable")

    async def start() -> None:
        await world.start()
        await asyncio.sleep(2)
        fleet.start(ProxySpec(key="p", type="sidecar", ip="10.0.0.1", name="p", namespace="m"))

    async with fleet:
        thresholds = own("disconnects.unavailable == 0", abort=True, after=20.0)
        outcome = await world.run(thresholds, start=start, fleet=fleet)

    assert 22.0 <= loop.time() < 24.0
    assert world.written()["exit_reason"] == "ended by a threshold: disconnects.unavailable == 0"
    assert world.written()["thresholds"][-1]["passed"] is False
    assert outcome.error is not None
    assert not world.left()


async def test_a_threshold_ends_no_run_before_its_time(world: World) -> None:
    """What is allowed while the mesh comes up may be forbidden later."""
    world.recorder.metrics.disconnect("unavailable")
    await world.run(own("disconnects.unavailable == 0", abort=True, after=30.0))

    assert 30.0 <= asyncio.get_running_loop().time() < 32.0


async def test_a_threshold_on_a_figure_of_another_command_creates_nothing(world: World) -> None:
    """It is a mistake in a flag, and is said before the cluster is touched."""
    with pytest.raises(UsageError, match="has no figure"):
        await world.run(own("times.ready.p99 < 1s"))
    assert not world.left()
    assert not world.out.exists()


async def test_a_run_that_failed_otherwise_keeps_its_error(world: World) -> None:
    """Its threshold has failed because of the error, which says more."""
    outcome = await world.run(own("duration > 1h"), work=broken_task)

    assert "internal error" in str(outcome.error)
    assert world.written()["thresholds"][-1]["passed"] is False


async def test_a_run_that_never_began_is_not_judged(world: World) -> None:
    """A list of failed thresholds would hide that it was interrupted."""
    asyncio.get_running_loop().call_later(1.0, world.shutdown.signal)
    outcome = await world.run(own("duration > 1h"), start=lambda: asyncio.sleep(60))

    assert isinstance(outcome.error, Interrupted)
    assert outcome.result.thresholds == ()


async def test_under_the_name_pilot_load_a_default_warns(world: World) -> None:
    """Scripts expect exit code 0, and people one line that says what is wrong."""
    world.recorder.metrics.object("Pod", "failed")
    outcome = await world.run(as_pilot_load=True, work=lambda: stay(1))

    assert outcome.error is None
    assert outcome.warning == "threshold failed: objects.failed == 0 (it is 1)"
