"""A comparison of two results as text: which runs, what has changed, and the conditions."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from pyload.report.comparison_table import WIDTH, changes_table, unknown_lines
from pyload.report.latency import time_text
from pyload.report.limits import MACHINE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyload.report.comparison import Change
    from pyload.report.conditions import Judgement
    from pyload.report.result import Result

_SIDES: Final = ("A", "B")
_UNFINISHED: Final = "still running"


def comparison_text(
    names: Sequence[str],
    results: Sequence[Result],
    changes: Sequence[Change],
    judgements: Sequence[Judgement],
) -> str:
    """Return the text.

    Args:
        names: The names of the two results.
        results: The results.
        changes: What has changed.
        judgements: What became of the conditions.
    """
    counts = Counter(one.verdict for one in changes)
    beyond = f"{counts['worse']:,} worse, {counts['better']:,} better"
    found = f"beyond the noise: {beyond}; within it: {counts['same']:,}"
    parts = (
        [
            line
            for side, one in zip(_SIDES, runs(names, results), strict=True)
            for line in _wrapped(f"{side}  {one}")
        ],
        [line for note in notes(results) for line in _wrapped(note)],
        changes_table(changes).lines() or ["nothing was measured in either run"],
        [line for one in unknown_lines(changes) for line in _wrapped(one)],
        [found] if changes else [],
        [one.line() for one in judgements],
    )
    return "\n\n".join("\n".join(part) for part in parts if part)


def runs(names: Sequence[str], results: Sequence[Result]) -> list[str]:
    """Return which run each result is of, and how it ended."""
    return [
        f"{name}: {', '.join(filter(None, (one.command, one.cluster_type, one.started)))}, "
        f"{time_text(one.duration)}, {_ending(one)}"
        for name, one in zip(names, results, strict=True)
    ]


def _ending(result: Result) -> str:
    if result.exit_reason == _UNFINISHED:
        return "not finished: the run goes on, or was killed"
    return result.exit_reason


def notes(results: Sequence[Result]) -> list[str]:
    """Return what else is different, and what forbids to compare times."""
    found = []
    for name, of in _CIRCUMSTANCES.items():
        before, after = (of(one) or "none" for one in results)
        if before != after:
            found.append(f"{name} differ{'s' if name not in _PLURAL else ''}: {before}, {after}")
    for side, one in zip(_SIDES, results, strict=True):
        if one.limit is not None and one.limit.by == MACHINE:
            why = f"{side} was limited {one.limit.verdict}: its times may be pyload's own"
            found.append(why)
    return found


def _config(result: Result) -> str:
    config = result.config
    return "" if config is None else f"{config.name} ({config.sha256[:8]})"


def _istiod(result: Result) -> str:
    return "" if result.control_plane is None else " ".join(result.control_plane.versions)


def _tags(result: Result) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(result.tags.items()))


_PLURAL: Final = ("tags", "proxies", "workers")
_CIRCUMSTANCES: Final[dict[str, Callable[[Result], str]]] = {
    "command": lambda one: one.command,
    "cluster type": lambda one: one.cluster_type or "",
    "config": _config,
    "istiod": _istiod,
    "tags": _tags,
    "proxies": lambda one: f"{one.proxies.wanted:,}",
    "pyload": lambda one: one.version,
    "machine": lambda one: one.host,
    "workers": lambda one: f"{one.generator.workers:,}",
}
"""What else a change may come from."""


def _wrapped(text: str) -> list[str]:
    return wrap(text, WIDTH, subsequent_indent="   ", break_long_words=False)
