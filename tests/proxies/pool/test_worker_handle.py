"""A worker that hangs, dies, starts slowly or refuses to end, at an exact time."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.errors import PyloadError, RemoteProtocolError
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.counts import FleetCounts
from pyload.proxies.pool.command_queue import MAX_PROXIES, Assignment
from pyload.proxies.pool.messages import (
    Arrivals,
    End,
    LogRecord,
    LogRecords,
    Refresh,
    ResolveRequest,
    ResolveResponse,
    Setup,
    Start,
    StatusUpdate,
    Stop,
)
from pyload.proxies.pool.pipe import FULL
from pyload.proxies.pool.worker_handle import (
    CLOSE_SECONDS,
    SILENT_LOOKS,
    START_SECONDS,
    WorkerHandle,
)
from pyload.proxies.spec import ProxySpec
from pyload.xds.credentials import Principal
from tests.proxies.pool.memory import KILLED, FakeWorkers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from pyload.report.spreads import PushCounts

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

SETUP = Setup(delta=True, behavior=ProxyBehavior(), transport="lean")


class Worker:
    """A worker in memory, its handle, and what the handle has said.

    Args:
        fakes: Starts the processes.
    """

    def __init__(self, fakes: FakeWorkers) -> None:
        self.fakes = fakes
        self.handle = WorkerHandle(0, SETUP, self, fakes)
        self.events: list[tuple[str, int]] = []
        self.pushes: list[PushCounts] = []
        self.requests: list[tuple[ResolveRequest, Callable[[ResolveResponse], None]]] = []
        self.task = asyncio.create_task(self.handle.run())
        self._numbers = 0

    def on_configured(self, assignment: Assignment) -> None:
        """See `WorkerEvents`."""
        self.events.append(("configured", assignment.number))

    def on_marks(self, assignment: Assignment, numbers: tuple[int, ...], at: float) -> None:
        """See `WorkerEvents`."""
        self.events.append((f"has {numbers} at {at}", assignment.number))

    def on_pushes(self, counts: Sequence[PushCounts]) -> None:
        """See `WorkerEvents`."""
        self.pushes += counts

    def on_died(self, assignment: Assignment) -> None:
        """See `WorkerEvents`."""
        self.events.append(("died", assignment.number))

    def on_resolve_request(
        self, request: ResolveRequest, respond: Callable[[ResolveResponse], None]
    ) -> None:
        """See `WorkerEvents`."""
        self.requests.append((request, respond))

    def start(self, count: int = 1, **changes: object) -> list[Assignment]:
        """Start proxies."""
        started = []
        for _ in range(count):
            self._numbers += 1
            spec = ProxySpec(key=f"p{self._numbers}", type="sidecar", ip="", name="", namespace="n")
            spec = replace(spec, **changes)  # type: ignore[arg-type]
            started.append(Assignment(self._numbers, spec, self.handle))
            self.handle.start(started[-1])
        return started

    def running(self) -> list[int]:
        """Return the numbers of the proxies that run in the process."""
        return sorted(self.fakes.spawned[-1].running)


@contextlib.asynccontextmanager
async def worker_of(fakes: FakeWorkers) -> AsyncIterator[Worker]:
    """Run a worker, and end it."""
    worker = Worker(fakes)
    await moment()
    try:
        yield worker
        worker.handle.end()
        await worker.task
        assert not any(fake.pipe.error for fake in fakes.spawned)
    finally:
        worker.task.cancel()
        await asyncio.wait([worker.task])


async def moment(seconds: float = 0.01) -> None:
    """Let everything happen that happens within some time."""
    await asyncio.sleep(seconds)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines of the log about workers."""
    return [one.message for one in caplog.records if "worker" in one.message]


DIED = "worker 0 died of {}: it is started again with its proxies ({})"


