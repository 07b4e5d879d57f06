"""``pyload adsc``: xDS connections that belong to no pod."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.harness.connection import Connection
from pyload.harness.fleets import create_fleet, workers_of
from pyload.harness.outcome import Outcome, interrupted
from pyload.harness.result_file import check_writable, write_result
from pyload.harness.run import Measurement
from pyload.harness.servers import external_servers, interruptible
from pyload.manifests.ips import IpAllocator
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.proxies.spec import ProxySpec
from pyload.tasks import Shutdown, first_of
from pyload.xds.node import SIDECAR

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.errors import PyloadError
    from pyload.proxies.fleet import Fleet

_ACCOUNT: Final = ("default", "default")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdscOptions:
    """What `run_adsc` needs to know.

    Attributes:
        count: Connections to open; 0 counts as 1.
        delay: Seconds between two starts.
        namespace: Namespace of the proxies.
        duration: Seconds to stay connected once all are started; None until stopped.
        out: File for the result as JSON, or None.
        connection: Servers, credentials and rates.
        workers: Processes that the proxies run in: 0 for this one, None for as many as it takes.
        behavior: How the proxies behave.
    """

    count: int = 1
    delay: float = 0.01
    namespace: str = "default"
    duration: float | None = None
    out: Path | None = None
    connection: Connection = field(default_factory=Connection)
    workers: int | None = None
    behavior: ProxyBehavior = DEFAULT

    def __post_init__(self) -> None:
        if self.count < 0:
            raise UsageError(f"--count {self.count} is below 0", fix="give 0 or more")


async def run_adsc(options: AdscOptions, *, shutdown: Shutdown | None = None) -> Outcome:
    """Open the connections one after another, and keep them until stopped.

    A connection that fails is retried for ever and does not fail the run.

    Raises:
        PyloadError: The control plane cannot be reached, or the flags make no sense.
    """
    shutdown = shutdown or Shutdown()
    if options.out is not None:
        check_writable(options.out)
    connection = options.connection
    count = max(1, options.count)
    workers = workers_of(options.workers, proxies=count)
    async with contextlib.AsyncExitStack() as stack:
        opened = external_servers(
            connection, proxies=count, workers=workers, objects=False, account=_ACCOUNT
        )
        servers = await stack.enter_async_context(interruptible(opened, shutdown))
        measurement = Measurement(command="adsc", client=servers.client)
        fleet = create_fleet(
            servers,
            connection,
            workers=workers,
            metrics=measurement.metrics,
            rng=Random(),  # noqa: S311 - spreads retries
            behavior=options.behavior,
        )
        await stack.enter_async_context(measurement.running(connection.metrics_addr, fleet))
        await stack.enter_async_context(fleet)
        started = asyncio.Event()
        first = await first_of(
            shutdown.requested.wait(), _connect(options, fleet, started), fleet.run(), name="adsc"
        )
        await fleet.refresh()
        error: PyloadError | None = None
        reason = "stopped by a signal" if first == 0 else "its duration was over"
        if not started.is_set():
            error, reason = interrupted()
        result = measurement.result(fleet, left=0, exit_reason=reason)
        unwritten = await write_result(options.out, result)
        return Outcome(result, error or unwritten)


async def _connect(options: AdscOptions, fleet: Fleet, started: asyncio.Event) -> None:
    ips = IpAllocator()
    for _ in range(max(1, options.count)):
        ip = ips.allocate()
        metadata = dict(options.connection.metadata)
        name = f"adsc-{ip}"
        fleet.start(
            ProxySpec(
                key=name,
                type=SIDECAR,
                ip=ip,
                name=name,
                namespace=options.namespace,
                labels=metadata,
                metadata=metadata,
            )
        )
        await asyncio.sleep(options.delay)
    started.set()
    if options.duration is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(options.duration)
