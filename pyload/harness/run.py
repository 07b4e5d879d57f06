"""One run of a command: how it starts, ends, cleans up and reports.

A command describes its own parts as a `Workload`, and a `Run` takes it through the same steps as
every other::

    start ──▶ work ──▶ figures and verdict ──▶ result file ──▶ clean-up ──▶ result file
      │        │           ▲
      └────────┴───────────┘  a signal, an error or a bug

Three rules hold for all commands, and for that reason stand only here:

1. Objects that the run created are removed, whatever has ended it. Each step that comes before the
   clean-up may fail; it then becomes the run's error and keeps no other step from being done.
2. The result is written before the clean-up too, so that nothing that goes wrong there loses what
   was measured. Afterwards only the figures of objects change.
3. Why and how a run ended is decided in this module, as an `Ending`. Of several errors the first is
   the run's, except that objects left behind go before everything else.

A first signal ends `start` or `work`, and a second one the clean-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import CleanupIncomplete, Interrupted, PyloadError
from pyload.harness.outage_watch import watch_outages
from pyload.harness.outcome import Outcome, interrupted
from pyload.harness.result_file import write_result
from pyload.mesh.deletion import remove_all
from pyload.report.loop_lag import probe
from pyload.report.metrics_server import serve
from pyload.report.progress import show_progress
from pyload.tasks import Supervisor, first_error, first_of
from pyload.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from pyload.harness.recorder import Recorder
    from pyload.harness.run_options import RunOptions
    from pyload.mesh.writer import Writer
    from pyload.proxies.fleet import Fleet
    from pyload.report.summary import Result
    from pyload.tasks import Shutdown

DURATION_OVER: Final = "its duration was over"
STOPPED: Final = "stopped by a signal"

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The parts of a run that differ from command to command.

    Attributes:
        start: Creates and connects everything that has to be there before the work. A run that is
            stopped in the meantime counts as interrupted.
        work: Goes on until it is cancelled or has nothing more to do; returns why it is over.
        fleet: The run's proxies, if it has any. They are stopped at the very end.
        writer: Writes the run's objects, if it has any.
        spawn: Starts tasks that live until the clean-up is done, and whose failure ends the run.
        clean_up: Removes the objects; by default everything in the writer's ledger.
        verdict: Judges a run that came to its end by its figures; returns None if all is well.
        extend: Adds the command's own figures to a result.
        listing: Returns text to show in place of the result's; empty for none.
    """

    start: Callable[[], Coroutine[Any, Any, object]]
    work: Callable[[], Coroutine[Any, Any, str]]
    fleet: Fleet | None = None
    writer: Writer | None = None
    spawn: Callable[[Supervisor], object] = lambda _: None
    clean_up: Callable[[], Awaitable[object]] | None = None
    verdict: Callable[[], PyloadError | None] = lambda: None
    extend: Callable[[Result], Result] = lambda result: result
    listing: Callable[[Result], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        reason: Why, as the result says it.
        error: The error that ended it, or None; it decides the exit code.
    """

    reason: str
    error: PyloadError | None = None

    def with_error(self, error: PyloadError | None) -> Ending:
        """Return the ending with an error, unless it has one already."""
        return replace(self, error=self.error or error)


async def stay(duration: float | None) -> str:
    """Wait: the work of a run whose proxies are the load, once they are started.

    Args:
        duration: Seconds; None waits for ever.
    """
    if duration is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(duration)
    return DURATION_OVER


class Run:
    """A run of one workload.

    Args:
        workload: The command's parts.
        recorder: Records the figures.
        options: Where the result goes, and whether the metrics are served.
        servers: Owns embedded servers, whose failure ends the run; None without any.
    """

    def __init__(
        self,
        workload: Workload,
        recorder: Recorder,
        options: RunOptions,
        servers: Supervisor | None = None,
    ) -> None:
        self._workload = workload
        self._recorder = recorder
        self._options = options
        self._servers = servers

    async def execute(self, shutdown: Shutdown) -> Outcome:
        """Run the workload to its end, and clean up.

        Raises:
            PyloadError: The run could not begin; nothing was created.
        """
        workload, recorder = self._workload, self._recorder
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._observed())
            if workload.fleet is not None:
                await stack.enter_async_context(workload.fleet)
            background = await stack.enter_async_context(Supervisor())
            ending = await self._watched(self._live(background, shutdown))
            ending, result = await self._sum_up(ending)
            if workload.writer is not None:
                await write_result(self._options.out, result)
                ending = await self._clean_up(workload.writer, ending, shutdown)
                left = len(workload.writer.ledger)
                result = replace(result, objects=recorder.objects(left=left))
            ending = ending.with_error(await write_result(self._options.out, result))
        return Outcome(result, ending.error, workload.listing(result))

    @contextlib.asynccontextmanager
    async def _observed(self) -> AsyncIterator[None]:
        """Probe the event loop, show progress and serve the metrics while the context lasts."""
        recorder, fleet = self._recorder, self._workload.fleet
        async with contextlib.AsyncExitStack() as stack:
            background = await stack.enter_async_context(Supervisor())
            background.spawn(probe(recorder.metrics.loop_lag), name="loop-lag")
            # Log lines and a live line on one terminal would write over each other.
            # There is no standard output at all under `>&-`.
            logs_shown = sys.stdout is not None and sys.stdout.isatty()
            progress = show_progress(
                lambda: recorder.status(fleet), environ=os.environ, enabled=not logs_shown
            )
            background.spawn(progress, name="progress")
            if address := self._options.connection.metrics_addr:
                await stack.enter_async_context(
                    serve(
                        address,
                        recorder.metrics,
                        version=__version__,
                        as_pilot_load=self._options.as_pilot_load,
                    )
                )
            yield

    async def _watched(self, live: Awaitable[Ending]) -> Ending:
        """Look out for outages of the control plane until the run has ended."""
        fleet, recorder = self._workload.fleet, self._recorder
        async with Supervisor() as background:
            if fleet is not None:
                watch = watch_outages(fleet, recorder.metrics, recorder.outages)
                background.spawn(watch, name="outages")
            return await live

    async def _live(self, background: Supervisor, shutdown: Shutdown) -> Ending:
        """Start and work until something ends that."""
        then = "" if self._workload.writer is None else ", starting cleanup"
        try:
            if self._workload.fleet is not None:
                background.spawn(self._workload.fleet.run(), name="proxies")
            self._workload.spawn(background)
            phases = background.guard(self._phases(shutdown), name="run")
            if self._servers is not None:
                phases = self._servers.guard(phases, name="servers")
            return Ending(await phases)
        except Interrupted as error:
            log.warning("exiting early; context cancelled")
            return Ending("interrupted during start-up", error)
        except PyloadError as failure:
            log.error("failed: %s%s", failure, then)
            return Ending("failed", failure)
        except Exception as bug:
            # Whatever this is, the objects must go and the figures be kept.
            log.exception("failed%s", then)
            return Ending("failed", _internal_error(bug))

    async def _phases(self, shutdown: Shutdown) -> str:
        start, requested = self._workload.start(), shutdown.requested
        if await first_of(start, requested.wait(), name="start") != 0:
            raise interrupted()
        self._recorder.phase = "running"
        reason = STOPPED

        async def work() -> None:
            nonlocal reason
            reason = await self._workload.work()

        await first_of(work(), requested.wait(), name="work")
        return STOPPED if requested.is_set() else reason

    async def _sum_up(self, ending: Ending) -> tuple[Ending, Result]:
        """Sum up the figures, and judge the run by them."""
        workload = self._workload
        try:
            if workload.fleet is not None:
                await workload.fleet.refresh()
            if ending.error is None:
                ending = ending.with_error(workload.verdict())
            return ending, workload.extend(self._figures(ending))
        except PyloadError as failure:
            log.error("no final figures: %s", failure)
            ending = ending.with_error(failure)
        except Exception as bug:
            # A figure that cannot be had must not keep the objects in the user's cluster.
            log.exception("no final figures")
            ending = ending.with_error(_internal_error(bug))
        return ending, self._figures(ending)

    def _figures(self, ending: Ending) -> Result:
        writer = self._workload.writer
        left = 0 if writer is None else len(writer.ledger)
        return self._recorder.result(self._workload.fleet, left=left, exit_reason=ending.reason)

    async def _clean_up(self, writer: Writer, ending: Ending, shutdown: Shutdown) -> Ending:
        """Remove the objects, and name those that are still there."""
        self._recorder.phase = "cleaning up"

        async def remove() -> None:
            if self._workload.clean_up is None:
                await remove_all(writer)
            else:
                await self._workload.clean_up()

        try:
            if await first_of(remove(), shutdown.forced.wait(), name="cleanup") != 0:
                log.warning("cleanup stopped by a second signal")
        except Exception as bug:
            # What it left is named below all the same.
            log.exception("cleanup failed")
            ending = ending.with_error(_internal_error(bug))
        left = tuple(str(entry) for entry in writer.ledger)
        if not left:
            return ending
        if ending.error is not None:
            log.error("%s", ending.error)
        fix = f"remove them with `pyload cleanup --run-id {self._recorder.run_id}`"
        return replace(ending, error=CleanupIncomplete(left, fix=fix))


def _internal_error(bug: Exception) -> PyloadError:
    if isinstance(bug, ExceptionGroup):
        bug = first_error(bug)
    if isinstance(bug, PyloadError):
        return bug
    fix = "report it with the log, which says where it happened"
    return PyloadError(f"internal error: {bug!r}", fix=fix)
