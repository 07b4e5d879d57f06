"""The figures of a result as metrics.

A figure's metric follows from `pyload.report.figure_tree`: its name from the path and the unit, its
help from what the dataclass says of the field, its labels from the keys of mappings. Percentiles
that stand side by side are the quantiles of one summary. The tables below hold what does not
follow: a line for each figure that only grows, has a better name, or is in another metric already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Literal

from pyload.report.figure_tree import Figure, Keyed, figure_tree
from pyload.report.latency import PERCENTILES
from pyload.report.metrics import MAX_LABELS, OTHER
from pyload.report.snapshot_metrics import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyload.report.figure_tree import Node
    from pyload.report.quantity import Unit
    from pyload.report.result import Result

COUNTERS: Final = frozenset(
    {
        "api_server.overloaded",
        "api_server.throttled",
        "control_plane.cpu_seconds",
        "control_plane.gaps",
        "control_plane.internal_errors",
        "control_plane.push_errors",
        "control_plane.pushes",
        "control_plane.readings",
        "control_plane.rejects",
        "control_plane.restarts",
        "control_plane.triggers",
        "control_plane.updates",
        "convergence.failed",
        "convergence.late",
        "convergence.probes",
        "generator.cpu_seconds",
        "generator.rate_limited_seconds",
        "kwok.too_short",
        "outages.count",
        "outages.total",
        "pacing.refusals",
        "pods.ready",
        "pods.started",
        "proxies.started",
        "spread.pushes",
        "spread.stragglers",
    }
)
"""Figures that never fall, except when a run begins. All others are gauges."""

NAMES: Final = {
    # The histograms of the same times have the shorter names.
    "connect": "pyload_connect_quantile_seconds",
    "convergence": "pyload_convergence_quantile_seconds",
    "first_config": "pyload_first_config_quantile_seconds",
    "kwok.namespaces": "pyload_kwok_proxies_by_namespace",
    "kwok.revisions": "pyload_kwok_proxies_by_revision",
    "kwok.types": "pyload_kwok_proxies_by_type",
    "outages.count": "pyload_outages",
    "outages.total": "pyload_outage_seconds",
}
"""Names of metrics, for counters without ``_total``, where the path makes no good one."""

HISTOGRAMS: Final = {"convergence": ("pyload_convergence_seconds", SECONDS)}
"""Distributions that have a histogram too, with its name and the upper bounds of its buckets."""

LABELS: Final = {
    "control_plane.pushes": "type",
    "control_plane.rejects": "type",
    "control_plane.triggers": "type",
    "control_plane.updates": "type",
    "generator.processes": "process",
    "kwok.namespaces": "namespace",
    "kwok.revisions": "revision",
    "kwok.skipped": "reason",
    "kwok.types": "type",
    "kwok.waiting": "reason",
    "times": "name",
}
"""What the keys of a mapping are."""

ELSEWHERE: Final = {
    "acknowledged": "pyload_pushes_acknowledged_total",
    "churn": "pyload_churn_total",
    "disconnects": "pyload_disconnects_total",
    "generator.worker_restarts": "pyload_worker_restarts_total",
    "objects.created": 'pyload_objects_total{result="created"}',
    "objects.deleted": 'pyload_objects_total{result="deleted"}',
    "objects.failed": 'pyload_objects_total{result="failed"}',
    "objects.updated": 'pyload_objects_total{result="updated"}',
    "proxies.configured": 'pyload_proxies{state="configured"}',
    "proxies.connected": 'pyload_proxies{state="connected"}',
    "proxies.reconnects": "pyload_reconnects_total",
    "proxies.wanted": 'pyload_proxies{state="wanted"}',
    "push_bytes": "pyload_push_bytes_total",
    "pushes": "pyload_pushes_total",
    "refused": "pyload_pushes_refused_total",
}
"""Figures that are in a metric of `pyload.report.snapshot_metrics`: which, as a query."""

NO_METRIC: Final = {
    "cluster_type": "a text",
    "command": "a label of `pyload_run_info`",
    "command_line": "a text",
    "control_plane.source": "a text",
    "control_plane.versions": "texts; istiod's own `istio_build` has them",
    "config.name": "a text",
    "config.sha256": "a text",
    "convergence.last_probes": "single probes",
    "convergence.missing": "single proxies, of which there may be any number",
    "convergence.slowest": "single proxies, of which there may be any number",
    "exit_reason": "known when the run has ended",
    "host": "a text; Prometheus knows it as `instance`",
    "limit.by": "a text, about the whole of a run",
    "limit.evidence": "figures that are metrics themselves",
    "kwok.list_error": "a text, which is in the log too",
    "objects.left": "known when the clean-up has ended",
    "outages.first": "single outages; Prometheus keeps when `pyload_proxies` fell and rose",
    "run_id": "a label of `pyload_run_info`",
    "spread.last_pushes": "single pushes",
    "started": "a text; `pyload_duration_seconds` counts from then",
    "tags": "labels of `pyload_run_info`",
    "thresholds": "judged when the run has ended; alerts on the metrics do the same before",
    "unserved": "single proxies, of which there may be any number",
    "version": "a label of `pyload_info`",
}
"""What of a result is no metric, and why."""

_QUANTILES: Final = {
    "min": "0",
    **{name: f"{percent / 100:g}" for name, percent in PERCENTILES.items()},
    **{f"{name}_at_most": f"{percent / 100:g}" for name, percent in PERCENTILES.items()},
    "max": "1",
}
"""The values of the label ``quantile`` by the fields of distributions."""

_NO_QUANTILES: Final = frozenset({"count", "mean"})
"""The other fields of distributions."""

_SUFFIXES: Final[dict[Unit, str]] = {"seconds": "_seconds", "bytes": "_bytes", "ratio": "_ratio"}
_UNITS: Final = {**{one: one for one in _SUFFIXES.values()}, "_ratio": "_share"}
"""How a figure's own name says its unit, by the suffix that says it in that of a metric."""

