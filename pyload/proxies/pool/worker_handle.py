"""The pool's side of one worker: a process, and the next one when that dies.

`WorkerHandle.run` starts a process, sends it the setup, waits until it says that it is ready, and
then listens until its pipe is closed, which is how the death of a process is noticed. The proxies
that were assigned to the worker stay with it: when a process has died, the next one is told to
start them all, and whether each had been configured before, so that nothing is counted twice. What
the dead process had counted is kept in the totals.

A process that hangs is found by its silence. A worker reports every second, so one from which
nothing arrives while the pool looks `SILENT_LOOKS` times is killed, and replaced like any other.

`pyload.proxies.pool.lifecycle` has the states, and the rule by which a worker that dies again and
again ends the run; `command_queue` has what waits to be sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import PyloadError
from pyload.proxies.pool.command_queue import Assignment, CommandQueue
from pyload.proxies.pool.lifecycle import Event, Lifecycle
from pyload.proxies.pool.log_forwarder import handle_records
from pyload.proxies.pool.messages import (
    End,
    LogRecords,
    Ready,
    Refresh,
    Report,
    ResolveRequest,
    StatusUpdate,
    Stopped,
)
from pyload.proxies.pool.pipe import Pipe
from pyload.proxies.pool.totals import WorkerTotals
from pyload.tasks import first_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyload.proxies.pool.messages import Message, ResolveResponse, Setup
    from pyload.proxies.pool.process import Spawn, WorkerProcess
    from pyload.report.spreads import PushCounts

START_SECONDS: Final = 60.0
"""How long a process may take until it takes proxies."""

LOOK_SECONDS: Final = 1.0
"""How often a worker is looked at; it reports as often."""

SILENT_LOOKS: Final = 20
"""Looks in a row without a message after which a worker hangs.

Looks are counted, not seconds: a machine that was suspended must not lose its workers.
"""

CLOSE_SECONDS: Final = 5.0
"""How long a process may live on after its pipe was closed."""

log = logging.getLogger("pyload")


class WorkerEvents(Protocol):
    """The receiver of a worker's events, which is the pool."""

    def on_configured(self, assignment: Assignment) -> None:
        """Handle a proxy that is configured for the first time."""

    def on_marks(self, assignment: Assignment, numbers: tuple[int, ...], at: float) -> None:
        """Handle marks that a proxy has received; see `pyload.proxies.fleet.FleetEvents`."""

    def on_pushes(self, counts: Sequence[PushCounts]) -> None:
        """Handle how many proxies got which push when."""

    def on_died(self, assignment: Assignment) -> None:
        """Handle a proxy that has died of an error in pyload."""

    def on_resolve_request(
        self, request: ResolveRequest, respond: Callable[[ResolveResponse], None]
    ) -> None:
        """Handle a request; the response goes to the process that asked, if it still lives."""


