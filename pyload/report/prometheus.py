"""What a run has counted and measured, in Prometheus' text format.

`pyload.report.snapshot_metrics` lists the metrics that are read from the counters;
`pyload.report.figure_metrics` makes one of every other figure of the result. The format is written
here, since the import of prometheus-client holds the event loop for longer than ten scrapes do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.report.figure_metrics import figure_metrics, sum_of
from pyload.report.histogram import Histogram
from pyload.report.process import process_figures
from pyload.report.snapshot_metrics import SNAPSHOT_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from pyload.report.figure_metrics import FigureMetric
    from pyload.report.metrics import Metrics
    from pyload.report.result import Result
    from pyload.report.snapshot_metrics import SnapshotMetric

    Labels = Iterable[tuple[str, str]]
    """Names and values of labels."""

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_PROCESS: Final = {
    "process_cpu_seconds_total": "CPU time of pyload's main process.",
    "process_max_fds": "Files and sockets that the main process may have open.",
    "process_open_fds": "Files and sockets that the main process has open.",
    "process_resident_memory_bytes": "Resident memory of the main process.",
    "process_start_time_seconds": "When the main process began, in seconds since 1970.",
    "process_virtual_memory_bytes": "Virtual memory of the main process.",
}
"""What every program with a client library has of its process, and its meaning."""


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
        self._run = run or {}
        self._version = version

    def render(self) -> bytes:
        """Return the counters and figures of this moment in Prometheus' text format."""
        return "".join(self._lines()).encode()

    def _lines(self) -> Iterator[str]:
        for name, number in process_figures().items():
            kind = "counter" if name.endswith("_total") else "gauge"
            yield from _numbers(name, kind, _PROCESS[name], (), {(): number})
        yield _head("pyload_info", "gauge", "Version of pyload.")
        yield _sample("pyload_info", [("version", self._version)], 1)
        if self._run:
            yield _head("pyload_run_info", "gauge", "The run, with its tags.")
            yield _sample("pyload_run_info", self._run.items(), 1)
        snapshot = self._metrics.snapshot()
        for spec in SNAPSHOT_METRICS:
            value = spec.read(snapshot)
            if isinstance(value, Histogram):
                yield from _histogram(spec, value)
            elif value or not spec.optional:
                keyed = {(key,) if isinstance(key, str) else key: value[key] for key in value}
                yield from _numbers(spec.exposed, spec.kind, spec.help, spec.labels, keyed)
        if self._figures is not None:
            yield from _figures(self._figures())


def _figures(result: Result) -> Iterator[str]:
    for metric in figure_metrics():
        found = metric.read(result)
        if found and metric.kind == "summary":
            yield from _summary(metric, found)
        elif found and metric.kind == "histogram":
            (distribution,) = found.values()
            yield from _histogram(metric, distribution.histogram or Histogram())
        elif found:
            yield from _numbers(metric.exposed, metric.kind, metric.help, metric.labels, found)


def _numbers(
    name: str,
    kind: str,
    text: str,
    labels: Sequence[str],
    values: Mapping[tuple[str, ...], float],
) -> Iterator[str]:
    yield _head(name, kind, text)
    for key in sorted(values):
        yield _sample(name, zip(labels, key, strict=True), values[key])


def _histogram(spec: SnapshotMetric | FigureMetric, value: Histogram) -> Iterator[str]:
    yield _head(spec.name, spec.kind, spec.help)
    counts = value.counts_at_most(*spec.bounds)
    for bound, count in zip(spec.bounds, counts, strict=True):
        yield _sample(f"{spec.name}_bucket", [("le", str(bound))], count)
    yield _sample(f"{spec.name}_bucket", [("le", "+Inf")], value.count)
    yield _sample(f"{spec.name}_count", (), value.count)
    yield _sample(f"{spec.name}_sum", (), value.sum)


def _summary(metric: FigureMetric, values: Mapping[tuple[str, ...], Any]) -> Iterator[str]:
    """Yield distributions with their quantiles, of which there are none while one is empty."""
    yield _head(metric.name, metric.kind, metric.help)
    for key in sorted(values):
        distribution = values[key]
        labels = [*zip(metric.labels, key, strict=True)]
        for field, quantile in metric.quantiles.items():
            if (number := getattr(distribution, field)) is not None:
                yield _sample(metric.name, [*labels, ("quantile", quantile)], number)
        yield _sample(f"{metric.name}_count", labels, distribution.count)
        if (total := sum_of(distribution)) is not None:
            yield _sample(f"{metric.name}_sum", labels, total)


def _head(name: str, kind: str, text: str) -> str:
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _sample(name: str, labels: Labels, value: float) -> str:
    pairs = ",".join(f'{label}="{_escaped(text)}"' for label, text in sorted(labels))
    return f"{name}{{{pairs}}} {float(value)!r}\n" if pairs else f"{name} {float(value)!r}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
