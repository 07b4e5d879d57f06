"""How late the event loop is.

Times that are measured in a busy loop are those of pyload, not of the control plane; its lag shows
whether that is so.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

from pyload.tasks import clock

if TYPE_CHECKING:
    from pyload.report.histogram import Histogram

INTERVAL: Final = 0.1
"""Seconds between two samples."""

_MAX_LATE: Final = 60.0


async def probe(histogram: Histogram, *, interval: float = INTERVAL) -> NoReturn:
    """Record, at fixed times, how much later the loop got there. Runs until cancelled.

    The times do not move when the loop is late: one long stall is recorded as often as a probe
    of each interval would have met it. After a stop of the whole process, a minute is made up for.

    Args:
        histogram: Receives the samples.
        interval: Seconds between two samples.
    """
    now = clock()
    due = now() + interval
    while True:
        await asyncio.sleep(due - now())
        late = now() - due
        histogram.record(late)
        due += interval + max(0.0, late - _MAX_LATE)
