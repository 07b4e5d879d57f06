"""The load of a process, recorded second by second."""

from __future__ import annotations

import asyncio

import pytest

from pyload.report import process
from pyload.report.load import probe_load
from pyload.report.metrics import Metrics
from pyload.tasks import cancel

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def recorded(seconds: float, monkeypatch: pytest.MonkeyPatch) -> Metrics:
    """Record the load of a process that uses half a core of a machine that is quite busy."""
    now = asyncio.get_running_loop().time
    monkeypatch.setattr(process, "cpu_seconds", lambda: 0.5 * now())
    monkeypatch.setattr(process, "machine_seconds", lambda: (75 * now(), 100 * now()))
    metrics = Metrics()
    task = asyncio.create_task(
        probe_load(metrics, waiting=lambda: int(now()), machine=True, now=now)
    )
    await asyncio.sleep(seconds)
    await cancel([task])
    return metrics


async def test_each_second_is_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """The share of busy seconds is a share of time."""
    metrics = await recorded(3.5, monkeypatch)
    assert metrics.cpu_share.count == metrics.machine_share.count == 3
    assert metrics.cpu_share.min == metrics.cpu_share.max == pytest.approx(0.5)
    assert metrics.machine_share.max == pytest.approx(0.75)
    assert (metrics.dial_queue.count, metrics.dial_queue.max) == (3, 3)
