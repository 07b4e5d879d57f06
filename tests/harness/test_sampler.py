"""The history of a run, as one task samples it."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

import pytest

from pyload.harness.recorder import Recorder
from pyload.harness.results import Results
from pyload.harness.run_options import RunOptions
from pyload.harness.sampler import Sampler
from pyload.harness.workload import Workload
from pyload.report.history import column_json

if TYPE_CHECKING:
    from pyload.report.result import Result

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def never() -> NoReturn:
    """Fail: nothing is run here."""
    raise AssertionError


class Clocked:
    """A run whose figures can be had, in virtual time."""

    def __init__(self) -> None:
        self.recorder = Recorder(command="adsc")
        self.loop = asyncio.get_running_loop()
        self.began = self.loop.time()
        workload = Workload(start=never, work=never, extend=self.timed)
        results = Results(workload, self.recorder, RunOptions())
        self.sampler = Sampler(results, self.recorder.history)

    def timed(self, result: Result) -> Result:
        """Return a result of this moment."""
        return replace(result, duration=self.loop.time() - self.began)

    async def run(self, seconds: float) -> None:
        """Sample for some time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.sampler.run()


async def test_there_is_a_point_for_each_second_and_one_for_the_rest() -> None:
    """The sum of a series has to be the total of the run, or nobody believes either."""
    run = Clocked()
    run.loop.call_later(0.5, run.recorder.metrics.cells_of("sidecar")["cds"].push, 1)
    run.loop.call_later(3.2, run.recorder.metrics.cells_of("sidecar")["cds"].push, 1)
    await run.run(3.5)
    await run.sampler.last()
    found = run.recorder.history.snapshot()

    assert list(found.at) == pytest.approx([1, 2, 3, 3.5])
    assert column_json(found.series["pushes.cds"]) == [1, 0, 0, 1]


async def test_seconds_that_the_loop_missed_are_one_point() -> None:
    """After a laptop's sleep there would be an hour of points at once."""
    run = Clocked()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(run.run(20))
        await asyncio.sleep(2.5)
        run.loop._jumping.now += 10  # type: ignore[attr-defined] # as if the loop had been blocked
        await asyncio.sleep(3)
        task.cancel()

    assert list(run.recorder.history.snapshot().seconds) == pytest.approx([1, 1, 10.5, 1, 1])