_NOT_MEASURED: Final = re.compile(r"([;,] (or )?|\. )None\b[^.;]*")
_QUOTED: Final = re.compile("``?([^`]+)``?")


@dataclass(frozen=True, slots=True)
class FigureMetric:
    """The metric of a figure, or of those of one distribution.

    Attributes:
        name: Its name, for a counter without ``_total``.
        kind: How Prometheus takes its values.
        help: What it is.
        steps: The way to it: names of fields, and for the keys of a mapping the name of a label.
        quantiles: The values of the label ``quantile`` by the fields of a distribution; empty for
            other metrics.
        bounds: Upper bounds of a histogram's buckets.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    steps: tuple[str | Label, ...]
    quantiles: Mapping[str, str] = field(default_factory=dict)
    bounds: tuple[float, ...] = ()

    @property
    def path(self) -> str:
        """The path of the figure, with labels in braces."""
        return ".".join(f"{{{one}}}" if isinstance(one, Label) else one for one in self.steps)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels."""
        return tuple(one for one in self.steps if isinstance(one, Label))

    def read(self, result: Result) -> dict[tuple[str, ...], Any]:
        """Return the numbers or distributions that a result has, by the values of the labels."""
        found: dict[tuple[str, ...], Any] = {(): result}
        for step in self.steps:
            if isinstance(step, Label):
                found = {
                    (*labels, key): each
                    for labels, value in found.items()
                    for key, each in _bounded(value).items()
                }
            else:
                found = {labels: getattr(value, step) for labels, value in found.items()}
            found = {labels: value for labels, value in found.items() if value is not None}
        return found


def sum_of(distribution: Any) -> float | None:
    """Return the sum of all values of a distribution; None where it is not known."""
    if (histogram := getattr(distribution, "histogram", None)) is not None:
        return float(histogram.sum)
    mean = getattr(distribution, "mean", None)
    return None if mean is None else distribution.count * float(mean)


class Label(str):
    """The name of a label, whose values are the keys of a mapping."""

    __slots__ = ()


@cache
def figure_metrics() -> tuple[FigureMetric, ...]:
    """Return the metrics of all figures that have one of their own, in the order of the result."""
    return tuple(_metrics(figure_tree(), ()))


def without_none(doc: str) -> str:
    """Return what a figure or section is, without what it is where it was not measured."""
    return _NOT_MEASURED.sub("", doc)


def _metrics(
    node: Node, steps: tuple[str | Label, ...], context: str = ""
) -> Iterator[FigureMetric]:
    """Yield the metrics at and below a node.

    Args:
        node: The node.
        steps: The way to it.
        context: What the part of a section is that the node is in; empty in the section itself.
    """
    path = _fields(steps)
    text = f"{context} {_help(node)}".lstrip()
    if path in ELSEWHERE:
        return
    if isinstance(node, Figure):
        kind: Literal["counter", "gauge"] = "counter" if path in COUNTERS else "gauge"
        yield FigureMetric(_name(path, node.unit), kind, text, steps)
    elif isinstance(node, Keyed):
        yield from _metrics(node.each, (*steps, Label(LABELS.get(path, "name"))), context)
    else:
        parts = dict(node.parts)
        if "count" in parts and (quantiles := _QUANTILES.keys() & parts.keys()):
            values = {name: _QUANTILES[name] for name in parts if name in quantiles}
            (unit,) = {part.unit for name in values if isinstance(part := parts[name], Figure)}
            yield FigureMetric(_name(path, unit), "summary", text, steps, values)
            if path in HISTOGRAMS:
                name, bounds = HISTOGRAMS[path]
                yield FigureMetric(name, "histogram", text, steps, bounds=bounds)
            for name in _NO_QUANTILES | quantiles:
                parts.pop(name, None)
        for name, part in parts.items():
            yield from _metrics(part, (*steps, name), text if len(steps) > 1 else "")


def _name(path: str, unit: Unit) -> str:
    suffix = _SUFFIXES.get(unit, "")
    own = path.replace(".", "_").replace(_UNITS.get(suffix, ""), "")
    return NAMES.get(path, f"pyload_{own}{suffix}")


def _help(node: Node) -> str:
    """Return what a figure is, without what only Python and Markdown know."""
    return _QUOTED.sub(r"\1", without_none(node.doc))


def _fields(steps: Iterable[str | Label]) -> str:
    """Return a path without the keys of mappings."""
    return ".".join(one for one in steps if not isinstance(one, Label))


def _bounded(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the largest numbers of a mapping one by one, and the others together."""
    if len(values) <= MAX_LABELS:
        return values
    if not all(isinstance(each, int | float) for each in values.values()):
        return dict(islice(values.items(), MAX_LABELS))
    ordered = sorted(values, key=lambda key: (-values[key], key))
    rest = sum(values[key] for key in ordered[MAX_LABELS:])
    return {key: values[key] for key in ordered[:MAX_LABELS]} | {OTHER: rest}
