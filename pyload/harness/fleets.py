"""Where the proxies of a run live: in this process, or in workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pyload.malloc import return_large_blocks
from pyload.proxies.fleet import NO_EVENTS
from pyload.proxies.local_fleet import LocalFleet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from pyload.harness.connection import Connection
    from pyload.harness.servers import Servers
    from pyload.proxies.behavior import ProxyBehavior
    from pyload.proxies.fleet import Fleet, FleetEvents
    from pyload.report.metrics import Metrics

IN_PROCESS: Final = 500
"""Proxies up to which a run needs no workers, unless it is told to have some."""


def workers_of(wanted: int | None, *, proxies: int, open_ended: bool = False) -> int:
    """Decide how many workers a run has; 0 keeps the proxies in its own process.

    Args:
        wanted: What the user said; None leaves it to the number of proxies.
        proxies: How many there will be.
        open_ended: Whether there may be any number more.
    """
    if wanted is not None:
        return wanted
    return _cores() if open_ended or proxies > IN_PROCESS else 0


def create_fleet(
    servers: Servers,
    connection: Connection,
    *,
    workers: int,
    metrics: Metrics,
    rng: Random,
    events: FleetEvents = NO_EVENTS,
    behavior: ProxyBehavior,
    metadata: Mapping[str, str] | None = None,
    run_id: str = "",
) -> Fleet:
    """Create the fleet of a run, without any proxy yet.

    Args:
        servers: Where its proxies connect.
        connection: The flags.
        workers: See `workers_of`; servers in memory can only be reached from this process.
        metrics: Records what happens.
        rng: Spreads the waits between dials.
        events: Hears of the proxies.
        behavior: How the proxies behave.
        metadata: Node metadata that wins over the proxies' own, in place of that of the flags.
        run_id: The run whose marks are reported to `events`.
    """
    node = connection.node_options(metadata)
    if workers == 0 or servers.targets is None:
        if connection.transport != "grpc":
            return_large_blocks()
        return LocalFleet(
            servers.resolver,
            delta=connection.delta,
            metrics=metrics,
            rng=rng,
            events=events,
            behavior=behavior,
            node=node,
            run_id=run_id,
            ready=servers.ready,
        )
    from pyload.proxies.pool.messages import Setup  # noqa: PLC0415 - small runs need none
    from pyload.proxies.pool.pool import WorkerPool  # noqa: PLC0415 - small runs need none

    setup = Setup(
        delta=connection.delta,
        behavior=behavior,
        transport=connection.transport,
        sources=servers.sources,
        exclusive=servers.targets.exclusive,
        run_id=run_id,
        node=node,
    )
    return WorkerPool(workers, setup, resolver=servers.targets, metrics=metrics, events=events)


def _cores() -> int:
    # What a container's or taskset's mask leaves; macOS has no such thing.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
