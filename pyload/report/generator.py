"""What pyload itself used in a run: part of the result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyload.report.latency import Latency

if TYPE_CHECKING:
    from pyload.report.metrics import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the main process used.

    Attributes:
        cpu_seconds: CPU time since the start of the run.
        rss_bytes: Resident memory.
        rate_limited_seconds: Time that requests waited for pyload's own limit (``--qps``).
    """

    cpu_seconds: float
    rss_bytes: int
    rate_limited_seconds: float

    def since(self, earlier: Usage) -> Usage:
        """Return what was used after an earlier moment."""
        return replace(
            self,
            cpu_seconds=self.cpu_seconds - earlier.cpu_seconds,
            rate_limited_seconds=self.rate_limited_seconds - earlier.rate_limited_seconds,
        )


@dataclass(frozen=True, slots=True)
class Generator:
    """What pyload itself used, in all of its processes.

    Attributes:
        cpu_seconds: CPU time that all of pyload's processes have used since the start of the run.
        rss_bytes: Resident memory of all of pyload's processes; pages that they share are counted
            for each.
        loop_lag: How late pyload's event loops were.
        loop_lag_p99: The 99th percentile of that; None where nothing was measured.
        rate_limited_seconds: Time that requests waited for pyload's own limit (``--qps``).
        workers: Processes that run proxies; 0 where the main process does.
        worker_restarts: How often such a process died and was replaced.
    """

    cpu_seconds: float = 0.0
    rss_bytes: int = 0
    loop_lag: Latency = field(default_factory=Latency)
    loop_lag_p99: float | None = None
    rate_limited_seconds: float = 0.0
    workers: int = 0
    worker_restarts: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot, usage: Usage) -> Generator:
        """Add up what the main process and its workers used."""
        lag = Latency.of(snapshot.loop_lag)
        return cls(
            cpu_seconds=usage.cpu_seconds + sum(snapshot.worker_cpu.values()),
            rss_bytes=usage.rss_bytes + sum(snapshot.worker_rss.values()),
            loop_lag=lag,
            loop_lag_p99=lag.p99,
            rate_limited_seconds=usage.rate_limited_seconds,
            workers=len(snapshot.worker_restarts),
            worker_restarts=sum(snapshot.worker_restarts.values()),
        )
