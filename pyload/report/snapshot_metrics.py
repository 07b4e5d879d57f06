"""The metrics that are read from the counters of a run.

They have more labels than the figures of a result, or are histograms, from which Prometheus can
take the percentiles of any span of time and of several runs together.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.report.histogram import Histogram
    from pyload.report.metrics import Snapshot

_PROXY_STATES: Final = {"connected": ("connected", "configured"), "configured": ("configured",)}
"""The states in which a proxy counts as connected and as configured; all proxies are wanted."""

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of buckets for times of proxies."""

_LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class SnapshotMetric:
    """A metric that is read from a snapshot of the counters.

    Attributes:
        name: Its name, for a counter without ``_total``.
        kind: How Prometheus takes its values.
        help: One sentence.
        labels: Names of its labels.
        read: Reads its value from a snapshot: a histogram, or numbers by the values of the labels.
        bounds: Upper bounds of a histogram's buckets.
        optional: Whether the metric is left out while it has no values.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...]
    read: Callable[[Snapshot], Histogram | Mapping[Any, float]]
    bounds: tuple[float, ...] = ()
    optional: bool = False


def _proxies(snapshot: Snapshot) -> Mapping[tuple[str, str], int]:
    """Count proxies as the summary does: configured ones are connected, connected ones wanted."""
    counts: dict[tuple[str, str], int] = {}
    for (type_, state), count in snapshot.proxies.items():
        counts[type_, "wanted"] = counts.get((type_, "wanted"), 0) + count
        for name, states in _PROXY_STATES.items():
            counts[type_, name] = counts.get((type_, name), 0) + count * (state in states)
    return counts


SNAPSHOT_METRICS: Final[tuple[SnapshotMetric, ...]] = (
    SnapshotMetric(
        "pyload_proxies",
        "gauge",
        "Proxies by node type; state wanted includes connected, which includes configured.",
        ("type", "state"),
        _proxies,
    ),
    SnapshotMetric(
        "pyload_pushes",
        "counter",
        "Responses received from the control plane, by type of their resources, such as cds.",
        ("type",),
        attrgetter("pushes"),
    ),
    SnapshotMetric(
        "pyload_push_bytes",
        "counter",
        "Size of the responses received from the control plane, by type of their resources.",
        ("type",),
        attrgetter("push_bytes"),
    ),
    SnapshotMetric(
        "pyload_pushes_acknowledged",
        "counter",
        "Responses that proxies accepted (ACK), by type of their resources.",
        ("type",),
        attrgetter("acknowledged"),
    ),
    SnapshotMetric(
        "pyload_pushes_refused",
        "counter",
        "Responses that proxies refused (NACK), by type of their resources.",
        ("type",),
        attrgetter("refused"),
    ),
    SnapshotMetric(
        "pyload_disconnects",
        "counter",
        "Streams of proxies that ended and dials that failed, by reason.",
        ("reason",),
        attrgetter("disconnects"),
    ),
    SnapshotMetric(
        "pyload_reconnects",
        "counter",
        "Times that a proxy had connected again and was answered, by node type.",
        ("type",),
        attrgetter("reconnects"),
    ),
    SnapshotMetric(
        "pyload_objects",
        "counter",
        "Writes to the API server, by kind and result: created, updated, deleted or failed.",
        ("kind", "result"),
        attrgetter("objects"),
    ),
    SnapshotMetric(
        "pyload_churn",
        "counter",
        "Changes of the running mesh, by what changes and result: done, failed, idle or dropped.",
        ("what", "result"),
        attrgetter("churn"),
    ),
    SnapshotMetric(
        "pyload_cache_bytes",
        "gauge",
        "Memory for configuration that is kept to read the same bytes only once, by cache.",
        ("cache",),
        attrgetter("caches"),
    ),
    SnapshotMetric(
        "pyload_worker_cpu_seconds",
        "counter",
        "CPU time of each process that runs proxies.",
        ("worker",),
        attrgetter("worker_cpu"),
        optional=True,
    ),
    SnapshotMetric(
        "pyload_worker_resident_memory_bytes",
        "gauge",
        "Resident memory of each process that runs proxies.",
        ("worker",),
        attrgetter("worker_rss"),
        optional=True,
    ),
    SnapshotMetric(
        "pyload_worker_restarts",
        "counter",
        "How often each process that runs proxies died and was replaced.",
        ("worker",),
        attrgetter("worker_restarts"),
        optional=True,
    ),
    SnapshotMetric(
        "pyload_first_config_seconds",
        "histogram",
        "Time from a proxy's start until it had every type that it subscribed to.",
        (),
        attrgetter("first_config"),
        SECONDS,
    ),
    SnapshotMetric(
        "pyload_connect_seconds",
        "histogram",
        "Time from a proxy's dial until its stream to the control plane was open.",
        (),
        attrgetter("connect"),
        SECONDS,
    ),
    SnapshotMetric(
        "pyload_loop_lag_seconds",
        "histogram",
        "How late pyload's event loops were; above 0.1 s pyload may itself be the bottleneck.",
        (),
        attrgetter("loop_lag"),
        _LAGS,
    ),
)
"""In the order in which they appear on the page."""