async def test_a_process_that_hangs_is_killed_after_twenty_silent_looks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Half of the mesh would be as dead as with a worker that is gone, and nobody would know."""
    async with worker_of(FakeWorkers()) as worker:
        worker.start(2)
        await moment(5)
        first = worker.fakes.spawned[0]
        first.hang()
        await moment(SILENT_LOOKS - 1.5)
        assert first.runs()
        await moment(2.5)
        assert first.code == KILLED
        assert worker.running() == [1, 2]
    assert lines(caplog) == ["worker 0 hangs, and is killed", DIED.format("signal 9", 2)]


async def test_a_process_that_speaks_now_and_then_does_not_hang() -> None:
    """A worker that is busy with a large push would be killed for it, with all its streams."""
    async with worker_of(FakeWorkers()) as worker:
        fake = worker.fakes.spawned[0]
        for _ in range(4):
            fake.hang()
            await moment(SILENT_LOOKS - 2)
            fake.resume()
            await moment(2)
        assert fake.runs()
        assert len(worker.fakes.spawned) == 1


async def test_a_process_that_starts_slowly_gets_its_proxies_when_it_is_ready() -> None:
    """A busy machine would start worker after worker, or lose the proxies of the meantime."""
    async with worker_of(FakeWorkers(start_seconds=START_SECONDS - 0.5)) as worker:
        started = worker.start(3)
        stopped = worker.handle.stop(started[1])
        await moment(START_SECONDS - 1)
        assert (worker.running(), worker.handle.ready.is_set(), stopped.done()) == (
            [],
            False,
            False,
        )
        await moment(1)
        assert (worker.running(), worker.handle.ready.is_set(), stopped.done()) == (
            [1, 3],
            True,
            True,
        )
        assert len(worker.fakes.spawned) == 1


async def test_processes_that_never_get_ready_are_replaced_until_it_is_an_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A machine on which workers hang in their start would hold up the run for ever."""
    worker = Worker(FakeWorkers(start_seconds=None))
    began = asyncio.get_running_loop().time()
    with pytest.raises(PyloadError, match="worker 0 has failed to start 4 times in a row, the la"):
        await worker.task
    assert asyncio.get_running_loop().time() - began == pytest.approx(4 * START_SECONDS)
    assert lines(caplog)[:2] == ["worker 0 did not start in 60 s", DIED.format(EXIT_0, 0)]


EXIT_0 = "an error (exit code 0)"


async def test_a_process_that_gets_ready_makes_up_for_those_that_did_not() -> None:
    """A run of hours would end because of single slow starts."""
    async with worker_of(FakeWorkers(start_seconds=None)) as worker:
        await moment(2.5 * START_SECONDS)
        worker.fakes.start_seconds = 0.0
        await moment(START_SECONDS)
        assert worker.handle.ready.is_set()
        worker.fakes.start_seconds = None
        worker.fakes.spawned[-1].kill()
        await moment(2.5 * START_SECONDS)
        worker.fakes.start_seconds = 0.0
        await moment(START_SECONDS)
        assert worker.handle.ready.is_set()


async def test_processes_that_die_at_once_are_an_error() -> None:
    """A run would wait for ever for proxies that nobody runs."""
    worker = Worker(FakeWorkers(exit_code=1))
    with pytest.raises(
        PyloadError,
        match=r"worker 0 has died 4 times within 60s, the last time of an error \(exit code 1\)",
    ):
        await worker.task
    assert len(worker.fakes.spawned) == 4


async def test_a_process_that_cannot_be_started_is_an_error() -> None:
    """A run would wait for ever for proxies that nobody runs."""
    worker = Worker(FakeWorkers(error=OSError("no more processes")))
    with pytest.raises(PyloadError, match="cannot start a worker process: no more processes"):
        await worker.task


