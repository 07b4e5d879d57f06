"""Looks at the proxies of a run several times a second, and logs outages as they begin and end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NoReturn

from pyload.report.outages import OutageDetector, Sample
from pyload.tasks import clock

if TYPE_CHECKING:
    from pyload.proxies.fleet import Fleet
    from pyload.report.metrics import Metrics

LOOK_SECONDS: Final = 0.25
"""How often the proxies are looked at."""

log = logging.getLogger("pyload")


async def watch_outages(fleet: Fleet, metrics: Metrics, detector: OutageDetector) -> NoReturn:
    """Show the proxies to a detector, until cancelled.

    Args:
        fleet: The proxies.
        metrics: Their figures.
        detector: Finds the outages.
    """
    now = clock()
    began = now()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        counts = fleet.counts
        sample = Sample(
            at=now() - began,
            wanted=len(fleet),
            started=counts.wanted,
            connected=counts.connected_now,
            configured=counts.configured,
            disconnects=metrics.snapshot().disconnects,
        )
        if line := detector.observe(sample):
            log.warning("%s", line)
