"""Looks at the proxies of a run several times a second, and logs outages as they begin and end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final, NoReturn

from pyload.proxies.counts import FleetCounts
from pyload.report.outages import OutageDetector, Sample
from pyload.tasks import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    seen = FleetCounts()
    disconnects: Mapping[str, int] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        # A local fleet goes on counting in the same object.
        counts = fleet.counts + FleetCounts()
        if counts != seen or counts.connected_now < len(fleet):
            # All figures of all workers are added up for it, which is too much for a quiet fleet.
            disconnects = metrics.snapshot().disconnects
        seen = counts
        sample = Sample(
            at=now() - began,
            wanted=len(fleet),
            started=counts.wanted,
            connected=counts.connected_now,
            configured=counts.configured,
            disconnects=disconnects,
        )
        if line := detector.observe(sample):
            log.warning("%s", line)
