"""Measures a run, and sums it up."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING

from pyload.proxies.counts import Counts
from pyload.report import process
from pyload.report.loop_lag import probe
from pyload.report.metrics import Metrics
from pyload.report.metrics_server import serve
from pyload.report.pacing import Pacing
from pyload.report.progress import Status, show_progress
from pyload.report.summary import ProxyCounts, Result
from pyload.tasks import Supervisor
from pyload.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.kube.client import Client
    from pyload.proxies.fleet import Fleet


class Measurement:
    """The figures of one run, from its construction on.

    Args:
        command: Name of the command.
        client: The API server, whose rate limiter may have cost time; None without one.
        run_id: The run's label; empty for a run without objects.
        cluster_type: Cluster type, or None without a cluster.

    Attributes:
        metrics: The counters.
        phase: What the run is doing, for the progress line.
    """

    def __init__(
        self,
        *,
        command: str,
        client: Client | None,
        run_id: str = "",
        cluster_type: str | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.phase = "starting"
        self._command = command
        self._client = client
        self._run_id = run_id
        self._cluster_type = cluster_type
        self._started = time.monotonic()
        self._cpu = process.cpu_seconds()

    @contextlib.asynccontextmanager
    async def running(
        self, metrics_addr: str, fleet: Fleet | None = None, *, objects_wanted: int = 0
    ) -> AsyncIterator[None]:
        """Probe the event loop, show progress and serve the metrics while the context lasts.

        Args:
            metrics_addr: Where to serve, such as ``:8765``; empty for nowhere.
            fleet: The run's proxies, if it has any.
            objects_wanted: Objects that there will be, or 0 if that is not known.
        """
        async with contextlib.AsyncExitStack() as stack:
            background = await stack.enter_async_context(Supervisor())
            background.spawn(probe(self.metrics.loop_lag), name="loop-lag")
            # Log lines and a live line on one terminal would write over each other.
            # There is no standard output at all under `>&-`.
            logs_shown = sys.stdout is not None and sys.stdout.isatty()
            progress = show_progress(
                lambda: self._status(fleet, objects_wanted),
                environ=os.environ,
                enabled=not logs_shown,
            )
            background.spawn(progress, name="progress")
            if metrics_addr:
                await stack.enter_async_context(
                    serve(metrics_addr, self.metrics, version=__version__)
                )
            yield

    def _status(self, fleet: Fleet | None, objects_wanted: int) -> Status:
        snapshot = self.metrics.snapshot()
        counts = Counts() if fleet is None else fleet.counts
        return Status(
            phase=self.phase,
            elapsed=time.monotonic() - self._started,
            objects=snapshot.objects_with("created") - snapshot.objects_with("deleted"),
            objects_wanted=objects_wanted,
            wanted=0 if fleet is None else len(fleet),
            connected=counts.connected_now,
            configured=counts.configured_now,
            pushes=sum(snapshot.pushes.values()),
        )

    def result(
        self,
        fleet: Fleet | None = None,
        *,
        left: int,
        exit_reason: str,
    ) -> Result:
        """Take the figures as they are now.

        Args:
            fleet: The run's proxies, if it has any.
            left: Objects that are still in the API server.
            exit_reason: Why the run ended.
        """
        counts = Counts() if fleet is None else fleet.counts
        wanted = (0 if fleet is None else len(fleet)) + counts.failed
        return Result.of(
            self.metrics.snapshot(),
            version=__version__,
            run_id=self._run_id,
            command=self._command,
            cluster_type=self._cluster_type,
            duration=time.monotonic() - self._started,
            exit_reason=exit_reason,
            proxies=ProxyCounts(
                wanted=wanted,
                connected=counts.connected_now,
                configured=counts.configured_now,
                reconnects=counts.reconnects,
                failed=wanted - counts.connected_now,
            ),
            pacing=Pacing(0, 0.0) if fleet is None else fleet.pacing,
            left=left,
            cpu_seconds=process.cpu_seconds() - self._cpu,
            rss_bytes=process.rss_bytes(),
            rate_limited_seconds=0.0 if self._client is None else self._client.time_limited,
        )
