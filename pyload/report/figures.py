"""Every figure of a result by its path, such as ``first_config.p99``, with its unit.

The figures are read off the type of `Result`: a field of a dataclass is a step of the path, a
mapping takes any key, or the keys that its field names as ``metadata["keys"]``, and a number or a
boolean is a figure. One that is added to a result later needs no further entry anywhere. The unit
follows from the type and the name, as `docs/result.md` promises: times are in seconds, sizes in
bytes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from pyload.errors import UsageError
from pyload.report.counts import StartedPods
from pyload.report.followed_pods import FollowedPods
from pyload.report.histogram import Histogram
from pyload.report.result import Result
from pyload.report.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.report.quantity import Unit

_NAMES: Final = {
    one.__name__: one for one in (Mapping, FollowedPods, Histogram, StartedPods, Verdict)
}
"""Names in the annotations of results that their modules import for type checkers only."""

_UNKNOWN_YET: Final = frozenset({"objects.left"})
"""Figures that are known after the clean-up only, which has an exit code of its own."""

_KEY: Final = re.compile(r"[A-Za-z0-9_.:/ -]+")


@dataclass(frozen=True, slots=True)
class _Group:
    """The parts of a dataclass that are, or have, figures."""

    parts: Mapping[str, _Node]


@dataclass(frozen=True, slots=True)
class _Open:
    """The values of a mapping; without `keys`, of any key."""

    keys: tuple[str, ...]
    each: _Node


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A figure."""

    unit: Unit


_Node = _Group | _Open | _Leaf


def unit_of(path: str) -> Unit:
    """Return the unit of a figure.

    Raises:
        UsageError: A result has no such figure.
    """
    node: _Node = _figures()
    steps: list[str] = []
    rest = path
    while rest and not isinstance(node, _Leaf):
        step, _, rest = _split(node, rest)
        found = _child(node, step)
        if found is None:
            raise _unknown(path, node, steps, step)
        node = found
        steps.append(step)
    if rest:
        prefix = ".".join(steps)
        meant = f"{prefix}_{rest}" if f"{prefix}_{rest}" in paths() else prefix
        raise UsageError(f"there is no figure `{path}`", fix=f"did you mean `{meant}`?")
    if not isinstance(node, _Leaf):
        raise UsageError(f"`{path}` is not one figure", fix=f"{_choices(node, path)}")
    return node.unit


def value_of(result: Result, path: str) -> float | None:
    """Return a figure of a result; None if it was not measured.

    Raises:
        UsageError: Other runs have this figure, but not this one.
    """
    node: _Node = _figures()
    value: Any = result
    rest = path
    while not isinstance(node, _Leaf):
        step, _, rest = _split(node, rest)
        child = _child(node, step)
        assert child is not None, f"{path} was not checked"
        if isinstance(node, _Group):
            value = getattr(value, step)
        elif step not in value and not isinstance(child, _Group):
            # Of what never happened there is no key.
            return 0
        else:
            value = value.get(step)
        if value is None and isinstance(child, _Group):
            raise UsageError(
                f"a run of `{result.command}` has no figure `{path}`", fix=_measured(result, path)
            )
        node = child
    return None if value is None else float(value)


def paths() -> tuple[str, ...]:
    """Return the paths of all figures; ``NAME`` stands for a key that depends on the run."""
    return tuple(_paths(_figures(), ""))


@cache
def _figures() -> _Group:
    return _group(Result, "")


def _group(cls: type[Any], prefix: str) -> _Group:
    hints = get_type_hints(cls, localns=_NAMES)
    parts = {}
    for field in fields(cls):
        if field.metadata.get("apart"):
            continue
        keys = field.metadata.get("keys", ())
        path = f"{prefix}{field.name}"
        node = None if path in _UNKNOWN_YET else _node(hints[field.name], path, keys)
        if node is not None:
            parts[field.name] = node
    return _Group(parts)


def _node(hint: Any, path: str, keys: tuple[tuple[str, ...], ...]) -> _Node | None:
    """Return what a field of some type has of figures; None for nothing."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is Mapping:
        each = _node(get_args(hint)[1], path, keys[1:])
        return None if each is None else _Open(keys[0] if keys else (), each)
    if is_dataclass(hint) and isinstance(hint, type):
        return _group(hint, f"{path}.")
    return _Leaf(_unit(hint, path)) if hint in (int, float, bool) else None


def _unit(hint: type, path: str) -> Unit:
    if hint is bool:
        return "boolean"
    parent, _, name = path.rpartition(".")
    if name.endswith("bytes") or parent.endswith("bytes"):
        return "bytes"
    if name.endswith(("ratio", "share")):
        return "ratio"
    # A rate counts, for each second.
    return "count" if hint is int or name.endswith("rate") else "seconds"


def _split(node: _Node, rest: str) -> tuple[str, str, str]:
    """Split off the next step; the keys of a mapping may have dots, its values' names do not."""
    if isinstance(node, _Open) and not node.keys:
        if isinstance(node.each, _Leaf):
            return rest, "", ""
        return rest.rpartition(".") if "." in rest else (rest, "", "")
    return rest.partition(".")


def _child(node: _Node, step: str) -> _Node | None:
    if isinstance(node, _Group):
        return node.parts.get(step)
    assert isinstance(node, _Open)
    known = step in node.keys if node.keys else _KEY.fullmatch(step)
    return node.each if known else None


def _paths(node: _Node, prefix: str) -> Iterator[str]:
    if isinstance(node, _Leaf):
        yield prefix
    elif isinstance(node, _Open):
        for key in node.keys or ("NAME",):
            yield from _paths(node.each, f"{prefix}.{key}")
    else:
        for name, part in node.parts.items():
            yield from _paths(part, f"{prefix}.{name}" if prefix else name)


def _names(node: _Node) -> tuple[str, ...]:
    return tuple(node.parts) if isinstance(node, _Group) else getattr(node, "keys", ())


def _choices(node: _Node, path: str) -> str:
    """Return how the path of a group goes on."""
    names = _names(node)
    if not names:
        return f"write `{path}.NAME`, with a name from the result"
    return f"write `{path}.{names[-1]}`, or another of {', '.join(names)}"


def _unknown(path: str, node: _Node, steps: list[str], step: str) -> UsageError:
    what = f"there is no figure `{path}`"
    prefix = ".".join(steps)
    near = get_close_matches(step, _names(node), n=1, cutoff=0.7)
    if not steps or near:
        whole = [".".join([*steps, *near])] if near else []
        near = whole if whole and whole[0] in paths() else get_close_matches(path, paths(), n=1)
        near = near or whole
        if near:
            return UsageError(what, fix=f"did you mean `{near[0]}`?")
        return UsageError(what, fix="use the path of a number in the result, as `first_config.p99`")
    return UsageError(what, fix=f"`{prefix}` has {', '.join(_names(node))}")


def _measured(result: Result, path: str) -> str:
    """Return what the run has in place of a figure that is another command's."""
    group = path.partition(".")[0]
    if group == "times" and result.times:
        return "it has " + ", ".join(f"times.{name}.p99" for name in result.times)
    return f"its `{group}` has none"
