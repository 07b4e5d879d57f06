"""The way of a run up a ladder: it holds a number of proxies for a while, then more of them.

The first step is the run's own start. Each further one adds proxies, waits until all are ready, as
a start does, and then holds them; what is measured meanwhile is judged by the run's thresholds. The
first step that fails is the last one: figures of a larger number would say nothing, since the
control plane may still be busy with what it has not done for the smaller.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyload.errors import StartTimeout
from pyload.harness.readiness import settle
from pyload.harness.span import Span
from pyload.report.ladder import Ladder, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from pyload.harness.judge import Judge
    from pyload.harness.ladder_options import LadderOptions
    from pyload.harness.readiness import Readiness
    from pyload.harness.recorder import Recorder
    from pyload.harness.results import Results
    from pyload.harness.span import Mark
    from pyload.harness.workload import Workload
    from pyload.report.result import Result

STEPS_OVER: Final = "its steps were over"

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rungs:
    """The steps of a run, and how its command takes them. Its start is the first of them.

    Attributes:
        options: The steps.
        grow: Adds proxies until there are so many.
        hold: Goes on with the work of the run for some seconds.
    """

    options: LadderOptions
    grow: Callable[[int], Coroutine[Any, Any, object]]
    hold: Callable[[float], Coroutine[Any, Any, object]] = asyncio.sleep


class Climb:
    """One run that goes up a ladder.

    Args:
        workload: The run's parts, with proxies and with steps.
        recorder: Shows what the run is doing.
        results: Makes the results of steps.
        judge: Judges each step.
        readiness: Waits until the proxies of a step are ready.

    Attributes:
        span: The part of the run that is the present step; None while proxies are added.
        held_at: When that began, in seconds of the loop's clock.
    """

    def __init__(
        self,
        workload: Workload,
        recorder: Recorder,
        results: Results,
        *,
        judge: Judge,
        readiness: Readiness,
    ) -> None:
        assert workload.rungs is not None, "it has steps"
        self.span: Span | None = None
        self.held_at = 0.0
        self._rungs = workload.rungs
        self._workload = workload
        self._recorder = recorder
        self._results = results
        self._judge = judge
        self._readiness = readiness
        self._steps: list[Step] = []
        # The step that has begun and is not judged, and since when.
        self._target = 0
        self._added: Mark | None = None

    async def begin(self) -> None:
        """Begin the first step, right before the run's start."""
        await self._begin(self._rungs.options.first)

    @property
    def is_between(self) -> bool:
        """Whether proxies are added to those of a step that is over."""
        return self.span is None and bool(self._steps)

    async def run(self) -> str:
        """Go up until a step fails or all are over; return which it was.

        Raises:
            PyloadError: Proxies could not be added, or were not ready in time.
        """
        steps, recorder = self._rungs.options.steps, self._recorder
        for index, target in enumerate(steps, 1):
            if index > 1:
                recorder.phase = f"step {index} of {len(steps)}, adding proxies"
                more = target - steps[index - 2]
                log.info("step %d of %d: adding %s proxies", index, len(steps), f"{more:,}")
                await self._begin(target)
                await self._readiness.after(self._rungs.grow(target), what="adding them")
            recorder.phase = f"step {index} of {len(steps)}"
            await self._hold()
            step = self._steps[-1]
            log.info("step %d of %d: %s", index, len(steps), step.line())
            if not step.passed:
                return f"the step of {step.name} failed"
        return STEPS_OVER

    async def _begin(self, target: int) -> None:
        self._target = target
        self._added = await self._results.mark()

    async def _hold(self) -> None:
        assert self._added is not None, "a step begins before it is held"
        probes = self._workload.probes
        self.span = Span(self._added, await self._results.mark())
        self.held_at = asyncio.get_running_loop().time()
        if probes is not None:
            probes.begin()
        await self._rungs.hold(self._rungs.options.seconds)
        if probes is not None:
            await probes.pause()
        await settle(self._workload.fleet)
        await self._recorder.read_istiods()
        figures = self._judge.judged(await self._results.current(self.span, is_over=True))
        self._end(figures, passed=self._judge.error(figures) is None)

    def _end(self, figures: Result, *, passed: bool | None, ended: str = "") -> None:
        self._steps.append(Step(target=self._target, passed=passed, ended=ended, figures=figures))
        self.span = self._added = None

    async def sum_up(self, result: Result, error: Exception | None) -> Result:
        """Return the result of a run with its steps, judged by the last of them.

        Args:
            result: The figures of the whole run.
            error: What has ended the run, if that is an error.
        """
        if self._added is not None:
            await self._end_early(error)
        judged = [step for step in self._steps if step.passed is not None] or self._steps
        return replace(
            result,
            thresholds=judged[-1].figures.thresholds if judged else (),
            steps=tuple(self._steps),
            ladder=Ladder.of(self._steps),
        )

    async def _end_early(self, error: Exception | None) -> None:
        """End the step that something else than its time has ended."""
        assert self._added is not None
        span = self.span or Span(self._added, self._added)
        figures = self._judge.judged(await self._results.current(span, is_over=True))
        if isinstance(error, StartTimeout):
            self._end(figures, passed=False, ended=self._readiness.missed())
        else:
            self._end(figures, passed=False if self._judge.has_ended_run else None)
