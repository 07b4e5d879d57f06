"""``pyload impersonate``: proxies for the pods of a cluster, for as long as the pods live."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from random import Random
from typing import TYPE_CHECKING, Final, Literal

from pyload.commands.impersonate.replicas import Replicas
from pyload.errors import PyloadError, UsageError
from pyload.harness.connection import Connection
from pyload.harness.fleets import create_fleet, workers_of
from pyload.harness.follow_options import FollowOptions
from pyload.harness.following import Following
from pyload.harness.outcome import Outcome, interrupted
from pyload.harness.result_file import check_writable, write_result
from pyload.harness.run import Measurement
from pyload.harness.servers import external_servers, interruptible
from pyload.proxies.behavior import DEFAULT, ProxyBehavior
from pyload.proxies.fleet import FleetEvents
from pyload.tasks import Shutdown, Supervisor, first_of

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path
    from typing import Any

    from pyload.harness.servers import Servers
    from pyload.proxies.spec import ProxySpec
    from pyload.report.summary import Result

Selector = Literal["sidecar", "external", "both"]

SELECTORS: Final[dict[str, str]] = {
    "sidecar": "security.istio.io/tlsMode",
    "external": "!security.istio.io/tlsMode",
    "both": "",
}
"""What pods are told apart by: Istio's injector puts that label on those with a sidecar."""

_LABELS: Final = {"labels": {"controller": "pods"}}

log = logging.getLogger("pyload")
queue_log = logging.getLogger("pyload.controllers")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpersonateOptions:
    """What `run_impersonate` needs to know.

    Attributes:
        selector: Pods with a sidecar, those without, or both.
        replicas: Connections for each pod.
        delay: Seconds between the starts of two connections.
        duration: Seconds to stay once the pods have been seen; None until stopped.
        out: File for the result as JSON, or None.
        connection: Servers, credentials and rates.
        workers: Processes that the proxies run in: 0 for this one, None for one per core.
        behavior: How the proxies behave.
    """

    selector: Selector = "sidecar"
    replicas: int = 1
    delay: float = 0.0
    duration: float | None = None
    out: Path | None = None
    connection: Connection = field(default_factory=Connection)
    workers: int | None = None
    behavior: ProxyBehavior = DEFAULT

    def __post_init__(self) -> None:
        if self.replicas < 0:
            raise UsageError(f"--replicas {self.replicas} is below 0", fix="give 0 or more")

    @property
    def processes(self) -> int:
        """How many workers there are; 0 for none."""
        return workers_of(self.workers, proxies=0, open_ended=True)


async def run_impersonate(
    options: ImpersonateOptions, *, shutdown: Shutdown | None = None
) -> Outcome:
    """Follow the pods of a cluster until stopped, with proxies for those that are selected.

    Raises:
        PyloadError: A server cannot be reached, or the flags make no sense.
    """
    if options.out is not None:
        check_writable(options.out)
    shutdown = shutdown or Shutdown()
    opened = external_servers(
        options.connection, proxies=1, workers=options.processes, open_ended=True
    )
    async with interruptible(opened, shutdown) as servers:
        return await ImpersonateCommand(options, servers).run(shutdown)


class ImpersonateCommand(FleetEvents):
    """Follows the pods of one cluster.

    Args:
        options: What to run.
        servers: Where.
        rng: Spreads retries.
    """

    def __init__(
        self, options: ImpersonateOptions, servers: Servers, *, rng: Random | None = None
    ) -> None:
        assert servers.client is not None, "pods need an API server"
        rng = rng or Random()  # noqa: S311 - spreads retries
        connection = options.connection
        self._options = options
        self.measurement = Measurement(command="impersonate", client=servers.client)
        self.fleet = create_fleet(
            servers,
            connection,
            workers=options.processes,
            metrics=self.measurement.metrics,
            rng=rng,
            events=self,
            behavior=options.behavior,
        )
        self.replicas = Replicas(
            self.fleet,
            count=options.replicas,
            delay=options.delay,
            metadata=connection.metadata,
        )
        self.following = Following(
            servers.client,
            FollowOptions(pod_selector=SELECTORS[options.selector]),
            address=servers.address,
            rng=rng,
            any_pod=True,
        )
        self.following.attach(self.replicas)

    async def run(self, shutdown: Shutdown) -> Outcome:
        """Run to the end, and close all connections."""
        options = self._options
        error: PyloadError | None = None
        async with (
            self.measurement.running(options.connection.metrics_addr, self.fleet),
            self.fleet,
        ):
            queue_log.info("starting", extra=_LABELS)
            try:
                async with Supervisor() as background:
                    background.spawn(self.following.run(), name="follower")
                    background.spawn(self.replicas.run(), name="replicas")
                    background.spawn(self.fleet.run(), name="proxies")
                    error, reason = await background.guard(self._live(shutdown), name="impersonate")
            except PyloadError as failure:
                log.error("failed: %s", failure)
                error, reason = failure, "failed"
            await self.fleet.refresh()
            result = self._result(reason)
            unwritten = await write_result(options.out, result)
        queue_log.info("stopped", extra=_LABELS)
        return Outcome(result, error or unwritten)

    async def _live(self, shutdown: Shutdown) -> tuple[PyloadError | None, str]:
        started = asyncio.get_running_loop().time()
        synced = self.following.follower.synced
        if await first_of(synced.wait(), shutdown.requested.wait(), name="synced") != 0:
            return interrupted()
        seconds = asyncio.get_running_loop().time() - started
        for name in ("pods", "queue"):
            labels = {"name": name, "attempt": 1, "time": f"{seconds:.3f}s"}
            log.info("sync complete", extra={"labels": labels})
        self.measurement.phase = "running"
        ends: list[Coroutine[Any, Any, Any]] = [shutdown.requested.wait()]
        if self._options.duration is not None:
            ends.append(asyncio.sleep(self._options.duration))
        await first_of(*ends, name="run")
        return (
            None,
            "stopped by a signal" if shutdown.requested.is_set() else "its duration was over",
        )

    def on_configured(self, spec: ProxySpec) -> None:
        """Record that a replica is configured; a pod's time is that of its first replica."""
        key = self.replicas.original(spec.key)
        if key is not None:
            self.following.follower.on_configured(key)

    def _result(self, reason: str) -> Result:
        result = self.measurement.result(self.fleet, left=0, exit_reason=reason)
        counts = self.following.counts()
        return replace(result, kwok=replace(counts, queued=counts.queued + self.replicas.queued))
