"""A worker process: runs the proxies that a pool gives it, and nothing else.

Started as ``python -m pyload.proxies.pool.worker FD``, where FD is its end of the pool's socket.
It ends when the pool says so, or is gone. What only a pool needs, such as a Kubernetes client or
the rendering of reports, is never imported here: it would cost its memory once per core.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.malloc import return_large_blocks
from pyload.proxies.counts import Counts
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.pool.messages import (
    End,
    LogRecord,
    LogRecords,
    Ready,
    Refresh,
    Report,
    ResolveResponse,
    Setup,
    Start,
    StartProxy,
    StatusUpdate,
    Stop,
    Stopped,
)
from pyload.proxies.pool.pipe import Pipe
from pyload.proxies.pool.remote_resolver import RemoteResolver
from pyload.proxies.targets import TransportCache, transport_factory
from pyload.report import process
from pyload.report.loop_lag import probe
from pyload.report.metrics import Metrics
from pyload.tasks import SIGNALS, Supervisor, clock, first_of, run

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, NoReturn

    from pyload.proxies.pool.messages import Message
    from pyload.proxies.spec import ProxySpec

STATUS_SECONDS: Final = 0.1
"""How long changes may wait to be told."""

REPORT_SECONDS: Final = 1.0

LINES: Final = 20_000
"""Log lines that may wait to be told; more are counted and lost."""

_FRAME_LINES: Final = 1000


class Worker:
    """Runs the proxies of one pool's records.

    Args:
        setup: What holds for all of them.
        pipe: Leads to the pool.
        log: Collects the log.
    """

    def __init__(self, setup: Setup, pipe: Pipe, log: LogForwarder) -> None:
        self._pipe = pipe
        self._log = log
        self._metrics = Metrics()
        self._transports = TransportCache(transport_factory(setup.transport, setup.sources))
        self._ways = RemoteResolver(pipe.send, self._transports, own=setup.own_ways)
        self._fleet = LocalFleet(
            None,
            delta=setup.delta,
            metrics=self._metrics,
            rng=Random(),  # noqa: S311 - spreads retries
            route=self._ways,
            configured=self._first_configured,
            died=self._died,
            behavior=setup.behavior,
        )
        self._numbers: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        self._configured: list[int] = []
        self._dead: list[int] = []
        self._told = Counts()
        self._background = Supervisor()
        self._end = asyncio.Event()
        self._stops: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until the pool says that it is the end, and tell the last figures."""
        async with Supervisor() as background:
            background.spawn(probe(self._metrics.loop_lag), name="loop-lag")
            background.spawn(self._report_changes(), name="news")
            self._pipe.send(Ready())
            ends = first_of(self._end.wait(), self._pipe.closed.wait(), name="end")
            await background.guard(ends, name="worker")
        if not self._pipe.closed.is_set():
            await self._fleet.stop_all()
            self._log.send(self._pipe)
            self._send_status()
            self._pipe.send(self._report(0))

    def take(self, record: Message) -> None:
        """Do what a record of the pool says."""
        match record:
            case Start(proxies):
                for one in proxies:
                    self._start(one)
            case Stop(numbers):
                self._stop(numbers)
            case ResolveResponse():
                self._ways.answer(record)
            case Refresh(serial):
                self._pipe.send(self._report(serial))
            case End():
                self._end.set()
            case _:
                raise AssertionError(record)

    def _start(self, one: StartProxy) -> None:
        self._numbers[one.spec.key] = one.number
        self._keys[one.number] = one.spec.key
        self._fleet.start(one.spec, again=one.restarted)

    def _stop(self, numbers: tuple[int, ...]) -> None:
        """Begin to stop at once: a proxy of the same key may be started by the next record."""
        ends = [self._fleet.stop(self._forget(number)) for number in numbers]
        task = asyncio.create_task(self._wait(numbers, ends), name="stop")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _wait(self, numbers: tuple[int, ...], ends: list[Coroutine[Any, Any, bool]]) -> None:
        await asyncio.gather(*ends)
        self._pipe.send(Stopped(numbers))

    def _forget(self, number: int) -> str:
        """Take a proxy out of the books, and give its key; empty if it has died before."""
        key = self._keys.pop(number, "")
        self._numbers.pop(key, None)
        return key

    def _first_configured(self, spec: ProxySpec) -> None:
        self._configured.append(self._numbers[spec.key])

    def _died(self, spec: ProxySpec) -> None:
        number = self._numbers.get(spec.key)
        if number is not None:
            self._forget(number)
            self._dead.append(number)

    async def _report_changes(self) -> NoReturn:
        """Tell the pool what is new, as long as it reads."""
        now = clock()
        due = now()
        report = due
        while True:
            if not self._pipe.full:
                self._log.send(self._pipe)
                self._send_status()
                if now() >= report:
                    report = now() + REPORT_SECONDS
                    self._pipe.send(self._report(0))
            due = max(due + STATUS_SECONDS, now())
            await asyncio.sleep(due - now())

    def _send_status(self) -> None:
        counts = self._fleet.counts
        if counts == self._told and not self._configured and not self._dead:
            return
        self._told = counts + Counts()
        self._pipe.send(StatusUpdate(tuple(self._configured), tuple(self._dead), counts))
        self._configured.clear()
        self._dead.clear()

    def _report(self, serial: int) -> Report:
        return Report(
            serial=serial,
            counts=self._fleet.counts,
            snapshot=self._metrics.snapshot(),
            pacing=self._fleet.pacing,
            cpu_seconds=process.cpu_seconds(),
            rss_bytes=process.rss_bytes(),
        )


