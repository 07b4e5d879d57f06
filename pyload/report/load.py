"""How busy this process and its machine are, second by second.

Figures that are measured while a process has no CPU left are its own, not the control plane's. A
mean over a run does not show that; so the seconds are counted in which it was busy.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, NoReturn

from pyload.report import process

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.report.metrics import Metrics

INTERVAL: Final = 1.0
_MOST: Final = 60
"""Seconds that one late sample stands for at most, as after a stop of the whole process."""


async def probe_load(
    metrics: Metrics,
    *,
    waiting: Callable[[], int] | None = None,
    machine: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> NoReturn:
    """Record the load of each second. Runs until cancelled.

    A sample that comes late counts for each second that it stands for.

    Args:
        metrics: Receives the samples.
        waiting: Returns how many proxies wait for their turn to dial; None where others count.
        machine: Whether to record the load of the machine too.
        now: Returns the time of the clock by which CPU time passes, in seconds.
    """
    at, own, whole = now(), process.cpu_seconds(), process.machine_seconds()
    while True:
        await asyncio.sleep(INTERVAL)
        later, used, total = now(), process.cpu_seconds(), process.machine_seconds()
        if later - at < INTERVAL / 2:
            # The loop's time is virtual.
            continue
        for _ in range(min(max(1, round(later - at)), _MOST)):
            metrics.cpu_share.record((used - own) / (later - at))
            if waiting is not None:
                metrics.dial_queue.record(waiting())
            if machine and whole is not None and total is not None and total[1] > whole[1]:
                metrics.machine_share.record((total[0] - whole[0]) / (total[1] - whole[1]))
        at, own, whole = later, used, total
