"""The tables of ``docs/metrics.md``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from pages.sections import replaced
from pyload.report.figure_metrics import ELSEWHERE, NO_METRIC, figure_metrics, without_none
from pyload.report.figure_tree import Group, figure_tree
from pyload.report.snapshot_metrics import SNAPSHOT_METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.report.figure_metrics import FigureMetric
    from pyload.report.snapshot_metrics import SnapshotMetric

_PAGE = "metrics.md"


def files() -> dict[str, str]:
    """Return the page's text by its path below docs."""
    text = replaced(_PAGE, "counters", [*_counters()])
    text = replaced(_PAGE, "figures", [*_figures()], text=text)
    return {_PAGE: replaced(_PAGE, "others", [*_others()], text=text)}


def _counters() -> Iterator[str]:
    figures: dict[str, list[str]] = {}
    for path, query in ELSEWHERE.items():
        figures.setdefault(query.partition("{")[0], []).append(f"`{path}`")
    yield "| metric | type | labels | meaning | in the result |"
    yield "|---|---|---|---|---|"
    for one in SNAPSHOT_METRICS:
        yield _row(one, ", ".join(figures.get(_exposed(one), ())))


def _figures() -> Iterator[str]:
    """Write a table for each section of the result, and one for what is in none."""
    parts = figure_tree().parts

    def section(metric: FigureMetric) -> str:
        name = str(metric.steps[0])
        return name if isinstance(parts[name], Group) and metric.path != name else ""

    order = ["", *parts]
    for name, metrics in groupby(
        sorted(figure_metrics(), key=lambda one: order.index(section(one))), section
    ):
        if name:
            yield from (
                "",
                f"### `{name}`",
                "",
                without_none(parts[name].doc).replace("``", "`"),
                "",
            )
        yield "| metric | type | labels | meaning | in the result |"
        yield "|---|---|---|---|---|"
        for one in metrics:
            yield _row(one, f"`{one.path}`")


def _others() -> Iterator[str]:
    yield "| in the result | why it is no metric |"
    yield "|---|---|"
    for path, why in NO_METRIC.items():
        yield f"| `{path}` | {why} |"


def _row(metric: SnapshotMetric | FigureMetric, figure: str) -> str:
    labels = ", ".join(f"`{one}`" for one in metric.labels)
    cells = (f"`{_exposed(metric)}`", metric.kind, labels, metric.help, figure)
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _exposed(metric: SnapshotMetric | FigureMetric) -> str:
    """Return the name of a metric as Prometheus has it."""
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name
