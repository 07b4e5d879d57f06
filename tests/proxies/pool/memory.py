"""Worker processes in memory: they hang, die and refuse to end at an exact time.

`FakeWorkers` starts workers that run no proxies and do what a test says. `MemoryWorkers` starts the
real worker on the test's own event loop. Both reach the pool over a `MemoryTransport`, which splits
what is written into pieces as a socket may, and holds it back while the other end does not read.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.proxies.channels import TransportCache
from pyload.proxies.counts import FleetCounts
from pyload.proxies.pool.log_forwarder import LogForwarder
from pyload.proxies.pool.messages import (
    End,
    Message,
    Ready,
    Refresh,
    Report,
    Setup,
    Start,
    StartProxy,
    StatusUpdate,
    Stop,
    Stopped,
)
from pyload.proxies.pool.pipe import Pipe
from pyload.proxies.pool.worker import Inbox, Worker
from pyload.report.metrics import Metrics
from pyload.report.pacing import Pacing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.xds.tls import TlsConfig
    from pyload.xds.transport import Transport

KILLED = -9
PIECE = 65536

START_SECONDS = 0.3
"""How long the real worker in memory takes to start, as Python does."""


class MemoryTransport(asyncio.Transport):
    """One end of a connection in memory; made in pairs by `connect`.

    Args:
        protocol: The protocol at this end.
        piece: Bytes that are delivered at a time.

    Attributes:
        peer: The other end.
        unread: What was written here, and not read at the other end.
    """

    def __init__(self, protocol: asyncio.Protocol, piece: int) -> None:
        super().__init__()
        self.peer: MemoryTransport
        self.unread = bytearray()
        self._protocol = protocol
        self._piece = piece
        self._high = PIECE
        self._full = False
        self._reading = True
        self._reads_soon = False
        self._closing = False
        self._lost = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the size from which on the protocol is to pause."""
        del low
        assert high is not None
        self._high = high

    def is_closing(self) -> bool:
        """Return whether nothing more can be written."""
        return self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write bytes, to be read at the other end in a later turn of the loop."""
        if self._closing:
            return
        self.unread += data
        if len(self.unread) > self._high and not self._full:
            self._full = True
            self._protocol.pause_writing()
        self.peer.read_soon()

    def pause_reading(self) -> None:
        """Deliver nothing, not even the end of the connection."""
        self._reading = False

    def resume_reading(self) -> None:
        """Deliver what has come meanwhile."""
        self._reading = True
        self.read_soon()

    def close(self) -> None:
        """Close this end; what was written can still be read."""
        self._closing = True
        if not self.unread:
            self._lose()
        self.peer.read_soon()

    def abort(self) -> None:
        """Close this end, and drop what was not read."""
        self.unread.clear()
        self.close()

    def read_soon(self) -> None:
        """Read in the next turn of the loop, if anything has come."""
        if not self._reads_soon:
            self._reads_soon = True
            asyncio.get_running_loop().call_soon(self._read)

    def _read(self) -> None:
        self._reads_soon = False
        if self._lost or not self._reading:
            return
        data = self.peer.take(self._piece)
        if data:
            self._protocol.data_received(data)
            self.read_soon()
        elif self.peer.is_closing():
            self._closing = True
            self._lose()

    def take(self, size: int) -> bytes:
        """Remove what the other end reads."""
        data = bytes(self.unread[:size])
        del self.unread[:size]
        if self._full and len(self.unread) <= self._high // 4:
            self._full = False
            self._protocol.resume_writing()
        if data and self._closing and not self.unread:
            self._lose()
        return data

    def _lose(self) -> None:
        if not self._lost:
            self._lost = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)


def connect(pool: Pipe, worker: Pipe, *, piece: int = PIECE) -> MemoryTransport:
    """Connect the two ends of a pipe, and return the worker's."""
    ends = MemoryTransport(pool, piece), MemoryTransport(worker, piece)
    ends[0].peer, ends[1].peer = ends[1], ends[0]
    pool.connection_made(ends[0])
    worker.connection_made(ends[1])
    return ends[1]


class MemoryProcess:
    """A process that ends when a test says so; see `pyload.proxies.pool.process.WorkerProcess`."""

    def __init__(self) -> None:
        self.code: int | None = None
        self.transport: MemoryTransport
        self._over = asyncio.Event()

    def runs(self) -> bool:
        """Return whether the process has not ended."""
        return self.code is None

    def kill(self) -> None:
        """End the process at once."""
        self.exit(KILLED)

    async def wait(self) -> int:
        """Wait for the end of the process."""
        await self._over.wait()
        assert self.code is not None
        return self.code

    def exit(self, code: int) -> None:
        """End the process; what it has written can still be read."""
        if self.code is None:
            self.code = code
            self._over.set()
            self.transport.close()


