"""The counters in Prometheus' text format.

`METRICS` lists every metric of pyload's own: its name, its help, its labels, and how it is read
from a snapshot. prometheus-client is imported by the first request for them, since most runs are
never scraped.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from pyload.report.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

    from pyload.report.metrics import Metrics, Snapshot

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_PROXY_STATES: Final = {"connected": ("connected", "configured"), "configured": ("configured",)}
"""The states in which a proxy counts as connected and as configured; all proxies are wanted."""

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """A metric.

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


METRICS: Final[tuple[MetricSpec, ...]] = (
    MetricSpec(
        "pyload_proxies",
        "gauge",
        "Proxies that are wanted, those of them that are connected, and of those the configured.",
        ("type", "state"),
        _proxies,
    ),
    MetricSpec(
        "pyload_pushes",
        "counter",
        "Pushes received, by type of their resources.",
        ("type",),
        attrgetter("pushes"),
    ),
    MetricSpec(
        "pyload_push_bytes",
        "counter",
        "Size of the pushes received, by type of their resources.",
        ("type",),
        attrgetter("push_bytes"),
    ),
    MetricSpec(
        "pyload_disconnects",
        "counter",
        "Streams and dials that ended, by reason.",
        ("reason",),
        attrgetter("disconnects"),
    ),
    MetricSpec(
        "pyload_reconnects",
        "counter",
        "Streams that were answered after a proxy's first such, by node type.",
        ("type",),
        attrgetter("reconnects"),
    ),
    MetricSpec(
        "pyload_objects",
        "counter",
        "Writes to the API server, by kind and result.",
        ("kind", "result"),
        attrgetter("objects"),
    ),
    MetricSpec(
        "pyload_churn",
        "counter",
        "Changes of the running mesh, by what was changed and result.",
        ("what", "result"),
        attrgetter("churn"),
    ),
    MetricSpec(
        "pyload_cache_bytes",
        "gauge",
        "What is kept of received configuration, to look at the same bytes once.",
        ("cache",),
        attrgetter("caches"),
    ),
    MetricSpec(
        "pyload_worker_cpu_seconds",
        "counter",
        "CPU time of the processes that run proxies.",
        ("worker",),
        attrgetter("worker_cpu"),
        optional=True,
    ),
    MetricSpec(
        "pyload_worker_resident_memory_bytes",
        "gauge",
        "Resident memory of the processes that run proxies.",
        ("worker",),
        attrgetter("worker_rss"),
        optional=True,
    ),
    MetricSpec(
        "pyload_worker_restarts",
        "counter",
        "How often a process that runs proxies died and was replaced.",
        ("worker",),
        attrgetter("worker_restarts"),
        optional=True,
    ),
    MetricSpec(
        "pyload_first_config_seconds",
        "histogram",
        "Time from a proxy's start until it had every type that it subscribed to.",
        (),
        attrgetter("first_config"),
        _SECONDS,
    ),
    MetricSpec(
        "pyload_connect_seconds",
        "histogram",
        "Time to open a stream.",
        (),
        attrgetter("connect"),
        _SECONDS,
    ),
    MetricSpec(
        "pyload_loop_lag_seconds",
        "histogram",
        "How late the event loop was.",
        (),
        attrgetter("loop_lag"),
        _LAGS,
    ),
)
"""All metrics but ``pyload_info`` and those of the process, in the order in which they appear."""


class Registry:
    """Everything that is exposed.

    Args:
        metrics: The counters of the run.
        version: Version of pyload.
        run: Labels of the metric that tells the run from others; None without such a metric.
    """

    def __init__(
        self, metrics: Metrics, *, version: str = "", run: Mapping[str, str] | None = None
    ) -> None:
        self._metrics = metrics
        self._run = dict(run or {})
        self._version = version
        self._registry: CollectorRegistry | None = None

    def render(self) -> bytes:
        """Return the counters of this moment in Prometheus' text format."""
        from prometheus_client import (  # noqa: PLC0415 - most runs are never scraped
            CollectorRegistry,
            ProcessCollector,
            generate_latest,
        )

        if self._registry is None:
            self._registry = CollectorRegistry()
            ProcessCollector(registry=self._registry)
            self._registry.register(self)
        return bytes(generate_latest(self._registry))

    def collect(self) -> Iterator[Metric]:
        """Iterate over the run's own metrics, for prometheus-client."""
        from prometheus_client import core  # noqa: PLC0415 - see render

        info = core.GaugeMetricFamily("pyload_info", "Version of pyload.", labels=["version"])
        info.add_metric([self._version], 1)
        yield info
        if self._run:
            name, text = "pyload_run_info", "The run, with its tags."
            family = core.GaugeMetricFamily(name, text, labels=tuple(self._run))
            family.add_metric(tuple(self._run.values()), 1)
            yield family
        snapshot = self._metrics.snapshot()
        for spec in METRICS:
            value = spec.read(snapshot)
            if isinstance(value, Histogram):
                yield _histogram(core, spec, value)
            elif value or not spec.optional:
                yield _numbers(core, spec, value)


def _numbers(core: Any, spec: MetricSpec, value: Mapping[Any, float]) -> Metric:
    make = core.CounterMetricFamily if spec.kind == "counter" else core.GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = make(spec.name, spec.help, labels=spec.labels)
    for key in sorted(value):
        family.add_metric([key] if isinstance(key, str) else list(key), value[key])
    return family


def _histogram(core: Any, spec: MetricSpec, value: Histogram) -> Metric:
    buckets = [(str(bound), value.count_at_most(bound)) for bound in spec.bounds]
    family: Metric = core.HistogramMetricFamily(
        spec.name, spec.help, buckets=[*buckets, ("+Inf", value.count)], sum_value=value.sum
    )
    return family
