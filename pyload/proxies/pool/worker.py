"""A worker process: runs the proxies that a pool sends, and nothing else.

Started as ``python -m pyload.proxies.pool.worker FD``, where FD is its end of the pool's pipe. The
first message is the setup, of which the worker is made; it ends when the pool says so, or is gone.
Changes are not sent when they happen but collected for `STATUS_SECONDS`, and only while the pool
reads: ten thousand proxies that are configured in one moment are one message.

What only a pool needs, such as a Kubernetes client or the rendering of reports, is never imported
here: it would cost its memory once per core.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.malloc import return_large_blocks
from pyload.proxies.channels import ChannelResolver, TransportCache, transport_factory
from pyload.proxies.counts import FleetCounts
from pyload.proxies.fleet import FleetEvents
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.pool.log_forwarder import LogForwarder
from pyload.proxies.pool.messages import (
    Arrivals,
    End,
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
from pyload.report import process
from pyload.report.load import probe_load
from pyload.report.loop_lag import probe
from pyload.report.metrics import Metrics
from pyload.tasks import SIGNALS, Supervisor, clock, first_of, run

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, NoReturn

    from pyload.proxies.pool.messages import Message
    from pyload.proxies.spec import ProxySpec

STATUS_SECONDS: Final = 0.1
"""How long changes may wait until they are sent."""

REPORT_SECONDS: Final = 1.0


class Worker(FleetEvents):
    """Runs the proxies of a pool.

    Args:
        setup: What holds for all of them.
        pipe: The pipe to the pool.
        transports: The transports of their streams.
        log: Collects the log records of this process.
    """

    def __init__(
        self, setup: Setup, pipe: Pipe, transports: TransportCache, log: LogForwarder
    ) -> None:
        self._pipe = pipe
        self._log = log
        self._metrics = Metrics()
        self._resolver = RemoteResolver(pipe.send, exclusive=setup.exclusive)
        self._fleet = LocalFleet(
            ChannelResolver(self._resolver, transports),
            delta=setup.delta,
            metrics=self._metrics,
            rng=Random(),  # noqa: S311 - spreads retries
            events=self,
            behavior=setup.behavior,
            node=setup.node,
            run_id=setup.run_id,
        )
        # The running proxies: their numbers by key, and their keys by number.
        self._numbers: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        # For the next status update.
        self._configured: list[int] = []
        self._dead: list[int] = []
        # By marks, the proxies that have received them, and when.
        self._arrivals: dict[tuple[int, ...], tuple[list[int], list[int]]] = {}
        self._sent_counts = FleetCounts()
        self._end = asyncio.Event()
        self._stops: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Run until the pool ends the worker or is gone, and send the last figures."""
        async with Supervisor() as background:
            background.spawn(probe(self._metrics.loop_lag), name="loop-lag")
            background.spawn(probe_load(self._metrics), name="load")
            background.spawn(self._report_changes(), name="status")
            self._pipe.send(Ready())
            ends = first_of(self._end.wait(), self._pipe.closed.wait(), name="end")
            await background.guard(ends, name="worker")
        if not self._pipe.closed.is_set():
            await self._fleet.stop_all()
            self._log.send(self._pipe.send)
            self._send_status()
            self._pipe.send(self._report(0))

    def handle(self, message: Message) -> None:
        """Handle a message of the pool."""
        match message:
            case Start(proxies):
                for one in proxies:
                    self._start(one)
            case Stop(numbers):
                self._stop(numbers)
            case ResolveResponse():
                self._resolver.on_response(message)
            case Refresh(serial):
                self._pipe.send(self._report(serial))
            case End():
                self._end.set()
            case _:
                raise AssertionError(message)

    def _start(self, one: StartProxy) -> None:
        self._numbers[one.spec.key] = one.number
        self._keys[one.number] = one.spec.key
        self._fleet.start(one.spec, restarted=one.restarted)

    def _stop(self, numbers: tuple[int, ...]) -> None:
        """Begin to stop at once: the next message may start a proxy of the same key."""
        ends = [self._fleet.stop(self._forget(number)) for number in numbers]
        task = asyncio.create_task(self._wait(numbers, ends), name="stop")
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _wait(self, numbers: tuple[int, ...], ends: list[Coroutine[Any, Any, bool]]) -> None:
        await asyncio.gather(*ends)
        self._pipe.send(Stopped(numbers))

    def _forget(self, number: int) -> str:
        """Forget a proxy, and return its key, which is empty if it has died before."""
        key = self._keys.pop(number, "")
        self._numbers.pop(key, None)
        return key

    def on_configured(self, spec: ProxySpec) -> None:
        """Record a proxy for the next status update."""
        self._configured.append(self._numbers[spec.key])

    def on_marks(self, spec: ProxySpec, numbers: tuple[int, ...], at: float) -> None:
        """Record marks for the next status update."""
        proxies, times = self._arrivals.setdefault(numbers, ([], []))
        proxies.append(self._numbers[spec.key])
        times.append(round(at * 1e6))

    def on_died(self, spec: ProxySpec) -> None:
        """Record a proxy for the next status update, unless it was stopped before."""
        number = self._numbers.get(spec.key)
        if number is not None:
            self._forget(number)
            self._dead.append(number)

    async def _report_changes(self) -> NoReturn:
        """Send what has changed, as long as the pool reads."""
        now = clock()
        due = now()
        report = due
        while True:
            if not self._pipe.full:
                self._log.send(self._pipe.send)
                self._send_status()
                if now() >= report:
                    report = now() + REPORT_SECONDS
                    self._pipe.send(self._report(0))
            due = max(due + STATUS_SECONDS, now())
            await asyncio.sleep(due - now())

    def _send_status(self) -> None:
        counts = self._fleet.counts
        changed = self._configured or self._dead or self._arrivals
        if counts == self._sent_counts and not changed:
            return
        self._sent_counts = counts + FleetCounts()
        arrivals = tuple(
            Arrivals(marks, tuple(proxies), tuple(times))
            for marks, (proxies, times) in self._arrivals.items()
        )
        self._pipe.send(StatusUpdate(tuple(self._configured), tuple(self._dead), counts, arrivals))
        self._configured.clear()
        self._dead.clear()
        self._arrivals.clear()

    def _report(self, serial: int) -> Report:
        self._fleet.count_starting()
        pushes = tuple(self._metrics.push_times.drain())
        return Report(
            serial=serial,
            counts=self._fleet.counts,
            snapshot=self._metrics.snapshot(),
            pacing=self._fleet.pacing,
            cpu_seconds=process.cpu_seconds(),
            rss_bytes=process.rss_bytes(),
            late=tuple(self._fleet.late()) if serial else (),
            pushes=pushes,
        )


