"""The result of a run as JSON: its keys are the fields of the records, in their order.

Times are in seconds, and null where nothing was measured. A later version of the schema only adds
keys; `docs/result.md` lists them all.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final

from pyload.report.hdr import UNIT, hdr_text
from pyload.report.header import Header
from pyload.report.history import column_json
from pyload.report.latency import Latency
from pyload.report.summary_text import with_types

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pyload.report.ladder import Step
    from pyload.report.result import Result

SCHEMA: Final = "pyload.dev/result/v2"

BULKY: Final = ("histograms", "history")
"""Keys of what is too much for a line of a log."""

OF_RUNS: Final = frozenset(
    {
        "schema",
        *(one.name for one in fields(Header)),
        "tags",
        "steps",
        "ladder",
        "histograms",
        "history",
    }
)
"""Keys that a step of a run does not have, except for its duration."""


def result_json(result: Result, *, with_histograms: bool = True) -> dict[str, Any]:
    """Return the JSON form of a result, its keys in order.

    Args:
        result: The result.
        with_histograms: Whether it has the histograms, which take most of the time.
    """
    histograms = dict(_histograms(result, "")) if with_histograms else {}
    return {
        "schema": SCHEMA,
        **plain(result),
        "pushes": with_types(result.pushes),
        "push_bytes": with_types(result.push_bytes),
        "acknowledged": with_types(result.acknowledged),
        "refused": with_types(result.refused),
        "disconnects": dict(sorted(result.disconnects.items())),
        "steps": [_step_json(step) for step in result.steps],
        "ladder": plain(result.ladder),
        "histograms": {"unit": UNIT, "hdr": histograms},
        "history": plain(result.history),
    }


def _step_json(step: Step) -> dict[str, Any]:
    """Return a step of a ladder, with its figures beside what is said of it."""
    figures = result_json(step.figures)
    return {
        "target": step.target,
        "passed": step.passed,
        "ended": step.ended,
        "duration": step.figures.duration,
        **{name: each for name, each in figures.items() if name not in OF_RUNS},
    }


def _histograms(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the text of every distribution that something was measured of, by its path."""
    if isinstance(value, Latency) and value.histogram is not None:
        yield path, hdr_text(value.histogram)
    parts: Iterable[tuple[str, Any]] = ()
    if is_dataclass(value):
        named = (one.name for one in fields(value) if not one.metadata.get("apart"))
        parts = ((name, getattr(value, name)) for name in named)
    elif isinstance(value, Mapping):
        parts = value.items()
    for name, each in parts:
        yield from _histograms(each, f"{path}.{name}" if path else name)


def plain(value: Any) -> Any:
    """Return records, mappings and sequences as what JSON has for them."""
    if is_dataclass(value):
        return {
            one.name: plain(getattr(value, one.name))
            for one in fields(value)
            if not one.metadata.get("apart")
        }
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, array):
        return column_json(value)
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    return value
