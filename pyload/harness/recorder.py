"""The figures of a run, from its first moment on.

The parts of a run count into `Recorder.metrics`. A result consists of these counters, of the
fleet's counts of its proxies, and of the resources that the process has used since the recorder was
created. It can be taken at any time, as often as wanted.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from pyload.harness.span import Mark
from pyload.manifests.objects import timestamp
from pyload.manifests.runs import Origin
from pyload.proxies.counts import FleetCounts
from pyload.report import process
from pyload.report.counts import ObjectCounts, ProxyCounts
from pyload.report.generator import Usage
from pyload.report.header import Header
from pyload.report.history import History
from pyload.report.istiods import Istiods
from pyload.report.metrics import Metrics
from pyload.report.outages import OutageDetector
from pyload.report.pacing import Pacing
from pyload.report.progress import Status
from pyload.report.result import Result
from pyload.report.series import join_of
from pyload.report.unserved import by_lack
from pyload.version import __version__

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.harness.istiod_sources import Source
    from pyload.harness.span import Span
    from pyload.kube.client import Client
    from pyload.proxies.fleet import Fleet
    from pyload.report.convergence import Convergence

_NO_PACING: Final = Pacing(0, 0.0)


class Recorder:
    """Records one run, from its construction on.

    Args:
        command: Name of the command.
        istiod_source: Where the control plane's metrics are read; None if they are not.
        client: The API server, whose rate limiter may cost time; None without one.
        run_id: The run's label; empty for a run without objects.
        cluster_type: Cluster type, or None without a cluster.

    Attributes:
        metrics: The counters.
        istiod_source: As above.
        istiods: Adds up what is read there.
        read_istiods: Reads it now; does nothing where it is not read.
        outages: Finds the outages of the control plane.
        convergence: Returns what probes have measured; None in a run without any.
        history: The figures over time; a sampler adds points to it.
        phase: Name of what the run is doing, for the progress line.
        origin: The run, as its objects name it.
    """

    def __init__(
        self,
        *,
        command: str,
        client: Client | None = None,
        istiod_source: Source | None = None,
        run_id: str = "",
        cluster_type: str | None = None,
    ) -> None:
        self.metrics = Metrics()
        self.outages = OutageDetector()
        self.convergence: Callable[[], Convergence] | None = None
        self.istiod_source = istiod_source
        self.istiods = Istiods()
        self.read_istiods: Callable[[], Awaitable[object]] = _nothing
        self.history = History(join_of)
        self.phase = "starting"
        self.run_id = run_id
        self.origin = Origin(
            run_id, started=datetime.now(UTC), by=process.user_and_host(), command=command
        )
        self._command = command
        self._client = client
        self._cluster_type = cluster_type
        if client is not None:
            self.metrics.api_writes = client.write_times
            self.metrics.api_refusals = client.refusals
        self._started = time.monotonic()
        self._cpu = process.cpu_seconds()
        self._cores = process.cores()
        nothing = Usage(cpu_seconds=0.0, rss_bytes=0, rate_limited_seconds=0.0)
        self._begin = Mark(0.0, self.metrics.snapshot(), nothing, 0, 0)

    @property
    def labels(self) -> dict[str, str]:
        """Names of the run and its command, by which metrics are told apart."""
        return {"run_id": self.run_id, "command": self._command}

    def status(self, fleet: Fleet | None) -> Status:
        """Return how far the run is.

        Args:
            fleet: The run's proxies, if it has any.
        """
        snapshot = self.metrics.snapshot()
        counts = FleetCounts() if fleet is None else fleet.counts
        return Status(
            phase=self.phase,
            elapsed=time.monotonic() - self._started,
            objects=snapshot.objects_with("created") - snapshot.objects_with("deleted"),
            wanted=0 if fleet is None else len(fleet),
            connected=counts.connected_now,
            configured=counts.configured_now,
            pushes=sum(snapshot.pushes.values()),
        )

    def objects(self, *, left: int) -> ObjectCounts:
        """Return how many objects have been written and removed so far.

        Args:
            left: Objects that are still in the API server.
        """
        return ObjectCounts.of(self.metrics.snapshot(), left=left)

    def mark(self, fleet: Fleet | None) -> Mark:
        """Return how far the figures are, as the beginning of a span.

        Args:
            fleet: The run's proxies, if it has any.
        """
        return Mark(
            at=time.monotonic() - self._started,
            snapshot=self.metrics.snapshot(),
            usage=Usage(
                cpu_seconds=process.cpu_seconds() - self._cpu,
                rss_bytes=process.rss_bytes(),
                rate_limited_seconds=0.0 if self._client is None else self._client.time_limited,
                cores=self._cores,
            ),
            reconnects=0 if fleet is None else fleet.counts.reconnects,
            refusals=0 if fleet is None else fleet.pacing.refusals,
            istiods=self.istiods.mark(),
            convergence=None if self.convergence is None else self.convergence(),
        )

    def result(
        self,
        fleet: Fleet | None = None,
        *,
        left: int = 0,
        exit_reason: str,
        span: Span | None = None,
    ) -> Result:
        """Sum up the figures as they are now.

        Args:
            fleet: The run's proxies, if it has any.
            left: Objects that are still in the API server.
            exit_reason: Why the run ended.
            span: The part of the run to sum up, until now; None for all of it.
        """
        now = self.mark(fleet)
        since = self._begin if span is None else span.held
        header = Header(
            version=__version__,
            run_id=self.run_id,
            command=self._command,
            cluster_type=self._cluster_type,
            started=timestamp(self.origin.started),
            host=process.host(),
            duration=now.at - since.at,
            exit_reason=exit_reason,
        )
        outages = self.outages.outages()
        proxies = _proxy_counts(fleet, reconnects=now.reconnects - since.reconnects)
        # Only then, as all proxies would be looked at.
        is_short = bool(proxies.failed or proxies.unconfigured)
        result = Result.of(
            now.snapshot if span is None else span.until(now),
            header,
            now.usage.since(since.usage),
            proxies=proxies,
            unserved=by_lack(fleet.late()) if fleet is not None and is_short else (),
            pacing=_NO_PACING if fleet is None else fleet.pacing.since(since.refusals),
            left=left,
            outages=outages if span is None else outages.since(since.at),
            last_pushes=[
                push
                for push in self.metrics.spreads.last_pushes(self._started)
                if push.began >= since.at
            ],
            convergence=now.convergence and now.convergence.since(since.convergence),
            control_plane=(
                None if self.istiod_source is None else self.istiods.since(since.istiods)
            ),
        )
        return result if span else replace(result, history=self.history.snapshot())


async def _nothing() -> None:
    """Do nothing."""


def _proxy_counts(fleet: Fleet | None, *, reconnects: int) -> ProxyCounts:
    if fleet is None:
        return ProxyCounts()
    counts = fleet.counts
    wanted = len(fleet) + counts.failed
    starting, starting_connected = counts.starting, counts.starting_connected
    return ProxyCounts(
        wanted=wanted,
        connected=counts.connected_now,
        configured=counts.configured_now,
        reconnects=reconnects,
        # The counts of a worker that is too busy for a refresh are of several moments.
        failed=max(0, wanted - counts.connected_now - starting),
        started=counts.wanted,
        starting=starting + starting_connected,
        unconfigured=max(0, counts.connected_now - counts.configured_now - starting_connected),
    )
