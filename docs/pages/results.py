"""``docs/schema/result-v2.json``, and the keys of a result in ``docs/result.md``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pages.sections import replaced
from pyload.report.latency import PERCENTILES
from pyload.report.result_schema import result_schema
from pyload.report.series import SERIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PAGE = "result.md"
_HEAD = ("| key | | meaning |", "|---|---|---|")
_TIMES = ("count", "min", *PERCENTILES, "max")
_DISTRIBUTIONS = ("Latency", "IstiodTime")
_WORDS = {"string": "text", "boolean": "true or false", "integer": "", "number": ""}
_JOINS = {"sum": "added up", "last": "the last", "max": "the largest", "min": "the least"}
_SHOWN = frozenset({"seconds", "bytes", "ratio"})


def files() -> dict[str, str]:
    """Return the schema and the page by their paths below docs."""
    schema = result_schema()
    text = replaced(_PAGE, "keys", _Keys(schema).lines())
    text = replaced(_PAGE, "series", _series(), text=text)
    return {"schema/result-v2.json": json.dumps(schema, indent=2) + "\n", _PAGE: text}


class _Keys:
    """The keys of a result, section by section."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._schema = schema
        self._defs = schema["$defs"]

    def lines(self) -> Iterator[str]:
        """Yield the tables: one of what has no parts, and one of each section."""
        sections = {}
        yield from _HEAD
        for name, one in self._schema["properties"].items():
            if name in ("steps", "histograms", "history"):
                continue
            if self._has_parts(one) and name != "config":
                sections[name] = one
            else:
                yield from self._rows(name, one)
        for name, one in sections.items():
            yield from ("", f"### `{name}`", "", one["description"], "", *_HEAD)
            yield from self._parts(name, one)

    def _resolved(self, one: dict[str, Any]) -> dict[str, Any]:
        """Return a schema without references, and without that it may be null."""
        one = next((each for each in one.get("anyOf", ()) if "$ref" in each), one)
        if "$ref" not in one:
            return one
        found: dict[str, Any] = self._defs[one["$ref"].rpartition("/")[2]]
        return found

    def _has_parts(self, one: dict[str, Any]) -> bool:
        return not _is_distribution(one) and "properties" in self._resolved(one)

    def _parts(self, path: str, one: dict[str, Any]) -> Iterator[str]:
        parts = self._resolved(one)["properties"]
        times = _TIMES if set(_TIMES) <= parts.keys() else ()
        if times:
            yield _row(f"{path}.{_braced(times)}", "seconds", one["description"])
        for name, part in parts.items():
            if name not in times:
                yield from self._rows(f"{path}.{name}", part)

    def _rows(self, path: str, one: dict[str, Any]) -> Iterator[str]:
        meaning = one.get("description", "")
        resolved = self._resolved(one)
        if _is_distribution(one):
            yield _row(f"{path}.{_braced(resolved['properties'])}", "seconds", meaning)
        elif "properties" in resolved:
            yield _row(path, "", meaning)
            yield from self._parts(path, one)
        elif "items" in resolved:
            yield from self._below(f"{path}[]", resolved["items"], meaning)
        elif "additionalProperties" in resolved:
            yield from self._below(f"{path}.{{…}}", resolved["additionalProperties"], meaning)
        else:
            yield _row(path, _unit(resolved), meaning)

    def _below(self, path: str, one: dict[str, Any], meaning: str) -> Iterator[str]:
        yield from self._rows(path, {**one, "description": meaning})


def _is_distribution(one: dict[str, Any]) -> bool:
    return one.get("$ref", "").rpartition("/")[2] in _DISTRIBUTIONS


def _braced(names: Iterable[str]) -> str:
    return f"{{{','.join(names)}}}"


def _unit(one: dict[str, Any]) -> str:
    unit = one.get("x-unit", "")
    if unit in _SHOWN:
        return str(unit)
    kinds = one.get("type", "")
    return _WORDS.get(kinds if isinstance(kinds, str) else kinds[0], "")


def _row(path: str, unit: str, meaning: str) -> str:
    cells = (f"`{path}`", unit, meaning.replace("|", "\\|"))
    return "".join(f"| {cell} " if cell else "| " for cell in cells) + "|"


def _series() -> Iterator[str]:
    yield from ("| series | two points that are joined |", "|---|---|")
    for path, join in SERIES.items():
        yield f"| `{path}` | {_JOINS[join]} |"
