"""Many timers on one timer of the loop."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.timer_heap import TimerHeap
from tests.virtual import VirtualTimeLoop

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=300))
def test_what_is_not_cancelled_is_called_once_and_on_time(plan: list[tuple[int, bool]]) -> None:
    """A proxy would dial twice, or never again."""

    async def main() -> list[tuple[int, float]]:
        loop, timers = asyncio.get_running_loop(), TimerHeap()
        called: list[tuple[int, float]] = []

        def note(number: int) -> None:
            called.append((number, loop.time()))

        for number, (after, keep) in enumerate(plan):
            timer = timers.call_later(after, partial(note, number))
            if not keep:
                timer.cancel()
                timer.cancel()
        await asyncio.sleep(100)
        assert len(timers) == 0
        return called

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        called = runner.run(main())
    expected = [(number, float(after)) for number, (after, keep) in enumerate(plan) if keep]
    assert sorted(called) == expected


async def test_timers_may_set_and_cancel_others() -> None:
    """A failed dial sets the timer of the next."""
    timers, called = TimerHeap(), list[str]()
    late = timers.call_later(2, lambda: called.append("late"))

    def first() -> None:
        called.append("first")
        late.cancel()
        timers.call_later(0, lambda: called.append("second"))

    timers.call_later(1, first)
    await asyncio.sleep(5)
    assert called == ["first", "second"]


async def test_a_timer_that_raises_does_not_stop_the_others() -> None:
    """One proxy's bug would stop all others from dialling again."""
    timers, called, errors = TimerHeap(), list[str](), list[object]()
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: errors.append(context["exception"])
    )
    broken = ValueError("boom")

    def fail() -> None:
        raise broken

    timers.call_later(1, fail)
    timers.call_later(1, lambda: called.append("good"))
    await asyncio.sleep(2)
    assert (called, errors) == (["good"], [broken])
