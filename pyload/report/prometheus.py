"""The counters in Prometheus' text format.

prometheus-client is imported by the first request for them, since most runs are never scraped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import Metric

    from pyload.report.histogram import Histogram
    from pyload.report.metrics import Metrics, Snapshot

_Counter = tuple[Any, str, str, list[str], "Mapping[Any, float]"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Registry:
    """Everything that is exposed.

    Args:
        metrics: The counters of the run.
        version: Version of pyload.
    """

    def __init__(self, metrics: Metrics, *, version: str = "") -> None:
        self._metrics = metrics
        self._version = version
        self._registry: CollectorRegistry | None = None

    def render(self) -> bytes:
        """Give the figures of this moment in Prometheus' text format."""
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
        """Give the run's own metrics, as prometheus-client asks for them."""
        from prometheus_client import core  # noqa: PLC0415 - see render

        yield from _families(core, self._metrics.snapshot(), self._version)


def _families(core: Any, snapshot: Snapshot, version: str) -> Iterator[Metric]:
    info = core.GaugeMetricFamily("pyload_info", "Version of pyload.", labels=["version"])
    info.add_metric([version], 1)
    yield info
    counters: tuple[_Counter, ...] = (
        (
            core.GaugeMetricFamily,
            "pyload_proxies",
            "Proxies by node type and state.",
            ["type", "state"],
            snapshot.proxies,
        ),
        (
            core.CounterMetricFamily,
            "pyload_pushes",
            "Pushes received, by type of their resources.",
            ["type"],
            snapshot.pushes,
        ),
        (
            core.CounterMetricFamily,
            "pyload_push_bytes",
            "Size of the pushes received, by type of their resources.",
            ["type"],
            snapshot.push_bytes,
        ),
        (
            core.CounterMetricFamily,
            "pyload_reconnects",
            "Streams that ended, by reason.",
            ["reason"],
            snapshot.disconnects,
        ),
        (
            core.CounterMetricFamily,
            "pyload_objects",
            "Writes to the API server, by kind and result.",
            ["kind", "result"],
            snapshot.objects,
        ),
        (
            core.CounterMetricFamily,
            "pyload_churn",
            "Changes of the running mesh, by what was changed and result.",
            ["what", "result"],
            snapshot.churn,
        ),
        (
            core.GaugeMetricFamily,
            "pyload_cache_bytes",
            "What is kept of received configuration, to look at the same bytes once.",
            ["cache"],
            snapshot.caches,
        ),
    )
    if snapshot.worker_restarts:
        counters += _workers(core, snapshot)
    for make, name, text, labels, counts in counters:
        family = make(name, text, labels=labels)
        for key in sorted(counts):
            family.add_metric([key] if isinstance(key, str) else list(key), counts[key])
        yield family
    yield _histogram(
        core,
        "pyload_first_config_seconds",
        "Time from a proxy's start until it had every type that it subscribed to.",
        snapshot.first_config,
        _SECONDS,
    )
    yield _histogram(
        core, "pyload_connect_seconds", "Time to open a stream.", snapshot.connect, _SECONDS
    )
    yield _histogram(
        core,
        "pyload_loop_lag_seconds",
        "How late the event loop was.",
        snapshot.loop_lag,
        _LAGS,
    )


def _workers(core: Any, snapshot: Snapshot) -> tuple[_Counter, ...]:
    return (
        (
            core.CounterMetricFamily,
            "pyload_worker_cpu_seconds",
            "CPU time of the processes that run proxies.",
            ["worker"],
            snapshot.worker_cpu,
        ),
        (
            core.GaugeMetricFamily,
            "pyload_worker_resident_memory_bytes",
            "Resident memory of the processes that run proxies.",
            ["worker"],
            snapshot.worker_rss,
        ),
        (
            core.CounterMetricFamily,
            "pyload_worker_restarts",
            "How often a process that runs proxies died and was replaced.",
            ["worker"],
            snapshot.worker_restarts,
        ),
    )


def _histogram(
    core: Any, name: str, text: str, histogram: Histogram, bounds: tuple[float, ...]
) -> Metric:
    buckets = [(str(bound), histogram.count_at_most(bound)) for bound in bounds]
    family: Metric = core.HistogramMetricFamily(
        name, text, buckets=[*buckets, ("+Inf", histogram.count)], sum_value=histogram.sum
    )
    return family
