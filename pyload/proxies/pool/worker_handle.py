"""One of a pool's workers, as the pool sees it: a process, and the next one when that dies."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pyload.errors import PyloadError
from pyload.proxies.pool.messages import (
    End,
    LogRecords,
    Ready,
    Refresh,
    Report,
    ResolveRequest,
    Setup,
    Start,
    StartProxy,
    StatusUpdate,
    Stop,
    Stopped,
)
from pyload.proxies.pool.pipe import Pipe
from pyload.proxies.pool.process import cause, reap, spawn
from pyload.proxies.pool.totals import WorkerTotals
from pyload.tasks import clock

if TYPE_CHECKING:
    import subprocess

    from pyload.proxies.pool.messages import Message, ResolveResponse
    from pyload.proxies.spec import ProxySpec

START_SECONDS: Final = 60.0
"""How long a process may take until it takes proxies."""

LOOK_SECONDS: Final = 1.0
"""How often a worker is looked at; it reports as often."""

SILENT_LOOKS: Final = 20
"""Looks in a row without a word of a worker after which it hangs.

Looks are counted, not seconds: a machine that was suspended must not lose its workers.
"""

DEATHS: Final = 3
DEATHS_SECONDS: Final = 60.0
"""A worker may die so often within so many seconds."""

_FRAME_PROXIES: Final = 1000

log = logging.getLogger("pyload")


@dataclass(slots=True, eq=False)
class Assignment:
    """A proxy of the pool.

    Attributes:
        number: Names it between pool and worker.
        spec: The proxy.
        worker: The worker that it was dealt to.
        configured: Whether it has ever been configured.
    """

    number: int
    spec: ProxySpec
    worker: WorkerHandle
    configured: bool = False


class WorkerEvents(Protocol):
    """Whom a worker tells what its worker says."""

    def configured(self, member: Assignment) -> None:
        """A proxy is configured for the first time."""

    def died(self, member: Assignment) -> None:
        """A proxy has died of an error."""

    def asked(self, worker: WorkerHandle, ask: ResolveRequest) -> None:
        """A way is wanted; `WorkerHandle.answer` gives it."""


class WorkerHandle:
    """Keeps one worker running, with its proxies.

    Args:
        number: Counted from 0.
        setup: What the worker needs to know.
        owner: Is told what happens.

    Attributes:
        number: As above.
        members: Its proxies.
        share: What they have come to.
        ready: Set when a process takes proxies.
    """

    def __init__(self, number: int, setup: Setup, owner: WorkerEvents) -> None:
        self.number = number
        self.members: dict[int, Assignment] = {}
        self.totals = WorkerTotals(number)
        self.ready = asyncio.Event()
        self._setup = setup
        self._owner = owner
        self._clock = clock()
        self._deaths: deque[float] = deque(maxlen=DEATHS + 1)
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: Pipe | None = None
        self._waiting: deque[Assignment | int] = deque()
        self._flushing = False
        self._ending = asyncio.Event()
        self._stops: dict[int, asyncio.Future[None]] = {}
        self._refreshes: dict[int, asyncio.Future[None]] = {}
        self._serial = 0
        self._heard = False

    async def run(self) -> None:
        """Keep a process running until `end`.

        Raises:
            PyloadError: It cannot be started, or dies again and again.
        """
        while not self._ending.is_set():
            code = await self._live()
            self._released()
            if self._ending.is_set():
                return
            self.totals.process_died()
            self._deaths.append(self._clock())
            if self._dies_too_often():
                raise PyloadError(
                    f"worker {self.number} has died {len(self._deaths)} times within "
                    f"{DEATHS_SECONDS:g}s, the last time of {cause(code)}",
                    fix="look for its own message above and for the kernel's out-of-memory killer, "
                    "or use --workers 0",
                )
            self.totals.restarts += 1
            log.error(
                "worker %d died of %s: it is started again with its proxies (%d)",
                self.number,
                cause(code),
                len(self.members),
            )
            self._waiting.extend(self.members.values())

    def start(self, member: Assignment) -> None:
        """Start a proxy, as soon as the worker takes it."""
        self.members[member.number] = member
        self._enqueue(member)

    def stop(self, member: Assignment) -> asyncio.Future[None]:
        """Stop a proxy; what is returned is done when its stream is closed."""
        stopped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.members.pop(member.number, None) is None or self._ending.is_set():
            stopped.set_result(None)
        else:
            self._stops[member.number] = stopped
            self._enqueue(member.number)
        return stopped

    def answer(self, answer: ResolveResponse) -> None:
        """Answer a question, if the process that asked still lives."""
        if self._pipe is not None:
            self._pipe.send(answer)

    def refresh(self) -> asyncio.Future[None]:
        """Ask for new figures; what is returned is done when they have come."""
        fresh: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._pipe is None or not self.ready.is_set() or self._pipe.closed.is_set():
            fresh.set_result(None)
        else:
            self._serial += 1
            self._refreshes[self._serial] = fresh
            self._pipe.send(Refresh(self._serial))
        return fresh

    def end(self) -> None:
        """Let the worker stop its proxies and end, and start no other."""
        self._ending.set()
        self.members.clear()
        self._waiting.clear()
        if self._pipe is not None:
            self._pipe.send(End())

    def kill(self) -> None:
        """End the process at once."""
        if self._process is not None:
            self._process.kill()

    def _dies_too_often(self) -> bool:
        return len(self._deaths) > DEATHS and self._deaths[-1] - self._deaths[0] < DEATHS_SECONDS

    async def _live(self) -> int:
        """Run one process to its end, and give its exit code."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = spawn(theirs)
        except OSError as error:
            ours.close()
            raise PyloadError(f"cannot start a worker process: {error}") from error
        try:
            await self._converse(ours)
        finally:
            code = await reap(self._process, number=self.number)
            self.ready.clear()
            self._process = None
        return code

    async def _converse(self, sock: socket.socket) -> None:
        _, pipe = await asyncio.get_running_loop().create_unix_connection(
            lambda: Pipe(self._take, self._flush), sock=sock
        )
        self._pipe = pipe
        try:
            pipe.send(self._setup)
            if self._ending.is_set():
                pipe.send(End())
            try:
                async with asyncio.timeout(START_SECONDS):
                    await self._ready_or_closed(pipe)
            except TimeoutError:
                log.error("worker %d did not start in %g s", self.number, START_SECONDS)
                return
            await self._watch(pipe)
        finally:
            self._pipe = None
            pipe.close()
        if pipe.error is not None:
            raise pipe.error

    async def _watch(self, pipe: Pipe) -> None:
        """Wait until a process has ended; end one that hangs."""
        silent = 0
        while not pipe.closed.is_set():
            self._heard = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await pipe.closed.wait()
            # The end has a deadline of the pool's.
            silent = 0 if self._heard or self._ending.is_set() else silent + 1
            if silent == SILENT_LOOKS:
                log.error("worker %d hangs, and is killed", self.number)
                self.kill()
                return

    async def _ready_or_closed(self, pipe: Pipe) -> None:
        tasks = [asyncio.ensure_future(one.wait()) for one in (self.ready, pipe.closed)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()

    def _released(self) -> None:
        """Let nobody wait for a process that is gone."""
        self._waiting.clear()
        for waiters in (self._stops, self._refreshes):
            for waiter in waiters.values():
                if not waiter.done():
                    waiter.set_result(None)
            waiters.clear()

    # To the worker.

    def _enqueue(self, what: Assignment | int) -> None:
        if self._ending.is_set():
            return
        self._waiting.append(what)
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Send what waits."""
        self._flushing = False
        pipe = self._pipe
        if pipe is None or not self.ready.is_set():
            return
        try:
            self._send_to(pipe)
        except Exception as error:  # noqa: BLE001 - the run must not go on without the proxy
            pipe.fail(error)

    def _send_to(self, pipe: Pipe) -> None:
        """Send in order and in few frames, as fast as the worker reads."""
        waiting = self._waiting
        while waiting and not pipe.full:
            starts: list[StartProxy] = []
            while (
                waiting
                and isinstance(one := waiting[0], Assignment)
                and len(starts) < _FRAME_PROXIES
            ):
                waiting.popleft()
                starts.append(StartProxy(one.number, one.configured, one.spec))
            stops: list[int] = []
            while waiting and isinstance(one := waiting[0], int) and len(stops) < _FRAME_PROXIES:
                waiting.popleft()
                stops.append(one)
            if starts:
                pipe.send(Start(tuple(starts)))
            if stops:
                pipe.send(Stop(tuple(stops)))

    # From the worker.

    def _take(self, record: Message) -> None:
        self._heard = True
        match record:
            case Ready():
                self.ready.set()
                self._flush()
            case StatusUpdate():
                self._on_status_update(record)
            case Stopped(numbers):
                for number in numbers:
                    _set(self._stops.pop(number, None))
            case ResolveRequest():
                self._owner.asked(self, record)
            case Report(serial):
                self.totals.update(record)
                _set(self._refreshes.pop(serial, None))
            case LogRecords():
                _write(record)
            case _:
                raise AssertionError(record)

    def _on_status_update(self, news: StatusUpdate) -> None:
        self.totals.update_counts(news.counts)
        for number in news.configured:
            member = self.members.get(number)
            if member is not None and not member.configured:
                member.configured = True
                self._owner.configured(member)
        for number in news.died:
            member = self.members.pop(number, None)
            if member is not None:
                self._owner.died(member)


def _set(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _write(record: LogRecords) -> None:
    """Write a worker's lines to the log of this process."""
    if record.lost:
        log.warning("%d log lines of a worker were lost: there were too many", record.lost)
    for line in record.lines:
        logger = logging.getLogger(line.name)
        values = {
            "name": line.name,
            "levelno": line.level,
            "levelname": logging.getLevelName(line.level),
            "created": line.created,
            "filename": line.filename,
            "lineno": line.line,
            "msg": line.message,
        }
        if line.labels is not None:
            values["labels"] = line.labels
        logger.handle(logging.makeLogRecord(values))
