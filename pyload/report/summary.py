"""The result of a run: one record and its JSON form; `pyload.report.summary_text` has its text.

The JSON form, schema ``pyload.dev/result/v1``. Times are in seconds, and null where nothing was
measured. Keys keep this order; a later version only adds keys::

    schema                  "pyload.dev/result/v1"
    version                 of pyload
    run_id, command         which run, and what it ran
    cluster_type            "fake-node", "fake", "real", or null without a cluster
    duration                from the start of the run until the result was taken
    exit_reason             why it ended
    proxies                 wanted, connected, configured, reconnects, failed, started, starting,
                            unconfigured
    pushes                  received, by type: cds, eds, lds, rds, and others that occurred
    push_bytes              the same in bytes
    disconnects             by reason
    objects                 created, updated, deleted, failed, left
    first_config, connect   count, p50, p90, p99, max
    pacing                  refusals, rate: how fast the control plane let proxies connect
    generator               cpu_seconds, rss_bytes, loop_lag_p99, rate_limited_seconds, workers,
                            worker_restarts
    kwok                    see `pyload.report.followed_pods`; null outside of kwok mode
    churn                   workloads, configs, secrets: each with done, failed, idle, dropped
    times                   what only this command measures: by name count, p50, p90, p99, max
    pods                    started, ready, failed, starting: of ``startup``; null elsewhere
    thresholds              of each: expr, figure, unit, value, passed, default
    outages                 count, longest, total, first; see `pyload.report.outage`
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pyload.report.latency import Latency
from pyload.report.outage import Outages
from pyload.report.pacing import Pacing
from pyload.report.summary_text import result_text, with_types

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.report.followed_pods import FollowedPods
    from pyload.report.metrics import Snapshot
    from pyload.report.verdict import Verdict

SCHEMA: Final = "pyload.dev/result/v1"

_RESULTS: Final = ("done", "failed", "idle", "dropped")
_CHURN: Final = ("workloads", "configs", "secrets")

_OWN_REASONS: Final = (
    "connect",
    "token",
    "certificate",
    "max_age",
    "goaway",
    "server_closed",
    "protocol",
    "local",
    "failed",
    "worker",
)
_GRPC_STATUSES: Final = (
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
)
DISCONNECT_REASONS: Final = (*_OWN_REASONS, *_GRPC_STATUSES)
"""Why a stream ends; docs/result.md says what each means."""


@dataclass(frozen=True, slots=True)
class ProxyCounts:
    """The proxies at the end of a run; see `pyload.proxies.counts` for those of a fleet.

    Each that is wanted is either configured, or starting, or unconfigured, or failed.

    Attributes:
        wanted: Proxies that should run.
        connected: Wanted proxies that have a stream.
        configured: Connected proxies that have received every type that they subscribed to.
        reconnects: Streams that were answered after a proxy's first such.
        failed: Wanted proxies that have no stream, and had the time to open one.
        started: Proxies that were ever started.
        starting: Wanted proxies that were started in the last moments, and were never configured.
        unconfigured: Connected proxies that are not configured, and had the time for it.
    """

    wanted: int = 0
    connected: int = 0
    configured: int = 0
    reconnects: int = 0
    failed: int = 0
    started: int = 0
    starting: int = 0
    unconfigured: int = 0


@dataclass(frozen=True, slots=True)
class StartedPods:
    """The pods that a run has started to see how long they take.

    Attributes:
        started: Pods whose creation was tried.
        ready: Pods that became ready.
        failed: Pods that could not be created, ended before they were ready, or had the time to
            become ready and did not.
        starting: Pods that were started in the last moments.
    """

    started: int = 0
    ready: int = 0
    failed: int = 0
    starting: int = 0


@dataclass(frozen=True, slots=True)
class ObjectCounts:
    """Objects in the API server; `left` are those that cleanup did not remove."""

    created: int = 0
    updated: int = 0
    deleted: int = 0
    failed: int = 0
    left: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot, *, left: int) -> ObjectCounts:
        """Sum up the objects of all kinds."""
        return cls(
            created=snapshot.objects_with("created"),
            updated=snapshot.objects_with("updated"),
            deleted=snapshot.objects_with("deleted"),
            failed=snapshot.objects_with("failed"),
            left=left,
        )


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


@dataclass(frozen=True, slots=True)
class Generator:
    """What pyload itself used, in all of its processes.

    Attributes:
        cpu_seconds: CPU time.
        rss_bytes: Resident memory; pages that processes share are counted for each.
        loop_lag_p99: How late the event loops were, in seconds; None where nothing was measured.
        rate_limited_seconds: Time that requests waited for pyload's own limit (``--qps``).
        workers: Processes that ran proxies; 0 where the main process did.
        worker_restarts: How often a worker died and was replaced.
    """

    cpu_seconds: float = 0.0
    rss_bytes: int = 0
    loop_lag_p99: float | None = None
    rate_limited_seconds: float = 0.0
    workers: int = 0
    worker_restarts: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot, usage: Usage) -> Generator:
        """Add up what the main process and its workers used."""
        lag = snapshot.loop_lag
        return cls(
            cpu_seconds=usage.cpu_seconds + sum(snapshot.worker_cpu.values()),
            rss_bytes=usage.rss_bytes + sum(snapshot.worker_rss.values()),
            loop_lag_p99=lag.percentile(99) if lag.count else None,
            rate_limited_seconds=usage.rate_limited_seconds,
            workers=len(snapshot.worker_restarts),
            worker_restarts=sum(snapshot.worker_restarts.values()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which run it is, and how it ended.

    Attributes:
        version: pyload's version.
        run_id: The run's label; empty for a run without objects.
        command: Name of the command.
        cluster_type: Cluster type, or None without a cluster.
        duration: Seconds from the start of the run.
        exit_reason: Why it ended.
    """

    version: str
    run_id: str
    command: str
    cluster_type: str | None
    duration: float
    exit_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The figures of a run; see the module for the meaning of each part."""

    version: str
    run_id: str
    command: str
    cluster_type: str | None = None
    duration: float
    exit_reason: str
    proxies: ProxyCounts = field(default_factory=ProxyCounts)
    pushes: Mapping[str, int] = field(default_factory=dict)
    push_bytes: Mapping[str, int] = field(default_factory=dict)
    disconnects: Mapping[str, int] = field(
        default_factory=dict, metadata={"keys": (DISCONNECT_REASONS,)}
    )
    objects: ObjectCounts = field(default_factory=ObjectCounts)
    first_config: Latency = field(default_factory=Latency)
    connect: Latency = field(default_factory=Latency)
    pacing: Pacing = field(default_factory=Pacing)
    generator: Generator = field(default_factory=Generator)
    kwok: FollowedPods | None = None
    churn: Mapping[str, Mapping[str, int]] = field(
        default_factory=dict, metadata={"keys": (_CHURN, _RESULTS)}
    )
    times: Mapping[str, Latency] = field(default_factory=dict)
    pods: StartedPods | None = None
    thresholds: tuple[Verdict, ...] = ()
    outages: Outages = field(default_factory=Outages)
    tags: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        header: Header,
        usage: Usage,
        *,
        proxies: ProxyCounts,
        pacing: Pacing,
        left: int,
        outages: Outages,
    ) -> Result:
        """Sum up a run.

        Args:
            snapshot: The counters.
            header: Which run it is, and how it ended.
            usage: What the main process used.
            proxies: How the proxies fared.
            pacing: How their dials were paced.
            left: Objects that are still in the API server.
            outages: When most proxies had no stream.
        """
        return cls(
            **asdict(header),
            proxies=proxies,
            pushes=snapshot.pushes,
            push_bytes=snapshot.push_bytes,
            disconnects=snapshot.disconnects,
            objects=ObjectCounts.of(snapshot, left=left),
            churn=_churn_by_kind(snapshot.churn),
            first_config=Latency.of(snapshot.first_config),
            connect=Latency.of(snapshot.connect),
            pacing=pacing,
            generator=Generator.of(snapshot, usage),
            outages=outages,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, its keys in order."""
        return {
            "schema": SCHEMA,
            **asdict(self),
            "pushes": with_types(self.pushes),
            "push_bytes": with_types(self.push_bytes),
            "disconnects": dict(sorted(self.disconnects.items())),
            "thresholds": [asdict(verdict) for verdict in self.thresholds],
            "outages": {
                **asdict(self.outages),
                "first": [asdict(one) for one in self.outages.first],
            },
        }

    def to_text(self) -> str:
        """Return the text for a terminal."""
        return result_text(self)


def _churn_by_kind(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    """Group the results of each kind of churn that there was."""
    return {
        what: {result: counts.get((what, result), 0) for result in _RESULTS}
        for what in sorted({what for what, _ in counts})
    }
