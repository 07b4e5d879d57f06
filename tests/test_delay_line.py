"""Waits of one length, kept in order by one timer."""

from __future__ import annotations

import asyncio

import pytest

from pyload.delay_line import DelayLine
from pyload.timer_heap import TimerHeap

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_each_item_waits_as_long_as_it_should_and_hardly_longer() -> None:
    """A proxy would give up routes that an Envoy still uses, or long after it does."""
    now, timers = asyncio.get_running_loop().time, TimerHeap()
    handled: list[tuple[int, float, float]] = []

    def handle(item: tuple[int, float]) -> None:
        handled.append((*item, now()))

    line: DelayLine[tuple[int, float]] = DelayLine(timers, now, handle, seconds=45.0)
    for number in range(100):
        line.add((number, now()))
        await asyncio.sleep(0.3)
    await asyncio.sleep(100)

    assert [number for number, _, _ in handled] == list(range(100))
    assert all(45.0 <= at - since <= 46.001 for _, since, at in handled)
    assert len(timers) == 0


async def test_ten_thousand_waits_need_one_timer() -> None:
    """A push that changes the listeners of all proxies would start a timer for each."""
    timers, handled = TimerHeap(), list[int]()
    line: DelayLine[int] = DelayLine(
        timers, asyncio.get_running_loop().time, handled.append, seconds=45.0
    )
    for number in range(10_000):
        line.add(number)
    await asyncio.sleep(10)
    line.add(10_000)
    assert len(timers) == 1
    await asyncio.sleep(100)
    assert handled == list(range(10_001))


async def test_an_item_may_start_another_wait_when_it_is_handled() -> None:
    """A proxy whose listeners change just when others have drained would be forgotten."""
    now, times = asyncio.get_running_loop().time, list[float]()

    def handle(left: int) -> None:
        times.append(now())
        if left:
            line.add(left - 1)

    line: DelayLine[int] = DelayLine(TimerHeap(), now, handle, seconds=10.0, slot=0.0)
    line.add(2)
    await asyncio.sleep(100)
    assert times == [10.0, 20.0, 30.0]


async def test_an_item_that_fails_does_not_keep_the_others() -> None:
    """A fault of one proxy would leave a thousand others with routes that are long gone."""
    loop, handled, reported = asyncio.get_running_loop(), list[int](), list[str]()
    loop.set_exception_handler(lambda _, context: reported.append(str(context["exception"])))

    def handle(item: int) -> None:
        if item == 1:
            raise ValueError("broken")
        handled.append(item)

    line: DelayLine[int] = DelayLine(TimerHeap(), loop.time, handle, seconds=45.0)
    for number in range(4):
        line.add(number)
    await asyncio.sleep(100)
    assert handled == [0, 2, 3]
    assert reported == ["broken"]
