"""One run of a command: how it starts, ends, cleans up and reports.

A command describes its own parts as a `Workload`, and a `Run` takes it through the same steps as
every other::

    start ──▶ work ──▶ figures and verdict ──▶ result file ──▶ clean-up ──▶ result file
      │        │           ▲
      └────────┴───────────┘  a signal, an error or a bug

Three rules hold for all commands, and for that reason stand only here:

1. Objects that the run created are removed, whatever has ended it. Each step that comes before the
   clean-up may fail; it then becomes the run's error and keeps no other step from being done.
2. The result is written while the run goes on and before the clean-up too, so that nothing that
   goes wrong there loses what was measured. Afterwards only the figures of objects change.
3. Why and how a run ended is decided in this module, as an `Ending`. Of several errors the first is
   the run's, except that objects left behind go before everything else. A run that nothing has
   ended early is judged by its figures, in this order: by whether its proxies were served at all,
   by the command itself, and by thresholds.

A first signal ends `start` or `work`, and a second one the clean-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.errors import CleanupIncomplete, Interrupted, PyloadError, StartTimeout
from pyload.harness.climb import Climb
from pyload.harness.judge import Judge, unserved
from pyload.harness.live_run import LiveRun
from pyload.harness.observed import observed
from pyload.harness.observers import observed_by, observers
from pyload.harness.outcome import Ending, Outcome, internal_error, interrupted
from pyload.harness.readiness import Readiness
from pyload.harness.result_file import ResultFile
from pyload.harness.results import Results
from pyload.mesh.deletion import remove_all
from pyload.tasks import Supervisor, first_of

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pyload.harness.recorder import Recorder
    from pyload.harness.run_options import RunOptions
    from pyload.harness.workload import Workload
    from pyload.mesh.writer import Writer
    from pyload.report.result import Result
    from pyload.tasks import Shutdown

DURATION_OVER: Final = "its duration was over"
STOPPED: Final = "stopped by a signal"

_STOPPED_BY: Final = ("", "a second signal", "--cleanup-timeout")
"""What has ended a clean-up, in the order of the coroutines that can."""

CHECK_SECONDS: Final = 1.0
"""How often thresholds that may end the run are checked."""

_SIGNALLED: Final = 1
_BREACHED: Final = 2
"""What may end the start-up, besides its own end: positions among three."""

log = logging.getLogger("pyload")


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
        self._results = Results(workload, recorder, options)
        self._has_begun = False
        # The figures of the end, while the objects are being removed.
        self._final: Result | None = None
        # When everything was started; it may be long until the proxies are configured.
        self._started: float | None = None
        own = workload.thresholds.replaced_by(options.thresholds)
        self._judge = Judge(workload.by_default, own, defaults_only_warn=options.as_pilot_load)
        self._readiness: Readiness | None = None
        self._climb: Climb | None = None
        fleet, rungs = workload.fleet, workload.rungs
        if fleet is not None and not workload.only_lists:
            start = options.start if rungs is None else rungs.options.waiting(options.start)
            self._readiness = Readiness(start, fleet, workload.source)
            if rungs is not None:
                self._climb = Climb(
                    workload,
                    recorder,
                    self._results,
                    judge=self._judge,
                    readiness=self._readiness,
                )

    async def execute(self, shutdown: Shutdown) -> Outcome:
        """Run the workload to its end, and clean up.

        Raises:
            PyloadError: The run could not begin; nothing was created.
        """
        workload, recorder = self._workload, self._recorder
        if self._judge.own:
            self._judge.check(self._results.last())
        async with contextlib.AsyncExitStack() as stack:
            live = LiveRun.of(workload, recorder, self._shown)
            shown = observed(recorder, workload.fleet, self._options, live)
            await stack.enter_async_context(shown)
            if workload.fleet is not None:
                await stack.enter_async_context(workload.fleet)
            background = await stack.enter_async_context(Supervisor())
            file = ResultFile(self._options.out)
            stack.callback(file.close)
            beside = observers(workload, recorder, self._results, file)
            async with observed_by(beside, unless=shutdown.forced):
                ending = await self._live(background, shutdown)
            ending, result = await self._sum_up(ending)
            if workload.writer is not None:
                self._final = result
                await file.write(result, is_last=False)
                ending = await self._clean_up(workload.writer, ending, shutdown)
                left = self._left(workload.writer)
                result = replace(result, objects=recorder.objects(left=len(left)))
            ending = ending.with_error(await file.write(result))
        return Outcome(result, ending.error, workload.listing(result), self._judge.warning(result))

    def _shown(self) -> Result:
        """Return the figures for those who look on, with the thresholds as they stand."""
        if self._final is not None:
            return self._final
        result = self._results.last()
        return self._judge.judged(result) if self._has_begun else result

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
            return Ending("failed", internal_error(bug))

    async def _phases(self, shutdown: Shutdown) -> str:
        requested, reason = shutdown.requested, STOPPED

        async def end_of(part: Awaitable[str]) -> None:
            nonlocal reason
            reason = await part

        starting = self._start(), requested.wait(), end_of(self._breach())
        first = await first_of(*starting, name="start")
        if first == _SIGNALLED:
            raise interrupted()
        self._recorder.phase = "running"
        self._has_begun = True
        if self._workload.probes is not None:
            self._workload.probes.begin()
        if first == _BREACHED:
            return reason
        work = end_of(self._workload.work() if self._climb is None else self._climb.run())
        await first_of(work, requested.wait(), end_of(self._breach()), name="work")
        if reason != STOPPED and not requested.is_set():
            await first_of(self._workload.settle(), requested.wait(), name="settle")
        return STOPPED if requested.is_set() else reason

    async def _start(self) -> None:
        """Start, and wait for the proxies."""

        async def start() -> None:
            if self._climb is not None:
                await self._climb.begin()
            if self._workload.probes is not None:
                await self._workload.probes.prepare()
            await self._workload.start()
            self._started = asyncio.get_running_loop().time()

        await (start() if self._readiness is None else self._readiness.after(start()))

    async def _breach(self) -> str:
        """Wait for a threshold that ends the run; return which it is."""
        if not self._judge.may_abort:
            await asyncio.get_running_loop().create_future()
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            climb = self._climb
            if self._started is None or (climb is not None and climb.is_between):
                continue
            span = None if climb is None else climb.span
            since = self._started if climb is None or span is None else climb.held_at
            figures = await self._results.current(span)
            verdict = self._judge.breach(figures, elapsed=now() - since)
            if verdict is not None:
                return f"ended by a threshold: {verdict.expr}"

    async def _sum_up(self, ending: Ending) -> tuple[Ending, Result]:
        """Sum up the figures, and judge the run by them."""
        try:
            result = await self._results.current(reason=ending.reason, is_over=True)
            if self._climb is not None:
                result = await self._climb.sum_up(result, ending.error)
            elif self._has_begun and not self._workload.only_lists:
                result = self._judge.judged(result)
            if ending.error is None:
                error = unserved(result, is_over=ending.reason == DURATION_OVER)
                error = error or self._workload.verdict() or self._judge.error(result)
                ending = ending.with_error(error)
            elif isinstance(ending.error, StartTimeout):
                # That the control plane served nobody says more than that it took too long.
                ending = replace(ending, error=unserved(result, is_over=False) or ending.error)
        except PyloadError as failure:
            log.error("no final figures: %s", failure)
            ending = ending.with_error(failure)
        except Exception as bug:
            # A figure that cannot be had must not keep the objects in the user's cluster.
            log.exception("no final figures")
            ending = ending.with_error(internal_error(bug))
        else:
            return ending, result
        return ending, self._results.common(ending.reason)

    async def _clean_up(self, writer: Writer, ending: Ending, shutdown: Shutdown) -> Ending:
        """Remove the objects, and name those that are still there."""
        self._recorder.phase = "cleaning up"

        async def remove() -> None:
            if self._workload.clean_up is None:
                await remove_all(writer)
            else:
                await self._workload.clean_up()

        limit = self._options.cleanup_timeout or math.inf
        try:
            ends = remove(), shutdown.forced.wait(), asyncio.sleep(limit)
            if why := _STOPPED_BY[await first_of(*ends, name="cleanup")]:
                log.warning("cleanup stopped by %s", why)
        except Exception as bug:
            # What it left is named below all the same.
            log.exception("cleanup failed")
            ending = ending.with_error(internal_error(bug))
        left = self._left(writer)
        if not left:
            return ending
        if ending.error is not None:
            log.error("%s", ending.error)
        fix = f"remove them with `pyload cleanup --run-id {self._recorder.run_id}`"
        return replace(ending, error=CleanupIncomplete(left, fix=fix))

    def _left(self, writer: Writer) -> tuple[str, ...]:
        """Return the objects that are still there, and will be after the end of the process."""
        return () if self._options.embedded else tuple(str(entry) for entry in writer.ledger)
