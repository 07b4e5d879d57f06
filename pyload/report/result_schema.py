"""The JSON Schema of results, read off the records that a result is made of.

A record is an object with a property for each of its fields, all of which are there in every
result; what a run does not have is null. What a field means stands in the docstring of its record,
and the unit of a number in ``x-unit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin

from pyload.report.figure_tree import attribute_docs, hints_of, unit_at
from pyload.report.hdr import UNIT
from pyload.report.ladder import Ladder, Step
from pyload.report.result import Result
from pyload.report.result_json import OF_RUNS, SCHEMA

if TYPE_CHECKING:
    Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_JSON: Final = {str: "string", bool: "boolean", int: "integer", float: "number"}


def result_schema(*, is_closed: bool = False) -> Schema:
    """Return the schema.

    Args:
        is_closed: Whether there may be no other keys. A later version of pyload adds some, so that
            the schema which users have is open.
    """
    defs: dict[str, Schema] = {}
    builder = _Builder(defs, is_closed=is_closed)
    result = builder.record(Result)
    docs = attribute_docs(Result)
    properties = {
        "schema": {"const": SCHEMA, "description": "Name of this schema."},
        **result["properties"],
        "steps": {"type": "array", "items": builder.step(result["properties"])},
        "ladder": {"anyOf": [builder.of(Ladder, "ladder"), {"type": "null"}]},
        "histograms": builder.object(
            {
                "unit": {"const": UNIT, "description": "What the values of the histograms count."},
                "hdr": {
                    "type": "object",
                    "additionalProperties": {"type": "string", "contentEncoding": "base64"},
                    "description": "Each distribution that something was measured of, by its path: "
                    "HdrHistogram's V2 encoding, compressed, in base64.",
                },
            }
        ),
        "history": builder.of(_hint("history"), "history"),
    }
    for name in ("steps", "ladder", "history"):
        properties[name]["description"] = _text(docs[name])
    properties["histograms"]["description"] = "The distributions, for HdrHistogram's libraries."
    return {
        "$schema": _DIALECT,
        "$id": f"https://{SCHEMA}",
        "title": "Result of a run of pyload",
        **builder.object(properties),
        "$defs": dict(sorted(defs.items())),
    }


class _Builder:
    """Builds the schemas of records, each of which is defined once."""

    def __init__(self, defs: dict[str, Schema], *, is_closed: bool) -> None:
        self._defs = defs
        self._is_closed = is_closed

    def object(self, properties: Mapping[str, Schema]) -> Schema:
        """Return the schema of an object that has all of its properties."""
        closed = {"additionalProperties": False} if self._is_closed else {}
        return {
            "type": "object",
            "properties": dict(properties),
            "required": list(properties),
            **closed,
        }

    def record(self, cls: type[Any], *, without: str = "") -> Schema:
        """Return the schema of a dataclass, without one of its fields."""
        hints, docs = hints_of(cls), attribute_docs(cls)
        properties = {
            one.name: self.of(hints[one.name], one.name) | {"description": _text(docs[one.name])}
            for one in fields(cls)
            if not one.metadata.get("apart") and one.name != without
        }
        if "figure" in properties:
            # Its numbers are in the unit of the figure that it names.
            for one in properties.values():
                one.pop("x-unit", None)
        return self.object(properties)

    def step(self, sections: Mapping[str, Schema]) -> Schema:
        """Return the schema of a step of a ladder, which has sections of its own."""
        own = self.record(Step, without="figures")["properties"]
        duration = {**sections["duration"], "description": "How long it was held."}
        others = {name: one for name, one in sections.items() if name not in OF_RUNS}
        return self.object({**own, "duration": duration, **others})

    def of(self, hint: Any, path: str) -> Schema:
        """Return the schema of a value of some type."""
        origin, arguments = get_origin(hint), get_args(hint)
        if origin in (Union, UnionType):
            return self._optional(*(one for one in arguments if one is not NoneType), path=path)
        if origin is Mapping:
            return {"type": "object", "additionalProperties": self.of(arguments[1], f"{path}.")}
        if origin is tuple:
            return {"type": "array", "items": self.of(arguments[0], path)}
        if is_dataclass(hint) and isinstance(hint, type):
            if hint.__name__ not in self._defs:
                self._defs[hint.__name__] = {}
                self._defs[hint.__name__] = self.record(hint)
            return {"$ref": f"#/$defs/{hint.__name__}"}
        return _plain(hint, path)

    def _optional(self, hint: Any, *, path: str) -> Schema:
        one = self.of(hint, path)
        if "type" in one:
            return {**one, "type": [one["type"], "null"]}
        return {"anyOf": [one, {"type": "null"}]}


def _plain(hint: Any, path: str) -> Schema:
    if get_origin(hint) is Literal:
        return {"enum": list(get_args(hint))}
    if get_origin(hint) is Sequence:
        # A column, in which a point may have no value.
        return {"type": "array", "items": {"type": ["number", "null"]}}
    unit = {"x-unit": unit_at(hint, path)} if hint in (int, float) else {}
    return {"type": _JSON[hint], **unit}


def _hint(name: str) -> Any:
    return hints_of(Result)[name]


def _text(doc: str) -> str:
    """Return what a docstring says, in the words of JSON and Markdown."""
    return doc.replace("``", "`").replace(". None", ". Null").replace("None", "null")
