"""``pyload report``: results of runs read again, one by itself, or several compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.errors import ConfigError, Problem, UsageError
from pyload.report.comparison import change_of, changes
from pyload.report.comparison_table import changes_table, results_table, unknown_lines
from pyload.report.comparison_text import comparison_text, notes
from pyload.report.result_reader import read_result

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.report.comparison import Change
    from pyload.report.conditions import Condition, Judgement
    from pyload.report.result import Result

SCHEMA: Final = "pyload.dev/comparison/v1"

_CAPTION: Final = "A figure is better or worse only if it has changed by more than its noise."
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class Recorded:
    """A result that was read from a file.

    Attributes:
        name: The file as the user wrote it; ``-`` is standard input.
        document: The JSON.
        result: The result.
    """

    name: str
    document: Mapping[str, Any]
    result: Result


def parse_recorded(name: str, data: bytes) -> Recorded:
    """Read a result from the bytes of its file.

    Raises:
        ConfigError: The bytes are no JSON, such as the first part of a file.
        UsageError: They are no result.
    """
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        what = f"this is no JSON: {error.msg}" if data.strip() else "the file is empty"
        fix = "name a file that --out has written"
        raise ConfigError((Problem(name, error.lineno, error.colno, what, fix),)) from error
    try:
        return Recorded(name, document, read_result(document))
    except ValueError as error:
        fix = "name a file that --out has written"
        if "later version" in str(error):
            fix = "read it with that version"
        raise UsageError(f"{name}: {error}", fix=fix) from error


@dataclass(frozen=True, slots=True)
class Report:
    """What there is to say of one result, or of several.

    Attributes:
        recorded: The results.
        changes: What has changed from the first to the second; empty unless there are two.
        judgements: What became of the conditions.
    """

    recorded: Sequence[Recorded]
    changes: Sequence[Change] = ()
    judgements: Sequence[Judgement] = field(default=())

    @classmethod
    def of(cls, recorded: Sequence[Recorded], conditions: Sequence[Condition] = ()) -> Report:
        """Compare results.

        Raises:
            UsageError: There are conditions, and not two results.
        """
        if len(recorded) != _PAIR:
            if conditions:
                what = f"--fail-if compares two results, and there {_are(len(recorded))}"
                raise UsageError(what, fix="name the earlier file, then the later one")
            return cls(recorded)
        before, after = (one.result for one in recorded)
        return cls(
            recorded,
            changes(before, after),
            [one.judge(change_of(before, after, one.figure)) for one in conditions],
        )

    @property
    def failed(self) -> list[Judgement]:
        """The conditions that failed."""
        return [one for one in self.judgements if one.passed is False]

    def text(self) -> str:
        """Return the text for a terminal."""
        if len(self.recorded) == 1:
            return self.recorded[0].result.to_text()
        if len(self.recorded) == _PAIR:
            return comparison_text(self._names, self._results, self.changes, self.judgements)
        return "\n".join(results_table(self._names, self._results).lines())

    def page(self) -> bytes:
        """Return the page in HTML."""
        from pyload.report.page.assets import page_assets  # noqa: PLC0415 - for --html only
        from pyload.report.page.page import Table, page  # noqa: PLC0415

        tables = []
        if len(self.recorded) == _PAIR:
            about = "A is {}, B is {}. ".format(*self._names) + _CAPTION
            found = changes_table(self.changes)
            others = {
                "Conditions": [one.line() for one in self.judgements],
                "What else there is to know": notes(self._results),
                "Noise that is not known": unknown_lines(self.changes),
            }
            tables = [
                Table(title="What changed", note=about, columns=found.columns, rows=found.rows),
                *(
                    Table(title=title, columns=("",), rows=[(line,) for line in lines])
                    for title, lines in others.items()
                    if lines
                ),
            ]
        elif len(self.recorded) > _PAIR:
            found = results_table(self._names, self._results)
            tables = [Table(title="Runs", columns=found.columns, rows=found.rows)]
        documents = [one.document for one in self.recorded]
        names = self._names if len(documents) > 1 else ()
        return page(documents, page_assets(), names=names, tables=tables)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON: a result as it is, or what was compared."""
        if len(self.recorded) == 1:
            return dict(self.recorded[0].document)
        found = {
            "schema": SCHEMA,
            "runs": [
                {"file": one.name}
                | {key: one.document.get(key) for key in ("run_id", "started", "exit_reason")}
                for one in self.recorded
            ],
        }
        if len(self.recorded) > _PAIR:
            table = results_table(self._names, self._results)
            rows = [dict(zip(("name", *table.columns[1:]), row, strict=True)) for row in table.rows]
            return found | {"rows": rows}
        return found | {
            "figures": [_change_json(one) for one in self.changes],
            "conditions": [
                {
                    "expr": one.condition.expr,
                    "passed": one.passed,
                    "text": one.text(),
                    **_change_json(one.change),
                }
                for one in self.judgements
            ],
        }

    @property
    def _names(self) -> list[str]:
        return [one.name for one in self.recorded]

    @property
    def _results(self) -> list[Result]:
        return [one.result for one in self.recorded]


def _are(count: int) -> str:
    return "is one" if count == 1 else f"are {count}"


def _change_json(change: Change) -> dict[str, Any]:
    """Return a change with its numbers; infinite ones are null."""
    relative = change.relative
    return {
        "figure": change.figure,
        "unit": change.unit,
        "before": change.before.value,
        "after": change.after.value,
        "change": relative if relative is not None and abs(relative) != float("inf") else None,
        "noise": change.noise if change.is_ratio else None,
        "verdict": change.verdict,
        "why": change.why if change.verdict == "unknown" else "",
    }
