"""The queue of work."""

from __future__ import annotations

import asyncio

import pytest

from pyload.embedded.controllers.queue import WorkQueue

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_things_come_once_and_in_order() -> None:
    """A busy object would be worked on again and again while others wait."""
    queue: WorkQueue[str] = WorkQueue()
    for item in "abab":
        queue.add(item)

    assert len(queue) == 2
    assert [await queue.get(), await queue.get()] == ["a", "b"]
    queue.add("a")
    assert await queue.get() == "a"


async def test_later_means_later_and_the_soonest_counts() -> None:
    """Delays would be wrong, or an object be seen to twice."""
    loop = asyncio.get_running_loop()
    queue: WorkQueue[str] = WorkQueue()
    queue.add_later("a", 5)
    queue.add_later("b", 3)
    queue.add_later("a", 1)
    queue.add_later("a", 9)
    seen = []
    for _ in range(2):
        item = await queue.get()
        seen.append((item, loop.time()))

    assert seen == [("a", 1.0), ("b", 3.0)]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(60):
            await queue.get()


async def test_a_waiting_reader_is_woken() -> None:
    """Work would lie there until the next timer."""
    queue: WorkQueue[str] = WorkQueue()
    queue.add_later("late", 100)
    async with asyncio.TaskGroup() as group:
        reader = group.create_task(queue.get())
        await asyncio.sleep(1)
        queue.add("now")

    assert reader.result() == "now"
    assert asyncio.get_running_loop().time() == 1
