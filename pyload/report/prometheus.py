"""What a run has counted and measured, in Prometheus' text format.

`pyload.report.snapshot_metrics` lists the metrics that are read from the counters;
`pyload.report.figure_metrics` makes one of every other figure of the result. prometheus-client is
imported by the first request for them, since most runs are never scraped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.report.figure_metrics import figure_metrics, sum_of
from pyload.report.histogram import Histogram
from pyload.report.snapshot_metrics import SNAPSHOT_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from prometheus_client import CollectorRegistry
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

    from pyload.report.figure_metrics import FigureMetric
    from pyload.report.metrics import Metrics
    from pyload.report.result import Result
    from pyload.report.snapshot_metrics import SnapshotMetric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Registry:
    """Everything that is exposed.

    Args:
        metrics: The counters of the run.
        version: Version of pyload.
        run: Labels of the metric that tells the run from others; None without such a metric.
        figures: Returns the result as of now; None without the metrics of its figures.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        version: str = "",
        run: Mapping[str, str] | None = None,
        figures: Callable[[], Result] | None = None,
    ) -> None:
        self._metrics = metrics
        self._figures = figures
        self._run = dict(run or {})
        self._version = version
        self._registry: CollectorRegistry | None = None
        self._process: Sequence[Metric] | None = None

    def prepare(self) -> None:
        """Read the metrics of the process, which `render` needs; a thread may do it.

        That takes a tenth of a second the first time, for an import, and 25 ms where the process
        has 10,000 sockets, which are counted one by one.
        """
        from prometheus_client import ProcessCollector  # noqa: PLC0415 - most are never scraped

        self._process = tuple(ProcessCollector(registry=None).collect())

    def render(self) -> bytes:
        """Return the counters of this moment in Prometheus' text format."""
        from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 - see above

        if self._process is None:
            self.prepare()
        if self._registry is None:
            self._registry = CollectorRegistry()
            self._registry.register(self)
        return bytes(generate_latest(self._registry))

    def collect(self) -> Iterator[Metric]:
        """Iterate over the run's own metrics, for prometheus-client."""
        from prometheus_client import core  # noqa: PLC0415 - see prepare

        yield from self._process or ()
        info = core.GaugeMetricFamily("pyload_info", "Version of pyload.", labels=["version"])
        info.add_metric([self._version], 1)
        yield info
        if self._run:
            name, text = "pyload_run_info", "The run, with its tags."
            family = core.GaugeMetricFamily(name, text, labels=tuple(self._run))
            family.add_metric(tuple(self._run.values()), 1)
            yield family
        snapshot = self._metrics.snapshot()
        for spec in SNAPSHOT_METRICS:
            value = spec.read(snapshot)
            if isinstance(value, Histogram):
                yield _histogram(core, spec, value)
            elif value or not spec.optional:
                yield _numbers(core, spec, value)
        if self._figures is not None:
            result = self._figures()
            for metric in figure_metrics():
                if found := metric.read(result):
                    yield _family(core, metric, found)


def _family(core: Any, metric: FigureMetric, found: Mapping[Any, Any]) -> Metric:
    if metric.kind == "summary":
        return _summary(core, metric, found)
    if metric.kind == "histogram":
        (distribution,) = found.values()
        return _histogram(core, metric, distribution.histogram or Histogram())
    return _numbers(core, metric, found)


def _numbers(core: Any, spec: SnapshotMetric | FigureMetric, value: Mapping[Any, float]) -> Metric:
    make = core.CounterMetricFamily if spec.kind == "counter" else core.GaugeMetricFamily
    family: CounterMetricFamily | GaugeMetricFamily = make(spec.name, spec.help, labels=spec.labels)
    for key in sorted(value):
        family.add_metric([key] if isinstance(key, str) else list(key), value[key])
    return family


def _histogram(core: Any, spec: SnapshotMetric | FigureMetric, value: Histogram) -> Metric:
    counts = value.counts_at_most(*spec.bounds)
    buckets = [(str(bound), count) for bound, count in zip(spec.bounds, counts, strict=True)]
    family: Metric = core.HistogramMetricFamily(
        spec.name, spec.help, buckets=[*buckets, ("+Inf", value.count)], sum_value=value.sum
    )
    return family


def _summary(core: Any, metric: FigureMetric, value: Mapping[Any, Any]) -> Metric:
    """Return a distribution with its quantiles, of which there are none while it is empty."""
    family: Metric = core.Metric(metric.name, metric.help, "summary")
    for key in sorted(value):
        labels = dict(zip(metric.labels, key, strict=True))
        distribution = value[key]
        for field, quantile in metric.quantiles.items():
            if (number := getattr(distribution, field)) is not None:
                family.add_sample(metric.name, {**labels, "quantile": quantile}, number)
        family.add_sample(f"{metric.name}_count", labels, distribution.count)
        if (total := sum_of(distribution)) is not None:
            family.add_sample(f"{metric.name}_sum", labels, total)
    return family