async def test_a_worker_that_dies_four_times_a_minute_is_an_error_and_one_that_dies_less_is_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A machine without memory would restart processes for ever, or a long run end for nothing."""
    worker = Worker(FakeWorkers())
    for _ in range(6):
        await moment(20.1)
        worker.fakes.spawned[-1].kill()
    await moment(1)
    assert not worker.task.done()
    worker.fakes.spawned[-1].kill()
    with pytest.raises(PyloadError, match="has died 4 times within 60s, the last time of signal 9"):
        await worker.task
    assert lines(caplog) == [DIED.format("signal 9", 0)] * 6


async def test_the_next_process_starts_what_the_last_one_ran_and_nothing_else() -> None:
    """Proxies would be missing or doubled after a death, or be counted twice."""
    async with worker_of(FakeWorkers()) as worker:
        started = worker.start(5)
        await moment()
        first = worker.fakes.spawned[0]
        first.configure(1, 2, 3)
        await moment()
        await worker.handle.stop(started[0])
        # These are on their way when the process dies.
        first.hang()
        stopping = worker.handle.stop(started[1])
        worker.start(1)
        await moment()
        first.kill()
        await moment()
        assert stopping.done()

        second = worker.fakes.spawned[1]
        assert {one.number: one.restarted for one in second.running.values()} == {
            3: True,
            4: False,
            5: False,
            6: False,
        }
        assert isinstance(second.messages[0], Setup)
        second.configure(3, 4)
        await moment()
        assert worker.events == [("configured", number) for number in (1, 2, 3, 4)]
        totals = worker.handle.totals
        assert totals.counts == FleetCounts(
            connected=4, configured=4, connected_now=2, configured_now=2
        )
        assert (totals.restarts, totals.snapshot().disconnects) == (1, {"worker": 3})


async def test_a_process_may_die_before_it_is_ready() -> None:
    """Proxies that were started in the first second of a run would be lost."""
    async with worker_of(FakeWorkers(start_seconds=2.0)) as worker:
        worker.start(1)
        await moment(1)
        worker.fakes.spawned[0].kill()
        await moment(3)
        assert worker.running() == [1]


async def test_a_process_that_dies_while_it_ends_is_not_replaced(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A run that ends would start another process, which nobody ends."""
    worker = Worker(FakeWorkers(refuses_to_end=True))
    worker.start(1)
    await moment(1)
    stopping = worker.handle.stop(next(iter(worker.handle.assignments.values())))
    worker.handle.end()
    late = worker.start(1)[0]
    assert worker.handle.stop(late).done()
    await moment(1)
    worker.handle.kill()
    await worker.task
    assert stopping.done()
    assert len(worker.fakes.spawned) == 1
    assert End() in worker.fakes.spawned[0].messages
    assert (lines(caplog), worker.handle.totals.restarts) == ([], 0)
    worker.handle.end()
    worker.handle.kill()


async def test_the_end_reaches_a_process_that_is_not_ready_and_stops_one_that_is_not_started() -> (
    None
):
    """Ctrl-C right after the start would wait for a minute, or leave processes."""
    worker = Worker(FakeWorkers(start_seconds=5.0, refuses_to_end=True))
    worker.handle.end()
    await worker.task
    assert not worker.fakes.spawned

    worker = Worker(FakeWorkers(start_seconds=5.0, refuses_to_end=True))
    await moment()
    worker.handle.end()
    await moment(6)
    fake = worker.fakes.spawned[0]
    assert [type(one) for one in fake.messages] == [Setup, End]
    fake.exit(0)
    await worker.task


async def test_the_end_comes_while_a_process_is_being_started() -> None:
    """The process would never be told to end."""
    fakes = FakeWorkers()
    handle: list[WorkerHandle] = []

    async def spawn(pipe: object) -> object:
        worker = await fakes(pipe)  # type: ignore[arg-type]
        handle[0].end()
        return worker

    worker = Worker(fakes)
    worker.handle._spawn = spawn  # type: ignore[assignment]
    handle.append(worker.handle)
    await worker.task
    assert End() in fakes.spawned[0].messages


