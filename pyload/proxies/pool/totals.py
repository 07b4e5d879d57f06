"""The figures of one worker over all its processes.

A process reports its own figures since its start. When it dies, its last report is added to the
past: what was counted stays counted, but what was open, such as a stream or a cache, is gone with
the process, and each stream that was open counts as disconnected. The other proxies are started
again; one that died of an error is not, and stays in the figures as failed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.proxies.counts import FleetCounts
from pyload.report.metrics import MAIN, Metrics
from pyload.report.pacing import Pacing

if TYPE_CHECKING:
    from pyload.proxies.late import Late
    from pyload.proxies.pool.messages import Report
    from pyload.report.metrics import Snapshot

REASON: Final = "worker"
"""Why the streams of a worker that died ended."""


class WorkerTotals:
    """Adds up the figures of a worker's processes.

    Args:
        number: The worker's.

    Attributes:
        restarts: Processes that died and were replaced.
        late: Some of the proxies that were not configured at the last refresh.
    """

    def __init__(self, number: int) -> None:
        self._name = str(number)
        # Of the processes that have died.
        self._past = Metrics().snapshot()
        self._past_counts = FleetCounts()
        self._past_refusals = 0
        self._past_cpu = 0.0
        # Proxies of the process that lives that died of an error, by type; the next report may come
        # too late to have them.
        self._failed: Counter[str] = Counter()
        # Of the process that lives; its counts may be newer than its report.
        self._counts = FleetCounts()
        self._report: Report | None = None
        self.restarts = 0
        self.late: tuple[Late, ...] = ()

    @property
    def counts(self) -> FleetCounts:
        """The counts of the proxies."""
        return self._past_counts + self._counts

    @property
    def pacing(self) -> Pacing:
        """How fast the proxies may connect."""
        now = Pacing() if self._report is None else self._report.pacing
        return Pacing(self._past_refusals + now.refusals, now.rate, now.waiting)

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the processes."""
        return self._past_cpu + (0.0 if self._report is None else self._report.cpu_seconds)

    def snapshot(self) -> Snapshot:
        """Return the figures as they were last reported."""
        report = self._report
        whole = self._past if report is None else self._past.merged([report.snapshot])
        return replace(
            whole,
            # A worker takes itself for the main process.
            cpu_shares={self._name: whole.cpu_shares[MAIN]},
            worker_cpu={self._name: self.cpu_seconds},
            worker_rss={} if report is None else {self._name: report.rss_bytes},
            worker_restarts={self._name: self.restarts},
        )

    def update_counts(self, counts: FleetCounts) -> None:
        """Record newer counts of the process that lives."""
        self._counts = counts

    def update(self, report: Report) -> None:
        """Record a newer report of the process that lives."""
        self._counts = report.counts
        self._report = report
        if report.serial:
            self.late = report.late

    def proxy_died(self, type_: str) -> None:
        """Record that a proxy of a node type has died of an error, and is not started again."""
        self._failed[type_] += 1

    def process_died(self) -> None:
        """Record that the process has died: its open streams have ended with it."""
        counts, report = self._counts, self._report
        ended = replace(
            Metrics().snapshot(),
            proxies={(type_, "failed"): count for type_, count in self._failed.items()},
            disconnects={REASON: counts.connected_now} if counts.connected_now else {},
        )
        self._past = self._past.merged([ended])
        self._failed.clear()
        self._past_counts += replace(
            counts, connected_now=0, configured_now=0, starting=0, starting_connected=0
        )
        self._counts = FleetCounts()
        self.late = ()
        if report is not None:
            self._past = self._past.merged([replace(report.snapshot, proxies={}, caches={})])
            self._past_refusals += report.pacing.refusals
            self._past_cpu += report.cpu_seconds
            self._report = None