class Inbox:
    """The worker's end of the pipe, and what arrives there before the worker is made.

    Attributes:
        pipe: The pipe to the pool.
    """

    def __init__(self) -> None:
        self.pipe = Pipe(self._handle)
        self._setup: asyncio.Future[Setup] = asyncio.get_running_loop().create_future()
        self._worker: Worker | None = None
        # Messages that have come before the worker was made.
        self._early: list[Message] = []

    async def serve(self, create: Callable[[Setup, Pipe], Worker]) -> None:
        """Run a worker until it ends, or the pool closes the pipe.

        Args:
            create: Makes the worker of its setup.
        """
        pipe = self.pipe
        await first_of(asyncio.wait([self._setup]), pipe.closed.wait(), name="setup")
        if self._setup.done():
            self._worker = create(self._setup.result(), pipe)
            for message in self._early:
                self._worker.handle(message)
            await self._worker.run()
        pipe.close()
        await pipe.closed.wait()
        if pipe.error is not None:
            raise pipe.error

    def _handle(self, message: Message) -> None:
        if isinstance(message, Setup):
            self._setup.set_result(message)
        elif self._worker is None:
            self._early.append(message)
        else:
            self._worker.handle(message)


def _create(setup: Setup, pipe: Pipe) -> Worker:
    if setup.transport != "grpc":
        return_large_blocks()
    log = LogForwarder()
    log.install(setup.levels)
    return Worker(
        setup, pipe, TransportCache(transport_factory(setup.transport, setup.sources)), log
    )


async def _serve(sock: socket.socket) -> None:
    inbox = Inbox()
    await asyncio.get_running_loop().create_unix_connection(lambda: inbox.pipe, sock=sock)
    await inbox.serve(_create)


def main(argument: str) -> NoReturn:
    """Run a worker on an inherited descriptor."""
    # The pool decides when to end; a terminal or a service manager signals all processes.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    run(_serve(socket.socket(fileno=int(argument))))
    # There may be thousands of connections, which the system closes faster than we do.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