class WorkerHandle:
    """Keeps one worker running, with its proxies.

    Args:
        number: The worker's number, counted from 0.
        setup: What each of its processes needs to know.
        events: Receives the worker's events.
        spawn: Starts its processes.

    Attributes:
        number: The worker's number.
        assignments: The proxies that it runs, or is to run, by number.
        totals: The figures of all its processes.
        ready: Set while a process takes proxies.
    """

    def __init__(self, number: int, setup: Setup, events: WorkerEvents, spawn: Spawn) -> None:
        self.number = number
        self.assignments: dict[int, Assignment] = {}
        self.totals = WorkerTotals(number)
        self.ready = asyncio.Event()
        self.setup = setup
        self._events = events
        self._spawn = spawn
        self._lifecycle = Lifecycle()
        self._process: WorkerProcess | None = None
        self._pipe: Pipe | None = None
        self._commands = CommandQueue()
        # Whether a flush is due later in this turn of the loop, which sends what comes until then.
        self._flush_is_due = False
        self._stops = _Waiters()
        self._refreshes = _Waiters()

    async def run(self) -> None:
        """Keep a process running until `end`.

        Raises:
            PyloadError: A process cannot be started, or the worker dies again and again.
        """
        while not self._lifecycle.is_over():
            code = await self._run_process()
            excess = self._lifecycle.record_death(asyncio.get_running_loop().time())
            self._commands.reset()
            self._stops.resolve_all()
            self._refreshes.resolve_all()
            if self._lifecycle.is_over():
                return
            self.totals.process_died()
            if excess:
                raise PyloadError(
                    f"worker {self.number} {excess}, the last time of {_cause(code)}",
                    fix="look for its own message above and for the kernel's out-of-memory killer, "
                    "or use --workers 0",
                )
            self.totals.restarts += 1
            log.error(
                "worker %d died of %s: it is started again with its proxies (%d)",
                self.number,
                _cause(code),
                len(self.assignments),
            )
            self._commands.reset(self.assignments.values())

    def start(self, assignment: Assignment) -> None:
        """Start a proxy, as soon as the worker takes it."""
        self.assignments[assignment.number] = assignment
        if not self._lifecycle.is_over():
            self._commands.start(assignment)
            self._flush_soon()

    def stop(self, assignment: Assignment) -> asyncio.Future[None]:
        """Stop a proxy, and return a future that is done when its stream is closed."""
        number = assignment.number
        if self.assignments.pop(number, None) is None or self._lifecycle.is_over():
            return _done()
        self._commands.stop(number)
        self._flush_soon()
        return self._stops.add(number)

    def refresh(self) -> asyncio.Future[None]:
        """Ask for new figures, and return a future that is done when they have come."""
        if self._pipe is None or not self.ready.is_set() or self._pipe.closed.is_set():
            return _done()
        serial = self._refreshes.last + 1
        self._pipe.send(Refresh(serial))
        return self._refreshes.add(serial)

    def end(self) -> None:
        """Let the worker stop its proxies and exit, and start no other process."""
        self._lifecycle.advance(Event.END)
        self.assignments.clear()
        self._commands.reset()
        if self._pipe is not None:
            self._pipe.send(End())

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    # One process.

    async def _run_process(self) -> int:
        """Run a process to its end, and return its exit code."""
        self._lifecycle.advance(Event.SPAWN)
        pipe = Pipe(self._handle, self._flush)
        try:
            self._process = await self._spawn(pipe)
        except OSError as error:
            raise PyloadError(f"cannot start a worker process: {error}") from error
        self._pipe = pipe
        try:
            await self._converse(pipe)
        finally:
            self._pipe = None
            pipe.close()
            code = await self._reap(self._process)
            self.ready.clear()
            self._process = None
        if pipe.error is not None:
            raise pipe.error
        return code

    async def _converse(self, pipe: Pipe) -> None:
        """Return when a process has closed its pipe, or is not to live any longer."""
        pipe.send(self.setup)
        if self._lifecycle.is_over():
            pipe.send(End())
        try:
            async with asyncio.timeout(START_SECONDS):
                await first_of(self.ready.wait(), pipe.closed.wait(), name="worker-start")
        except TimeoutError:
            log.error("worker %d did not start in %g s", self.number, START_SECONDS)
            return
        silent_looks = 0
        while not pipe.closed.is_set():
            is_silent = await self._look(pipe)
            silent_looks = silent_looks + 1 if is_silent else 0
            if silent_looks == SILENT_LOOKS:
                log.error("worker %d hangs, and is killed", self.number)
                self.kill()
                return

    async def _look(self, pipe: Pipe) -> bool:
        """Wait for the next look at a process, and return whether it has been silent until then."""
        received = pipe.received
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_SECONDS):
                await pipe.closed.wait()
        # A worker that ends may be busy with it: the pool has a deadline for that.
        return pipe.received == received and not self._lifecycle.is_over()

    async def _reap(self, process: WorkerProcess) -> int:
        """Make sure that a process whose pipe is closed exits, and return its exit code."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await process.wait()
        except TimeoutError:
            log.warning("worker %d did not end, and is killed", self.number)
        finally:
            process.kill()
            code = await process.wait()
        return code

    # Messages to the process.

    def _flush_soon(self) -> None:
        if not self._flush_is_due:
            self._flush_is_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send the commands that wait, as fast as the worker reads."""
        self._flush_is_due = False
        pipe = self._pipe
        if pipe is None or not self.ready.is_set():
            return
        try:
            while not pipe.full and (message := self._commands.pop_message()) is not None:
                pipe.send(message)
        except Exception as error:  # noqa: BLE001 - the run must not go on without the proxy
            pipe.fail(error)

    # Messages from the process.

    def _handle(self, message: Message) -> None:
        match message:
            case Ready():
                self._lifecycle.advance(Event.READY)
                self.ready.set()
                self._flush()
            case StatusUpdate():
                self._handle_status(message)
            case Stopped(numbers):
                for number in numbers:
                    self._stops.resolve(number)
            case ResolveRequest():
                assert self._pipe is not None, "only a process that was set up asks"
                self._events.on_resolve_request(message, self._pipe.send)
            case Report(serial):
                self.totals.update(message)
                self._events.on_pushes(message.pushes)
                self._refreshes.resolve(serial)
            case LogRecords():
                handle_records(message)
            case _:
                raise AssertionError(message)

    def _handle_status(self, update: StatusUpdate) -> None:
        self.totals.update_counts(update.counts)
        for number in update.configured:
            assignment = self.assignments.get(number)
            if assignment is not None and not assignment.configured:
                assignment.configured = True
                self._events.on_configured(assignment)
        for arrivals in update.arrivals:
            for number, microseconds in zip(arrivals.proxies, arrivals.times, strict=True):
                assignment = self.assignments.get(number)
                if assignment is not None:
                    self._events.on_marks(assignment, arrivals.marks, microseconds / 1e6)
        for number in update.died:
            assignment = self.assignments.pop(number, None)
            if assignment is not None:
                self.totals.proxy_died(assignment.spec.type)
                self._events.on_died(assignment)


class _Waiters:
    """Futures of what a process was asked for, by number; no future outlives the process.

    Attributes:
        last: The number that was added last.
    """

    __slots__ = ("_futures", "last")

    def __init__(self) -> None:
        self._futures: dict[int, asyncio.Future[None]] = {}
        self.last = 0

    def add(self, number: int) -> asyncio.Future[None]:
        self.last = number
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._futures[number] = future
        return future

    def resolve(self, number: int) -> None:
        future = self._futures.pop(number, None)
        if future is not None and not future.done():
            future.set_result(None)

    def resolve_all(self) -> None:
        for number in tuple(self._futures):
            self.resolve(number)


def _done() -> asyncio.Future[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def _cause(code: int) -> str:
    """Return what a process with such an exit code has died of."""
    return f"signal {-code}" if code < 0 else f"an error (exit code {code})"
