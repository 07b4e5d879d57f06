"""Tests of the event loop's lag, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from pyload.report.histogram import Histogram
from pyload.report.loop_lag import probe
from tests.virtual import VirtualTimeLoop

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def measure(seconds: float, *, stall_at: float = 0.0, stall: float = 0.0) -> Histogram:
    """Probe for a while, during which the loop stalls once."""
    histogram = Histogram()
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(probe(histogram), name="probe")
        await asyncio.sleep(stall_at)
        loop._jumping.now += stall
        await asyncio.sleep(seconds - stall_at - stall)
        task.cancel()
    return histogram


async def test_an_idle_loop_is_on_time() -> None:
    """Every report would accuse the generator."""
    histogram = await measure(10.05)
    assert (histogram.count, histogram.max) == (100, 0.0)


async def test_a_stall_counts_as_often_as_it_delayed() -> None:
    """A loop that stood still for a second would show as one late sample of a hundred."""
    histogram = await measure(10.05, stall_at=5.05, stall=1.0)
    assert histogram.count == 100
    assert histogram.count - histogram.count_at_most(0.01) == 10
    assert histogram.max == pytest.approx(0.95)


async def test_a_stopped_process_is_not_made_up_for_in_full() -> None:
    """After a laptop's night the program would be busy with samples of it."""
    histogram = await measure(40_200.0, stall_at=1.0, stall=40_000.0)
    late = histogram.count - histogram.count_at_most(0.01)
    assert late == pytest.approx(600, abs=2)
    assert histogram.max == pytest.approx(39_999.9, abs=1)
