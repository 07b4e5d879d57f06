"""Where the proxies of a run live: in this process, or in workers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.malloc import return_large_blocks
from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.local_fleet import LocalFleet
from pyload.xds.types import NDS, PCDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from random import Random

    from pyload.harness.connection import Connection
    from pyload.harness.servers import Servers
    from pyload.proxies.fleet import Fleet
    from pyload.proxies.spec import ProxySpec
    from pyload.report.metrics import Metrics

IN_PROCESS: Final = 500
"""Proxies up to which a run needs no workers, unless it is told to have some."""

_AGENT_TYPES: Final = {"nds": NDS, "pcds": PCDS}


def workers_of(wanted: int | None, *, proxies: int, open_ended: bool = False) -> int:
    """Decide how many workers a run has; 0 keeps the proxies in its own process.

    Args:
        wanted: What the user said; None leaves it to the number of proxies.
        proxies: How many there will be.
        open_ended: Whether more may come, nobody knows how many.
    """
    if wanted is not None:
        return wanted
    return _cores() if open_ended or proxies > IN_PROCESS else 0


def behavior_of(
    *,
    agent_types: str = "",
    connect_rate: float | None = None,
    slow_fraction: float = 0.0,
    nack_fraction: float = 0.0,
) -> ProxyBehavior:
    """Read the flags that say how proxies behave.

    Args:
        agent_types: ``nds``, ``pcds`` or both, separated by a comma.
        connect_rate: Dials per second; None for no limit.
        slow_fraction: Share of the proxies that read late.
        nack_fraction: Share of the proxies that refuse responses.

    Raises:
        UsageError: One of them makes no sense.
    """
    names = [name.strip().lower() for name in agent_types.split(",") if name.strip()]
    for name in names:
        if name not in _AGENT_TYPES:
            raise UsageError(f"--agent-types {name} is not known", fix="choose nds, pcds or both")
    if connect_rate is not None and not 0 < connect_rate < float("inf"):
        raise UsageError(
            f"--connect-rate {connect_rate:g} is no rate", fix="give a number above 0, or leave it"
        )
    for flag, share in (("--slow-fraction", slow_fraction), ("--nack-fraction", nack_fraction)):
        if not 0 <= share <= 1:
            raise UsageError(f"{flag} {share:g} is no share", fix="give a number from 0 to 1")
    return ProxyBehavior(
        agent_types=tuple(_AGENT_TYPES[name] for name in dict.fromkeys(names)),
        connect_rate=connect_rate,
        slow_fraction=slow_fraction,
        nack_fraction=nack_fraction,
    )


def proxies_of(
    servers: Servers,
    connection: Connection,
    *,
    workers: int,
    tokens: Callable[[str, str], str | Awaitable[str]] | None,
    metrics: Metrics,
    rng: Random,
    configured: Callable[[ProxySpec], None] | None = None,
    behavior: ProxyBehavior,
) -> Fleet:
    """Make the proxies of a run, none of which is started yet.

    Args:
        servers: Where they connect to.
        connection: The flags.
        workers: See `workers_of`. Servers in memory can only be reached from this process.
        tokens: Gives a bearer token for a namespace and a service account; None sends none.
        metrics: Is told what happens.
        rng: Spreads the waits between dials.
        configured: Is called with a proxy's spec when it is configured for the first time.
        behavior: How they behave.
    """
    if workers == 0 or servers.paths is None:
        if connection.transport != "grpc":
            return_large_blocks()
        return LocalFleet(
            None,
            delta=connection.delta,
            tokens=tokens,
            metrics=metrics,
            rng=rng,
            route=servers.route,
            configured=configured,
            behavior=behavior,
        )
    from pyload.proxies.pool.messages import Setup  # noqa: PLC0415 - small runs need none
    from pyload.proxies.pool.pool import WorkerPool  # noqa: PLC0415 - as above

    setup = Setup(
        delta=connection.delta,
        behavior=behavior,
        transport=connection.transport,
        sources=servers.sources,
        own_ways=servers.paths.per_proxy,
    )
    return WorkerPool(
        workers,
        setup,
        paths=servers.paths,
        tokens=tokens,
        metrics=metrics,
        configured=configured,
    )


def _cores() -> int:
    # What a container's or taskset's mask leaves; macOS has no such thing.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
