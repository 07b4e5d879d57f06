"""The clock that other tests stand on."""

from __future__ import annotations

import asyncio
import time

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_an_hour_passes_at_once_and_in_order() -> None:
    """Timing tests would be slow or wrong if sleeps took time or fired out of order."""
    started = time.monotonic()
    order: list[str] = []

    async def wait(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(wait(3600, "late"))
        group.create_task(wait(60, "early"))

    assert order == ["early", "late"]
    assert asyncio.get_running_loop().time() == pytest.approx(3600)
    assert time.monotonic() - started < 5
