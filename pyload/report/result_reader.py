"""Reads a result back from its JSON form, as `result_json` has made it.

The fields of the records say what is read, as they say what is written. What a file lacks because
an earlier version of pyload wrote it has its default, or is 0 or empty; only the header must be
whole.
Keys that no record has, as a later version may add some, are passed over.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin

from pyload.report.figure_tree import hints_of
from pyload.report.hdr import parse_hdr
from pyload.report.history import TimeSeries
from pyload.report.ladder import Ladder, Step
from pyload.report.latency import Latency
from pyload.report.result import Result
from pyload.report.result_json import OF_RUNS, SCHEMA

_NAME, _, _NEWEST = SCHEMA.rpartition("/v")
_SCHEMA: Final = re.compile(rf"{re.escape(_NAME)}/v(\d+)")
_PLAIN: Final = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def read_result(document: Any) -> Result:
    """Return the result of its JSON form, of this version of the schema or an earlier one.

    Raises:
        ValueError: It is something else; the text says where, and begins with `it` or a path.
    """
    if not isinstance(document, dict) or "schema" not in document:
        raise ValueError("it is no result of a run")
    version = _SCHEMA.fullmatch(str(document["schema"]))
    if version is None:
        raise ValueError(f"it is no result of a run, but {document['schema']}")
    if int(version[1]) > int(_NEWEST):
        raise ValueError(f"it is of a later version of pyload ({document['schema']})")
    reader = _Reader(_at(document, "histograms", "hdr"))
    found: Result = reader.record(Result, document, "")
    return replace(
        found,
        steps=tuple(
            reader.step(step, document, f"steps.{index}")
            for index, step in enumerate(document.get("steps") or ())
        ),
        ladder=reader.read(Ladder | None, document.get("ladder"), "ladder"),
        history=reader.read(TimeSeries, document.get("history") or {}, "history"),
    )


class _Reader:
    """Reads values of the types that records have.

    Args:
        texts: The distributions by their paths.
    """

    def __init__(self, texts: Mapping[str, Any]) -> None:
        self._texts = texts

    def read(self, hint: Any, value: Any, path: str) -> Any:
        """Return a value as its type has it."""
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            (one,) = (one for one in arguments if one is not NoneType)
            return None if value is None else self.read(one, value, path)
        if origin is Mapping:
            items = _checked(value, dict, path).items()
            return {key: self.read(arguments[1], each, f"{path}.{key}") for key, each in items}
        if origin is tuple:
            items = enumerate(_checked(value, list, path))
            return tuple(self.read(arguments[0], each, f"{path}.{at}") for at, each in items)
        if origin is Sequence:
            return array("d", (self._point(each, path) for each in _checked(value, list, path)))
        if is_dataclass(hint) and isinstance(hint, type):
            return self.record(hint, value, path)
        return _plain(hint, value, path)

    def record(self, cls: type[Any], value: Any, path: str) -> Any:
        """Return a record, without what stands apart from it."""
        given = _checked(value, dict, path)
        values = {}
        for name, hint, is_needed in _fields_of(cls):  # type: ignore[arg-type] # it is a class
            below = f"{path}.{name}" if path else name
            if name in given:
                values[name] = self.read(hint, given[name], below)
            elif is_needed:
                if not path:
                    raise ValueError(f"`{below}` is missing")
                values[name] = _nothing(hint)
        found = cls(**values)
        return self._with_histogram(found, path) if isinstance(found, Latency) else found

    def step(self, value: Any, run: Mapping[str, Any], path: str) -> Step:
        """Return a step of a ladder, whose figures are those of a run of its own."""
        given = _checked(value, dict, path)
        whole = {name: each for name, each in run.items() if name in OF_RUNS} | given
        # The distributions are those of the whole run.
        figures = _Reader({}).record(Result, whole, path)
        own = {name: hint for name, hint, _ in _fields_of(Step) if name != "figures"}
        return Step(
            figures=figures,
            **{name: self.read(hint, given.get(name), path) for name, hint in own.items()},
        )

    def _with_histogram(self, latency: Latency, path: str) -> Latency:
        text = self._texts.get(path)
        if text is None or latency.min is None or latency.max is None:
            return latency
        try:
            histogram = parse_hdr(str(text), least=latency.min, largest=latency.max)
        except ValueError as error:
            raise ValueError(f"`histograms.hdr.{path}` is {error}") from None
        return replace(latency, histogram=histogram)

    def _point(self, value: Any, path: str) -> float:
        return math.nan if value is None else float(_plain(float, value, path))


def _plain(hint: Any, value: Any, path: str) -> Any:
    if get_origin(hint) is Literal:
        if value not in get_args(hint):
            raise ValueError(f"`{path}` is none of {', '.join(map(str, get_args(hint)))}")
        return value
    if hint is float and type(value) is int:
        return float(value)
    return _checked(value, hint, path)


def _nothing(hint: Any) -> Any:
    """Return what stands for a field that an earlier version did not know."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return None
    if origin is Literal:
        return get_args(hint)[0]
    return (origin or hint)() if origin is not Mapping else {}


def _checked(value: Any, expected: type[Any], path: str) -> Any:
    if type(value) is not expected:
        name = {**_PLAIN, dict: "an object", list: "a list"}[expected]
        raise ValueError(f"`{path}` is not {name}")
    return value


def _at(document: Any, *steps: str) -> Mapping[str, Any]:
    """Return an object within others; an empty one where there is none."""
    for step in steps:
        document = document.get(step) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else {}


@cache
def _fields_of(cls: type[Any]) -> tuple[tuple[str, Any, bool], ...]:
    """Return the fields of a record: name, type, and whether it has no default."""
    hints = hints_of(cls)
    return tuple(
        (one.name, hints[one.name], one.default is MISSING and one.default_factory is MISSING)
        for one in fields(cls)
        if not one.metadata.get("apart")
    )
