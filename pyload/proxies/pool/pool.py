"""A fleet whose proxies run in worker processes, one for each core.

The pool deals each proxy to the worker with the fewest, and knows it by its key. A worker's process
starts with its first proxy, so that a run that follows an empty cluster has none, and a
`WorkerHandle` keeps it alive from then on. Targets and tokens are found here, in one process, and
sent to the workers that ask for them: only this process talks to Kubernetes and to a CA. A fault in
a background task, such as a worker that dies again and again, is raised by `run`.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Final, NoReturn, Self

from pyload.errors import CertificateError, PyloadError, UsageError
from pyload.proxies.counts import FleetCounts
from pyload.proxies.fleet import NO_EVENTS
from pyload.proxies.late import MAX_LATE, Late
from pyload.proxies.local_fleet import STARTING_SECONDS, STOP_SECONDS
from pyload.proxies.pool.command_queue import Assignment
from pyload.proxies.pool.log_forwarder import logger_levels
from pyload.proxies.pool.messages import ResolveResponse
from pyload.proxies.pool.process import spawn
from pyload.proxies.pool.worker_handle import WorkerHandle
from pyload.proxies.targets import Target
from pyload.report.metrics import Metrics
from pyload.report.pacing import Pacing
from pyload.tasks import Supervisor, cancel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence
    from types import TracebackType
    from typing import Any

    from pyload.proxies.fleet import FleetEvents
    from pyload.proxies.pool.messages import ResolveRequest, Setup
    from pyload.proxies.pool.process import Spawn
    from pyload.proxies.spec import ProxySpec
    from pyload.report.metrics import Snapshot
    from pyload.report.spreads import PushCounts
    from pyload.xds.credentials import Principal

REFRESH_SECONDS: Final = 2.0
"""How long a refresh waits for workers that are busy."""

END_SECONDS: Final = STOP_SECONDS + 5.0
"""How long workers may take to end before they are killed."""

log = logging.getLogger("pyload")


class WorkerPool:
    """Runs proxies in worker processes until they are stopped, or the context is left.

    Changes in a worker are known here within a tenth of a second, and its metrics within a second.

    Args:
        workers: How many processes, at least 1.
        setup: What the workers together need to know; the levels of loggers are added.
        resolver: Resolves the principals of proxies to targets.
        metrics: Receives the workers' figures.
        events: Hears of the proxies, but not of their pushes.
        spawn: Starts a worker's process.
    """

    def __init__(
        self,
        workers: int,
        setup: Setup,
        *,
        resolver: Callable[[Principal], Target | Awaitable[Target]],
        metrics: Metrics,
        events: FleetEvents = NO_EVENTS,
        spawn: Spawn = spawn,
    ) -> None:
        self.metrics = metrics
        self._resolver = resolver
        self._events = events
        # The proxies that have not been stopped and have not died, by key.
        self._assignments: dict[str, Assignment] = {}
        # Proxies that were ever started; also the number of the last.
        self._wanted = 0
        self._now = asyncio.get_running_loop().time
        self._last_start = 0.0
        self._responses: set[asyncio.Task[None]] = set()
        self._background = Supervisor()
        # The task of each worker that has begun, by the worker's number.
        self._keepers: dict[int, asyncio.Task[None]] = {}
        self._failure: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        setup = replace(setup, levels=logger_levels())
        self._workers = [
            WorkerHandle(number, setup.of_worker(number, workers=workers), self, spawn)
            for number in range(workers)
        ]
        metrics.attach(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._close()

    def __len__(self) -> int:
        return len(self._assignments)

    def __contains__(self, key: str) -> bool:
        return key in self._assignments

    def worker_of(self, key: str) -> int | None:
        """Return the number of the worker that a proxy was dealt to; None if there is no proxy."""
        assignment = self._assignments.get(key)
        return None if assignment is None else assignment.worker.number

    @property
    def counts(self) -> FleetCounts:
        """The counts of all proxies, those of processes that have died included."""
        total = sum((worker.totals.counts for worker in self._workers), FleetCounts())
        if self._now() - self._last_start < STARTING_SECONDS:
            # No worker has reported these yet; its process may only just begin.
            total.starting += max(0, self._wanted - total.wanted)
        total.wanted = self._wanted
        # A proxy that was restarted with its worker before it was configured connects twice.
        total.connected = min(total.connected, self._wanted)
        return total

    @property
    def pacing(self) -> Pacing:
        """How fast proxies may connect."""
        return sum((worker.totals.pacing for worker in self._workers), Pacing(0, 0.0))

    def snapshot(self) -> Snapshot:
        """Return the figures of the workers that have begun; the metrics call this."""
        begun = [self._workers[number].totals.snapshot() for number in sorted(self._keepers)]
        return Metrics().snapshot().merged(begun)

    def start(self, spec: ProxySpec) -> None:
        """Start a proxy in the worker with the fewest.

        Raises:
            UsageError: A proxy of the same key is running.
        """
        if spec.key in self._assignments:
            raise UsageError(f"proxy {spec.key} is running already")
        self._wanted += 1
        self._last_start = self._now()
        worker = min(self._workers, key=lambda worker: len(worker.assignments))
        assignment = self._assignments[spec.key] = Assignment(self._wanted, spec, worker)
        worker.start(assignment)
        if worker.number not in self._keepers:
            keeper = self._background.spawn(self._keep(worker), name=f"worker-{worker.number}")
            self._keepers[worker.number] = keeper

    def stop(self, key: str) -> Coroutine[Any, Any, bool]:
        """Stop a proxy, and return a coroutine that waits until its stream is closed.

        The coroutine returns whether there was such a proxy. The key is free again before it is
        awaited.
        """
        assignment = self._assignments.pop(key, None)
        if assignment is None:
            return self._stopped(key, None)
        self._events.on_stopped(assignment.spec)
        return self._stopped(key, assignment.worker.stop(assignment))

    async def stop_all(self) -> None:
        """Stop all proxies and end the workers; no proxy can start any more."""
        self._assignments.clear()
        for worker in self._workers:
            worker.end()
        running = [keeper for keeper in self._keepers.values() if not keeper.done()]
        if running:
            _, late = await asyncio.wait(running, timeout=END_SECONDS)
            if late:
                log.warning(
                    "%d workers did not end in %g s, and are killed", len(late), END_SECONDS
                )
                for worker in self._workers:
                    worker.kill()
                await asyncio.wait(late)
        await cancel(self._responses)

    async def refresh(self) -> None:
        """Bring the counts and the metrics up to date, except for workers that are too busy."""
        await asyncio.wait([worker.refresh() for worker in self._workers], timeout=REFRESH_SECONDS)
        self.metrics.spreads.advance(self._now())

    def learn_version(self, version: str) -> None:
        """Record the control plane's version for the processes that are still to be started."""
        for worker in self._workers:
            node = worker.setup.node.with_control_plane(version)
            worker.setup = replace(worker.setup, node=node)

    def late(self) -> list[Late]:
        """Return some of the proxies that were not configured at the last refresh."""
        late: list[Late] = []
        for worker in self._workers:
            late += worker.totals.late
            if not worker.ready.is_set():
                specs = (one.spec for one in islice(worker.assignments.values(), MAX_LATE))
                late += (Late(f"{spec.namespace}/{spec.name}", "no worker") for spec in specs)
        return late[:MAX_LATE]

    async def run(self) -> NoReturn:
        """Wait until cancelled.

        Raises:
            PyloadError: A worker does not start, or dies again and again.
        """
        await asyncio.wait([self._failure])
        self._failure.result()

    # The events of the workers.

    def on_configured(self, assignment: Assignment) -> None:
        """See `WorkerEvents`."""
        self._events.on_configured(assignment.spec)

    def on_marks(self, assignment: Assignment, numbers: tuple[int, ...], at: float) -> None:
        """See `WorkerEvents`."""
        self._events.on_marks(assignment.spec, numbers, at)

    def on_pushes(self, counts: Sequence[PushCounts]) -> None:
        """See `WorkerEvents`."""
        self.metrics.spreads.add(counts)

    def on_died(self, assignment: Assignment) -> None:
        """Forget the proxy, unless another of its key was started meanwhile."""
        if self._assignments.get(assignment.spec.key) is assignment:
            del self._assignments[assignment.spec.key]
            self._events.on_died(assignment.spec)

    def on_resolve_request(
        self, request: ResolveRequest, respond: Callable[[ResolveResponse], None]
    ) -> None:
        """Start to resolve a principal; workers limit their dials, and so their open requests."""
        task = asyncio.create_task(self._respond(request, respond), name="resolve")
        self._responses.add(task)
        task.add_done_callback(self._responses.discard)

    async def _respond(
        self, request: ResolveRequest, respond: Callable[[ResolveResponse], None]
    ) -> None:
        try:
            target = self._resolver(request.principal)
            if not isinstance(target, Target):
                target = await target
        except PyloadError as error:
            is_certificate_error = isinstance(error, CertificateError)
            respond(ResolveResponse(request.number, None, str(error), is_certificate_error))
        except Exception as error:  # noqa: BLE001 - a bug of ours, which must not look like a wait
            self._fail(error)
        else:
            respond(ResolveResponse(request.number, target))

    async def _close(self) -> None:
        async with self._background:
            await self.stop_all()

    async def _keep(self, worker: WorkerHandle) -> None:
        try:
            await worker.run()
        except Exception as error:  # noqa: BLE001 - `run` raises it
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if not self._failure.done():
            self._failure.set_exception(error)
            # Read at once: the loop would log an exception that is never read.
            self._failure.exception()

    async def _stopped(self, key: str, stopped: asyncio.Future[None] | None) -> bool:
        if stopped is None:
            return False
        await asyncio.wait([stopped], timeout=END_SECONDS)
        if not stopped.done():
            log.warning("no worker said in %g s that proxy %s has stopped", END_SECONDS, key)
        return True
