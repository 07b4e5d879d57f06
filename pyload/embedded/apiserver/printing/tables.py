"""Tables: objects as kubectl shows them, which the server decides (``as=Table``).

The columns of a built-in kind are those of `columns`, those of a custom one stand in its
definition, as simple JSON paths.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.apiserver.fields import value_at
from pyload.embedded.apiserver.printing.ages import age_text
from pyload.embedded.apiserver.printing.cells import field
from pyload.embedded.apiserver.printing.columns import Column, columns_of
from pyload.embedded.apiserver.versions import in_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj

INCLUDED: Final = ("Metadata", "Object", "None")
"""What a row may carry beside its cells; the first is the default."""

# A step of a JSON path: a name, an index or all items, or the items with one field of one value.
_STEP: Final = re.compile(
    r"\.(?P<name>(?:\\.|[^.\[\\])+)"
    r"|\[(?P<index>\d+|\*)\]"
    r"|\[\?\(@\.(?P<field>[\w.]+)==[\"'](?P<value>[^\"']*)[\"']\)\]"
)


def table(
    kind: Kind,
    version: str,
    objs: Iterable[Obj],
    *,
    now: datetime,
    metadata: Obj,
    include: str = INCLUDED[0],
    with_columns: bool = True,
) -> Obj:
    """Return a Table of objects of one kind.

    Args:
        kind: Their kind.
        version: The version asked for, without its group.
        objs: The objects, one for each row.
        now: The time, from which ages count.
        metadata: The list's metadata.
        include: What each row carries of its object: one of `INCLUDED`.
        with_columns: Whether the columns are described; a watch does that once.
    """
    columns = _columns(kind, version)
    definitions = [
        {
            "name": one.name,
            "type": one.type,
            "format": "name" if one.name == "Name" else "",
            "description": "",
            "priority": int(one.is_wide),
        }
        for one in columns
    ]
    rows = [
        {
            "cells": [one.cell(obj, now) for one in columns],
            **({} if include == "None" else {"object": _shown(obj, kind, version, include)}),
        }
        for obj in objs
    ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions if with_columns else [],
        "rows": rows,
    }


def _shown(obj: Obj, kind: Kind, version: str, include: str) -> Obj:
    if include == "Object":
        return in_version(obj, kind.api_version_of(version))
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def _columns(kind: Kind, version: str) -> tuple[Column, ...]:
    custom = kind.custom.get(version)
    if custom is None or not custom.columns:
        return columns_of(kind)
    name = Column("Name", field("metadata", "name"))
    return (name, *(_printed(one) for one in custom.columns))


def _printed(column: Obj) -> Column:
    """Return a column that a definition describes."""
    type_ = column.get("type", "string")
    cell = partial(_cell, column["jsonPath"], type_)
    shown = "string" if type_ == "date" else type_
    return Column(column["name"], cell, column.get("priority", 0) > 0, shown)


def _cell(path: str, type_: str, obj: Obj, now: datetime) -> Any:
    steps = _steps(path)
    found = list(_find(obj, steps)) if steps else []
    if not found:
        return None
    if type_ == "date":
        return age_text(found[0], now)
    if type_ == "string":
        return " ".join(
            one if isinstance(one, str) else orjson.dumps(one).decode() for one in found
        )
    return found[0] if isinstance(found[0], (int, float)) else None


Step = tuple[str, ...]


@lru_cache(maxsize=1024)
def _steps(path: str) -> tuple[Step, ...] | None:
    """Return the steps of a JSON path; None if it is more than a simple one."""
    path = path.strip().removeprefix("{").removesuffix("}")
    steps: list[Step] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return None
        at = match.end()
        if match["name"] is not None:
            steps.append(("name", re.sub(r"\\(.)", r"\1", match["name"])))
        elif match["index"] is not None:
            steps.append(("index", match["index"]))
        else:
            steps.append(("where", match["field"], match["value"]))
    return tuple(steps)


def _text(value: Any) -> str:
    """Return a value as filters compare it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _find(value: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Yield the values that a path leads to."""
    if not steps:
        if value is not None:
            yield value
        return
    match steps[0]:
        case ("name", name):
            reached = [value[name]] if isinstance(value, dict) and name in value else []
        case ("index", "*"):
            reached = value if isinstance(value, list) else []
        case ("index", index):
            reached = value[int(index) :][:1] if isinstance(value, list) else []
        case (_, field, wanted):
            items = value if isinstance(value, list) else ()
            path = field.split(".")
            reached = [one for one in items if _text(value_at(one, *path)) == wanted]
    for one in reached:
        yield from _find(one, steps[1:])
