"""A result as tables of comma-separated values, for spreadsheets and notebooks.

`history.csv` has a row for each point of the history and a column for each series; `figures.csv` a
row for each figure, by its path; `steps.csv` a row for each step of a ladder, with the figures as
columns. `probes.csv` and `slowest.csv` are lists of the result. Numbers are as in the JSON form:
seconds, bytes and ratios of 1; what was not measured is empty. Files without rows are left out.
"""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pyload.report.figures import figures_of
from pyload.report.history import column_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyload.report.result import Result


def csv_files(result: Result) -> dict[str, str]:
    """Return the files by their names."""
    convergence = result.convergence
    files = {
        "history.csv": _history(result),
        "figures.csv": _text(
            ("figure", "value", "unit"),
            ((path, value, unit) for path, value, unit in figures_of(result)),
        ),
        "steps.csv": _steps(result),
        "probes.csv": _records([asdict(one) for one in convergence.last_probes])
        if convergence
        else "",
        "slowest.csv": _records([asdict(one) for one in convergence.slowest])
        if convergence
        else "",
    }
    return {name: text for name, text in files.items() if text}


def _history(result: Result) -> str:
    history = result.history
    if not len(history.at):
        return ""
    columns = (history.at, history.seconds, *history.series.values())
    rows = zip(*map(column_json, columns), strict=True)
    return _text(("at", "seconds", *history.series), rows)


def _steps(result: Result) -> str:
    return _records(
        [
            {
                "target": step.target,
                "passed": step.passed,
                "ended": step.ended,
                "duration": step.figures.duration,
                **{
                    path: value for path, value, _ in figures_of(step.figures) if path != "duration"
                },
            }
            for step in result.steps
        ]
    )


def _records(records: Sequence[Mapping[str, Any]]) -> str:
    """Return records, of which not all need to have the same keys."""
    names = tuple(dict.fromkeys(name for one in records for name in one))
    return _text(names, ([one.get(name) for name in names] for one in records)) if names else ""


def _text(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()
