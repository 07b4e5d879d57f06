"""What pyload itself used in a run: part of the result."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pyload.report.latency import Latency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.report.histogram import Histogram
    from pyload.report.metrics import Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the main process used.

    Attributes:
        cpu_seconds: CPU time since the start of the run.
        rss_bytes: Resident memory.
        rate_limited_seconds: Time that requests waited for pyload's own limit (``--qps``).
        cores: CPU cores that it and its workers may use; None where that is not known.
    """

    cpu_seconds: float
    rss_bytes: int
    rate_limited_seconds: float
    cores: float | None = None

    def since(self, earlier: Usage) -> Usage:
        """Return what was used after an earlier moment."""
        return replace(
            self,
            cpu_seconds=self.cpu_seconds - earlier.cpu_seconds,
            rate_limited_seconds=self.rate_limited_seconds - earlier.rate_limited_seconds,
        )


BUSY: Final = 0.9
"""Share of a core, or of all, from which on a process, or a machine, is busy."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a process was, by the CPU time that it used in each second.

    Attributes:
        cpu_share: Share of one core, or of those of the machine, that was used on average.
        cpu_share_max: The largest share that was used in one second.
        busy_share: Share of the seconds in which 90 % or more was used.
        samples: Seconds that were measured.
    """

    cpu_share: float
    cpu_share_max: float
    busy_share: float
    samples: int = 0

    @classmethod
    def of(cls, shares: Histogram) -> Load | None:
        """Return the load of a process; None before its first second."""
        if not shares.count:
            return None
        busy = 1 - shares.count_at_most(BUSY) / shares.count
        return cls(shares.sum / shares.count, shares.max, busy, shares.count)


@dataclass(frozen=True, slots=True)
class Generator:
    """What pyload itself used, in all of its processes.

    Attributes:
        cpu_seconds: CPU time that all of pyload's processes have used since the start of the run.
        rss_bytes: Resident memory of all of pyload's processes; pages that they share are counted
            for each.
        loop_lag: How late pyload's event loops were.
        loop_lag_p99: How late pyload's event loops were, in 99 of 100 cases at most; None where
            nothing was measured.
        rate_limited_seconds: Time that requests waited for pyload's own limit (``--qps``).
        workers: Processes that run proxies; 0 where the main process does.
        worker_restarts: How often such a process died and was replaced.
        cores: CPU cores that pyload may use; None where that is not known.
        processes: How busy each process was, by name: ``main``, and the numbers of the workers.
        busy_share: Share of the seconds in which the busiest process used 90 % of a core or more.
        machine: How busy the whole machine was; what else runs there counts too. None where the
            system does not say.
        dial_queue_max: Most proxies that waited for their turn to dial.
    """

    cpu_seconds: float = 0.0
    rss_bytes: int = 0
    loop_lag: Latency = field(default_factory=Latency)
    loop_lag_p99: float | None = None
    rate_limited_seconds: float = 0.0
    workers: int = 0
    worker_restarts: int = 0
    cores: float | None = None
    processes: Mapping[str, Load] = field(default_factory=dict)
    busy_share: float | None = None
    machine: Load | None = None
    dial_queue_max: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot, usage: Usage) -> Generator:
        """Add up what the main process and its workers used."""
        lag = Latency.of(snapshot.loop_lag)
        loads = {name: Load.of(shares) for name, shares in snapshot.cpu_shares.items()}
        known = {name: load for name, load in loads.items() if load is not None}
        return cls(
            cpu_seconds=usage.cpu_seconds + sum(snapshot.worker_cpu.values()),
            rss_bytes=usage.rss_bytes + sum(snapshot.worker_rss.values()),
            loop_lag=lag,
            loop_lag_p99=lag.p99,
            rate_limited_seconds=usage.rate_limited_seconds,
            workers=len(snapshot.worker_restarts),
            worker_restarts=sum(snapshot.worker_restarts.values()),
            cores=usage.cores,
            processes=known,
            busy_share=max((load.busy_share for load in known.values()), default=None),
            machine=Load.of(snapshot.machine_share),
            dial_queue_max=round(snapshot.dial_queue.max),
        )