class FakeWorker(MemoryProcess):
    """A process that answers messages, and runs no proxies.

    Args:
        spawn: How it behaves.

    Attributes:
        pipe: Its end of the pipe.
        messages: All messages that have arrived.
        running: The proxies that it was to start, and has not been told to stop.
        failed: Those that have died of an error.
        counts: What it reports.
        hangs: Whether it neither reads nor writes.
    """

    def __init__(self, spawn: FakeWorkers) -> None:
        super().__init__()
        self.pipe = Pipe(self._handle)
        self.messages: list[Message] = []
        self.running: dict[int, StartProxy] = {}
        self.failed: set[int] = set()
        self._configured: set[int] = set()
        self.counts = FleetCounts()
        self._spawn = spawn
        self._loop = asyncio.get_running_loop()
        self.hangs = False

    def begin(self) -> None:
        """Start to run."""
        if self._spawn.exit_code is not None:
            self.exit(self._spawn.exit_code)
        self._loop.create_task(self._exit_with_pipe())
        self._beat()

    def send(self, message: Message) -> None:
        """Send a message to the pool."""
        self.pipe.send(message)

    def configure(self, *numbers: int) -> None:
        """Report that proxies are configured."""
        fresh = tuple(number for number in numbers if not self.running[number].restarted)
        self._configured |= set(numbers)
        self.counts += FleetCounts(
            connected=len(fresh),
            configured=len(fresh),
            connected_now=len(numbers),
            configured_now=len(numbers),
        )
        self.send(StatusUpdate(fresh, (), self.counts))

    def configure_some(self, count: int) -> None:
        """Report that some more proxies are configured."""
        self.configure(*sorted(self.running.keys() - self._configured)[:count])

    def fail(self, number: int) -> None:
        """Report that a proxy has died of an error."""
        self._remove(number)
        self.failed.add(number)
        self.counts += FleetCounts(failed=1)
        self.send(StatusUpdate((), (number,), self.counts))

    def _remove(self, number: int) -> None:
        del self.running[number]
        if number in self._configured:
            self.counts += FleetCounts(connected_now=-1, configured_now=-1)

    def hang(self) -> None:
        """Neither read nor write any more."""
        self.hangs = True
        self.transport.pause_reading()

    def resume(self) -> None:
        """Go on after a hang."""
        self.hangs = False
        self.transport.resume_reading()

    def _handle(self, message: Message) -> None:
        self.messages.append(message)
        match message:
            case Setup() if self._spawn.start_seconds is not None:
                self._loop.call_later(self._spawn.start_seconds, self.send, Ready())
            case Start(proxies):
                for one in proxies:
                    assert one.number not in self.running
                    self.running[one.number] = one
            case Stop(numbers):
                for number in numbers:
                    # One that has died is stopped by a pool that has not heard of it.
                    if number not in self.failed:
                        self._remove(number)
                self.send(Stopped(numbers))
            case Refresh(serial):
                self.report(serial)
            case End() if not self._spawn.refuses_to_end:
                self.exit(0)
            case _:
                pass

    def report(self, serial: int = 0) -> None:
        """Send all figures."""
        snapshot = Metrics().snapshot()
        self.send(Report(serial, self.counts, snapshot, Pacing(), cpu_seconds=0.5, rss_bytes=1))

    def _beat(self) -> None:
        if self.runs():
            if not self.hangs:
                self.report()
            self._loop.call_later(1.0, self._beat)

    async def _exit_with_pipe(self) -> None:
        await self.pipe.closed.wait()
        if not self._spawn.refuses_to_end:
            self.exit(0)


@dataclass
class FakeWorkers:
    """Starts fake workers; a `pyload.proxies.pool.process.Spawn`.

    Attributes:
        start_seconds: How long the next ones take to get ready; None if they never do.
        exit_code: The code with which the next ones exit at once; None if they run.
        refuses_to_end: Whether they must be killed.
        error: Why none can be started; None if they can.
        piece: Bytes that are delivered at a time.
        spawned: All processes that were started.
    """

    start_seconds: float | None = 0.0
    exit_code: int | None = None
    refuses_to_end: bool = False
    error: OSError | None = None
    piece: int = PIECE
    spawned: list[FakeWorker] = field(default_factory=list)

    async def __call__(self, pipe: Pipe) -> FakeWorker:
        """Start a worker."""
        if self.error is not None:
            raise self.error
        worker = FakeWorker(self)
        worker.transport = connect(pipe, worker.pipe, piece=self.piece)
        worker.begin()
        self.spawned.append(worker)
        return worker


class MemoryWorker(MemoryProcess):
    """The real worker, on the event loop of the test.

    Args:
        connect: Makes a transport to an address.
    """

    def __init__(self, connect: Callable[[str, TlsConfig | None], Transport]) -> None:
        super().__init__()
        self.inbox = Inbox()
        self._connect = connect
        self._worker: Worker | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to run."""
        self._task = asyncio.create_task(self._serve())

    def exit(self, code: int) -> None:
        """End the process, and with it all that runs in it."""
        super().exit(code)
        assert self._task is not None
        self._task.cancel()
        if self._worker is not None:
            for key in tuple(self._worker._fleet._running):
                self._worker._fleet.stop(key).close()

    async def _serve(self) -> None:
        code = 1
        try:
            await asyncio.sleep(START_SECONDS)
            await self.inbox.serve(self._create)
            code = 0
        except Exception:
            logging.getLogger("pyload.tests").exception("a worker has failed")
        finally:
            self.exit(code)

    def _create(self, setup: Setup, pipe: Pipe) -> Worker:
        self._worker = Worker(setup, pipe, TransportCache(self._connect), LogForwarder())
        return self._worker


class MemoryWorkers:
    """Starts real workers in memory; a `pyload.proxies.pool.process.Spawn`.

    Args:
        connect: Makes a transport to an address.

    Attributes:
        spawned: All processes that were started.
    """

    def __init__(self, connect: Callable[[str, TlsConfig | None], Transport]) -> None:
        self._connect = connect
        self.spawned: list[MemoryWorker] = []

    async def __call__(self, pipe: Pipe) -> MemoryWorker:
        """Start a worker."""
        worker = MemoryWorker(self._connect)
        worker.transport = connect(pipe, worker.inbox.pipe)
        worker.begin()
        self.spawned.append(worker)
        return worker
