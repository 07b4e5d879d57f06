"""Comparisons as tables of texts, for a terminal of 80 columns and for the page.

Of two results, a row is a figure; of more, a row is a result, or each step of a ladder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.report.conditions import change_text, noise_text
from pyload.report.latency import time_text
from pyload.report.quantity import quantity_text, size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pyload.report.comparison import Change
    from pyload.report.result import Result

WIDTH: Final = 80
_VERSION: Final = "istiod version"
_SHORTEST: Final = 10
"""Columns that the name of a result has at least."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; in lines, the last word of a column's name stands below the others.

    Attributes:
        columns: The names of the columns; the first is that of the rows' names.
        rows: The texts of each row.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> list[str]:
        """Return the lines of the table; the names of rows are cut on their left to fit."""
        if not self.rows:
            return []
        titles = [title.rpartition(" ")[::2] for title in self.columns]
        heads = [line for line in zip(*titles, strict=True) if any(line)]
        columns = list(zip(*heads, *self.rows, strict=True))
        widths = [max(map(len, column)) for column in columns]
        room = max(_SHORTEST, WIDTH - sum(widths[1:]) - 2 * len(widths[1:]))
        first = min(widths[0], room)
        lines = []
        for name, *cells in (*heads, *self.rows):
            short = name if len(name) <= first else "…" + name[len(name) - first + 1 :]
            padded = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
            lines.append("  ".join((f"{short:<{first}}", *padded)).rstrip())
        return lines


def changes_table(changes: Sequence[Change]) -> Table:
    """Return what has changed from one result to another, a row for each figure."""
    rows = [
        (
            one.name,
            _value(one.before.value, one),
            _value(one.after.value, one),
            change_text(one),
            noise_text(one).removeprefix("noise ")
            or ("?" if one.noise is None and one.difference is not None else ""),
            "" if one.verdict == "unknown" else one.verdict,
        )
        for one in changes
    ]
    return Table(("", "A", "B", "change", "noise", ""), rows)


def unknown_lines(changes: Sequence[Change]) -> list[str]:
    """Return why the noise of some figures is not known, with their names."""
    names: dict[str, list[str]] = {}
    for one in changes:
        if one.verdict == "unknown" and one.difference is not None:
            names.setdefault(one.why, []).append(one.name)
    return [f"? {', '.join(each)}: {why}" for why, each in names.items()]


def results_table(names: Sequence[str], results: Sequence[Result]) -> Table:
    """Return the figures of several results, a row for each; without columns that have none."""
    rows = [row for pair in zip(names, results, strict=True) for row in _rows(*pair)]
    columns = [("", *(name for name, _ in rows))]
    for title, cell in _COLUMNS.items():
        column = [cell(result) for _, result in rows]
        if any(column) and not (title == _VERSION and len(set(column)) == 1):
            columns.append((title, *column))
    titles, *lines = zip(*columns, strict=True)
    return Table(titles, lines)


def _rows(name: str, result: Result) -> Iterator[tuple[str, Result]]:
    if not result.steps:
        yield name, result
    for step in result.steps:
        yield f"{name}, {step.target:,}", step.figures


def _value(value: float | None, change: Change) -> str:
    return "" if value is None else quantity_text(value, change.unit)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else time_text(seconds)


def _change(percentile: str) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        probes = result.convergence
        return "" if probes is None else _time(getattr(probes, percentile))

    return cell


def _rate(result: Result) -> str:
    pushes = sum(result.pushes.values())
    return f"{pushes / result.duration:,.1f}" if pushes and result.duration else ""


def _version(result: Result) -> str:
    return "" if result.control_plane is None else " ".join(result.control_plane.versions)


def _istiod(result: Result) -> str:
    plane = result.control_plane
    return "" if plane is None or plane.cpu_cores is None else f"{plane.cpu_cores:.2g}"


def _heap(result: Result) -> str:
    plane = result.control_plane
    return "" if plane is None or not plane.heap_bytes_max else size_text(plane.heap_bytes_max)


_COLUMNS: Final[dict[str, Callable[[Result], str]]] = {
    _VERSION: _version,
    "proxies": lambda result: f"{result.proxies.wanted:,}" if result.proxies.wanted else "",
    "failed": lambda result: f"{result.proxies.failed:,}" if result.proxies.failed else "",
    "config p99": lambda result: _time(result.first_config.p99),
    "change p50": _change("p50"),
    "change p99": _change("p99"),
    "pushes/s": _rate,
    "istiod CPU": _istiod,
    "istiod heap": _heap,
}
"""The columns for figures of several results."""