class LogForwarder(logging.Handler):
    """Collects the log lines of this process for the pool's log."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[LogRecord] = []
        self._lost = 0

    def install(self, setup: Setup) -> None:
        """Take the place of all handlers, at the pool's levels."""
        for name, level in setup.levels.items():
            logging.getLogger(name).setLevel(level)
        logger = logging.getLogger("pyload")
        logger.propagate = False
        logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, unless there are too many."""
        if len(self._lines) >= LINES:
            self._lost += 1
            return
        self._lines.append(
            LogRecord(
                record.name,
                record.levelno,
                record.created,
                record.filename,
                record.lineno,
                self.format(record),
                getattr(record, "labels", None),
            )
        )

    def send(self, pipe: Pipe) -> None:
        """Send what there is."""
        lines, lost = self._lines, self._lost
        self._lines, self._lost = [], 0
        for first in range(0, len(lines), _FRAME_LINES):
            pipe.send(LogRecords(tuple(lines[first : first + _FRAME_LINES]), lost))
            lost = 0


class _Inbox:
    """Takes records: the first makes the worker."""

    def __init__(self) -> None:
        self.setup: asyncio.Future[Setup] = asyncio.get_running_loop().create_future()
        self.worker: Worker | None = None
        self._early: list[Message] = []

    def take(self, record: Message) -> None:
        if isinstance(record, Setup):
            self.setup.set_result(record)
        elif self.worker is None:
            self._early.append(record)
        else:
            self.worker.take(record)

    def begin(self, worker: Worker) -> None:
        """Give a worker all records, with those that have come before it was made."""
        self.worker = worker
        for record in self._early:
            worker.take(record)


async def serve(sock: socket.socket) -> None:
    """Be a worker at one end of a socket until the other closes it."""
    inbox = _Inbox()
    _, pipe = await asyncio.get_running_loop().create_unix_connection(
        lambda: Pipe(inbox.take), sock=sock
    )
    await first_of(_arrived(inbox.setup), pipe.closed.wait(), name="setup")
    if inbox.setup.done():
        setup = inbox.setup.result()
        if setup.transport != "grpc":
            return_large_blocks()
        log = LogForwarder()
        log.install(setup)
        worker = Worker(setup, pipe, log)
        inbox.begin(worker)
        await worker.run()
    pipe.close()
    await pipe.closed.wait()
    if pipe.error is not None:
        raise pipe.error


async def _arrived(setup: asyncio.Future[Setup]) -> None:
    await asyncio.wait([setup])


def main(argument: str) -> NoReturn:
    """Run a worker on an inherited descriptor."""
    # The pool is who decides when to end; a terminal or a service manager tells all processes.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    run(serve(socket.socket(fileno=int(argument))))
    # There may be thousands of connections, which the system closes faster than we do.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