async def test_a_process_that_closes_its_pipe_and_lives_on_is_killed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The next process would run beside it, and the run's end would wait for it."""
    async with worker_of(FakeWorkers(refuses_to_end=True)) as worker:
        fake = worker.fakes.spawned[0]
        fake.pipe.close()
        await moment(CLOSE_SECONDS - 0.1)
        assert fake.runs()
        worker.fakes.refuses_to_end = False
        fake._spawn = replace(worker.fakes, refuses_to_end=True)
        await moment(0.2)
        assert fake.code == KILLED
    assert lines(caplog)[0] == "worker 0 did not end, and is killed"


async def test_messages_are_whole_however_they_are_torn() -> None:
    """Sockets split and join what is written; a proxy would start under another name, or never."""
    async with worker_of(FakeWorkers(piece=1)) as worker:
        worker.start(3, metadata={"x": "ü" * 10})
        await moment()
        assert worker.running() == [1, 2, 3]
        worker.fakes.spawned[0].configure(2)
        await worker.handle.refresh()
        assert worker.events == [("configured", 2)]
        assert worker.handle.totals.counts.configured == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\0\0\0\x02{}", RemoteProtocolError),
        (b"\xff\xff\xff\xff", RemoteProtocolError),
        (b'\0\0\0\x09["Ready"]', RemoteProtocolError),
        (b'\0\0\0\x07["End"]', AssertionError),
    ],
)
async def test_a_message_that_makes_no_sense_ends_the_run(
    data: bytes, error: type[Exception]
) -> None:
    """A fault of pyload would look like a worker that has died, or go unnoticed."""
    worker = Worker(FakeWorkers())
    await moment()
    worker.fakes.spawned[0].transport.write(data)
    with pytest.raises(error):
        await worker.task


async def test_a_proxy_that_cannot_be_described_ends_the_run() -> None:
    """It would be missing, and nobody would know."""
    worker = Worker(FakeWorkers())
    await moment()
    worker.start(1, metadata={"x": object()})
    with pytest.raises(TypeError):
        await worker.task


async def test_commands_wait_in_the_pool_while_a_process_does_not_read() -> None:
    """The memory of a pool with one slow worker would grow by all that is sent to it."""
    async with worker_of(FakeWorkers()) as worker:
        fake = worker.fakes.spawned[0]
        fake.hang()
        started = worker.start(20_000, metadata={"x": "y" * 200})
        ends = [worker.handle.stop(one) for one in started[:3000]]
        await moment()
        one_message = MAX_PROXIES * 500
        assert FULL < len(fake.transport.peer.unread) < FULL + one_message
        fake.resume()
        await moment()
        assert worker.running() == list(range(3001, 20_001))
        assert all(end.done() for end in ends)
        sizes = [len(one.proxies) for one in fake.messages if isinstance(one, Start)]
        assert sizes == [MAX_PROXIES] * 20
        assert [len(one.numbers) for one in fake.messages if isinstance(one, Stop)] == [1000] * 3


async def test_starts_and_stops_arrive_in_their_order_and_in_few_messages() -> None:
    """A pod that is replaced under its name would be stopped instead of its predecessor."""
    async with worker_of(FakeWorkers()) as worker:
        first, second = worker.start(2)
        worker.handle.stop(first)
        worker.handle.stop(second)
        worker.start(2)
        await moment()
        kinds = [type(one) for one in worker.fakes.spawned[0].messages]
        assert kinds == [Setup, Start, Stop, Start]
        assert worker.running() == [3, 4]


async def test_a_refresh_is_done_when_the_figures_are_there_or_can_not_come() -> None:
    """A result would lack the last second, or wait for a worker that is gone."""
    async with worker_of(FakeWorkers(start_seconds=1.0)) as worker:
        assert worker.handle.refresh().done()
        await moment(1.5)
        fake = worker.fakes.spawned[0]
        fake.counts = FleetCounts(connected=7)
        fresh = worker.handle.refresh()
        assert not fresh.done()
        await fresh
        assert worker.handle.totals.counts == FleetCounts(connected=7)
        fake.hang()
        second, third = worker.handle.refresh(), worker.handle.refresh()
        await moment()
        assert not second.done()
        second.cancel()
        fake.resume()
        await third
        fake.hang()
        fourth = worker.handle.refresh()
        fake.kill()
        await fourth
        assert Refresh(1) in fake.messages
        assert Refresh(3) in fake.messages


