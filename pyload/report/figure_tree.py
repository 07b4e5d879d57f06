"""What a result holds, as a tree that is read off the type of `Result`.

A field of a dataclass is a step down, a mapping takes any key, or the keys that its field names as
``metadata["keys"]``, and a number or a boolean is a figure. A field whose metadata has ``"apart"``
stands elsewhere in the result, and is passed over. Paths, units, metrics and documentation follow
from this tree, so that a figure that is added to a result needs no further entry anywhere.

What a field means stands in the docstring of its dataclass, under ``Attributes:``. The unit follows
from its type and its name, as `docs/result.md` promises: times are in seconds, sizes in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from pyload.report.control_plane import ControlPlane
from pyload.report.convergence import Convergence
from pyload.report.counts import StartedPods
from pyload.report.followed_pods import FollowedPods
from pyload.report.histogram import Histogram
from pyload.report.ladder import Ladder, Step
from pyload.report.limits import Limit
from pyload.report.quantity import Unit
from pyload.report.result import Result
from pyload.report.unserved import Unserved
from pyload.report.verdict import Verdict

_NAMES: Final[dict[str, Any]] = {"Unit": Unit} | {
    one.__name__: one
    for one in (
        ControlPlane,
        Convergence,
        FollowedPods,
        Histogram,
        Ladder,
        Limit,
        Mapping,
        Result,
        Sequence,
        StartedPods,
        Step,
        Unserved,
        Verdict,
    )
}
"""Names in the annotations of results that their modules import for type checkers only."""

_UNKNOWN_YET: Final = frozenset({"objects.left"})
"""Figures that are known after the clean-up only, which has an exit code of its own."""

_ATTRIBUTE: Final = re.compile(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Group:
    """A dataclass that has figures.

    Attributes:
        doc: What it is.
        parts: Its fields that are figures, or have some.
        others: Its fields that are neither, such as texts and lists.
    """

    doc: str
    parts: Mapping[str, Node]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keyed:
    """The values of a mapping.

    Attributes:
        doc: What it is.
        keys: The keys that it may have; empty for any.
        each: What stands at each key.
    """

    doc: str
    keys: tuple[str, ...]
    each: Node


@dataclass(frozen=True, slots=True)
class Figure:
    """A number.

    Attributes:
        doc: What it is.
        unit: Its unit.
    """

    doc: str
    unit: Unit


Node = Group | Keyed | Figure


@cache
def figure_tree() -> Group:
    """Return the figures of a result."""
    return _group(Result, "", "")


def attribute_docs(cls: type[Any]) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of each attribute."""
    docs: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        _, _, attributes = cleandoc(one.__doc__ or "").partition("\nAttributes:\n")
        docs |= {name: " ".join(text.split()) for name, text in _ATTRIBUTE.findall(attributes)}
    return docs


def hints_of(cls: type[Any]) -> dict[str, Any]:
    """Return the types of the fields of a record."""
    return get_type_hints(cls, localns=_NAMES)


def _group(cls: type[Any], path: str, doc: str) -> Group:
    hints, docs = hints_of(cls), attribute_docs(cls)
    parts: dict[str, Node] = {}
    others = []
    for field in fields(cls):
        if field.metadata.get("apart"):
            continue
        below = f"{path}.{field.name}" if path else field.name
        keys = field.metadata.get("keys", ())
        node = None
        if below not in _UNKNOWN_YET:
            node = _node(hints[field.name], below, keys, docs.get(field.name, ""))
        if node is None:
            others.append(field.name)
        else:
            parts[field.name] = node
    return Group(doc, parts, tuple(others))


def _node(hint: Any, path: str, keys: tuple[tuple[str, ...], ...], doc: str) -> Node | None:
    """Return what a field of some type has of figures; None for nothing."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is Mapping:
        each = _node(get_args(hint)[1], path, keys[1:], doc)
        return None if each is None else Keyed(doc, keys[0] if keys else (), each)
    if is_dataclass(hint) and isinstance(hint, type):
        return _group(hint, path, doc)
    return Figure(doc, unit_at(hint, path)) if hint in (int, float, bool) else None


def unit_at(hint: type, path: str) -> Unit:
    """Return the unit of a figure, by its type and its path or name."""
    if hint is bool:
        return "boolean"
    parent, _, name = path.rpartition(".")
    name = name.removesuffix("_max")
    if name.endswith("bytes") or parent.endswith("bytes"):
        return "bytes"
    if name.endswith(("ratio", "share")):
        return "ratio"
    # A rate counts, for each second; so do the cores in use.
    return "count" if hint is int or name.endswith(("rate", "cores")) else "seconds"
