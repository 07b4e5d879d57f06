"""Replaces pods at random moments while a mesh runs (contract §3.10)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from pyload.errors import PyloadError

if TYPE_CHECKING:
    from random import Random

    from pyload.cluster.run import ClusterRun

log = logging.getLogger("pyload")


def pause(interval: float, rng: Random) -> float:
    """Draw the time until the next refresh: normally distributed, a fifth of it wide.

    Args:
        interval: Mean, in seconds.
        rng: Randomness.

    Returns:
        Seconds, never negative.
    """
    return max(0.0, rng.gauss(interval, interval / 5))


async def churn_workloads(run: ClusterRun, interval: float, *, rng: Random, current: bool) -> None:
    """Replace one random pod after another until cancelled.

    Ticks that pass while a refresh is under way are dropped, so refreshes never overlap.

    Args:
        run: The mesh.
        interval: Mean seconds between refreshes.
        rng: Randomness.
        current: Whether to log as pilot-load's current dialect does.
    """
    apps = list(run.apps.values())
    while True:
        await asyncio.sleep(pause(interval, rng))
        if not apps:
            log.warning("no instances to scale")
            continue
        app = rng.choice(apps)
        if not current:
            log.info("refresh workload %s", app.plan.name)
        try:
            name = await run.refresh(app, rng)
        except PyloadError as error:
            log.error("failed to jitter workload%s: %s", "s" if current else "", error)
        else:
            if current and name:
                log.info("refreshed workload %s/%s (*app.Application)", app.plan.namespace, name)
            elif current:
                log.info("refreshed workload skipped, no pods (*app.Application)")