async def test_a_proxy_that_has_died_is_reported_once_and_never_started_again() -> None:
    """A worker's restart would bring back a proxy that ends by a fault."""
    async with worker_of(FakeWorkers()) as worker:
        first, second = worker.start(2)
        await moment()
        fake = worker.fakes.spawned[0]
        fake.send(StatusUpdate((), (1, 1, 99), FleetCounts(failed=1)))
        # Of one that is no longer there, and of one that is told twice.
        fake.send(StatusUpdate((1, 2, 2), (), FleetCounts(failed=1)))
        await moment()
        assert worker.events == [("died", 1), ("configured", 2)]
        assert worker.handle.stop(first).done()
        fake.kill()
        await moment()
        assert worker.running() == [second.number]
        assert worker.handle.totals.snapshot().proxies == {("sidecar", "failed"): 1}


async def test_marks_are_those_of_proxies_that_are_there() -> None:
    """A proxy that was stopped would count for a probe, or one that dies be late for it."""
    async with worker_of(FakeWorkers()) as worker:
        worker.start(2)
        await moment()
        arrivals = Arrivals((7, 8), (2, 99, 1), (1_500_000, 1_500_001, 1_500_002))
        worker.fakes.spawned[0].send(StatusUpdate((1,), (1,), FleetCounts(), (arrivals,)))
        await moment()
        assert worker.events == [
            ("configured", 1),
            ("has (7, 8) at 1.5", 2),
            ("has (7, 8) at 1.500002", 1),
            ("died", 1),
        ]


async def test_an_answer_goes_only_to_the_process_that_asked() -> None:
    """A proxy would show the token of another account: the numbers of requests begin anew."""
    async with worker_of(FakeWorkers()) as worker:
        request = ResolveRequest(1, Principal("n", "a", "Kubernetes"))
        worker.fakes.spawned[0].send(request)
        await moment()
        worker.fakes.spawned[0].kill()
        await moment()
        worker.fakes.spawned[1].send(ResolveRequest(1, Principal("n", "b", "Kubernetes")))
        await moment()
        for asked, respond in worker.requests:
            respond(ResolveResponse(1, None, error=asked.principal.service_account))
        await moment()
        answers = [
            [one.error for one in fake.messages if isinstance(one, ResolveResponse)]
            for fake in worker.fakes.spawned
        ]
        assert answers == [[], ["b"]]


async def test_log_records_of_a_worker_are_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Scripts search the log for each proxy's lines."""
    async with worker_of(FakeWorkers()) as worker:
        record = LogRecord("pyload.adsc", 40, 5.0, "client.py", 7, "Closing: %s", {"workload": "p"})
        worker.fakes.spawned[0].send(LogRecords((record, replace(record, labels=None)), 3))
        await moment()
    lost, first, second = caplog.records
    assert lost.message == "3 log lines of a worker were lost: there were too many"
    assert (first.name, first.levelname, first.getMessage()) == (
        "pyload.adsc",
        "ERROR",
        "Closing: %s",
    )
    assert (first.filename, first.lineno, first.created) == ("client.py", 7, 5.0)
    assert vars(first)["labels"] == {"workload": "p"}
    assert "labels" not in vars(second)


async def test_cancelling_leaves_no_process() -> None:
    """A second Ctrl-C would leave processes with open connections."""
    for seconds in (0.0, 0.5, 1.5):
        worker = Worker(FakeWorkers(start_seconds=1.0, refuses_to_end=True))
        await moment(seconds)
        worker.task.cancel()
        await asyncio.wait([worker.task])
        assert [fake.code for fake in worker.fakes.spawned] == [KILLED]
