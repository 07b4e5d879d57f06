"""Every figure of a result by its path, such as ``first_config.p99``, with its unit.

The steps of a path are the fields and keys of `pyload.report.figure_tree`.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from pyload.errors import UsageError
from pyload.report.figure_tree import Figure, Group, Keyed, figure_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.report.figure_tree import Node
    from pyload.report.quantity import Unit
    from pyload.report.result import Result

_KEY: Final = re.compile(r"[A-Za-z0-9_.:/ -]+")


def unit_of(path: str) -> Unit:
    """Return the unit of a figure.

    Raises:
        UsageError: A result has no such figure.
    """
    node: Node = figure_tree()
    steps: list[str] = []
    rest = path
    while rest and not isinstance(node, Figure):
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
    if not isinstance(node, Figure):
        raise UsageError(f"`{path}` is not one figure", fix=f"{_choices(node, path)}")
    return node.unit


def value_of(result: Result, path: str) -> float | None:
    """Return a figure of a result; None if it was not measured.

    Raises:
        UsageError: Other runs have this figure, but not this one.
    """
    node: Node = figure_tree()
    value: Any = result
    rest = path
    while not isinstance(node, Figure):
        step, _, rest = _split(node, rest)
        child = _child(node, step)
        assert child is not None, f"{path} was not checked"
        if isinstance(node, Group):
            value = getattr(value, step)
        elif value is None:
            # The whole mapping was not measured.
            return None
        elif step not in value and not isinstance(child, Group):
            # Of what never happened there is no key.
            return 0
        else:
            value = value.get(step)
        if value is None and isinstance(child, Group):
            raise UsageError(
                f"a run of `{result.command}` has no figure `{path}`", fix=_measured(result, path)
            )
        node = child
    return None if value is None else float(value)


def figures_of(result: Result) -> Iterator[tuple[str, float | None, Unit]]:
    """Return all figures of a result, with their paths and units; None was not measured."""
    yield from _figures(figure_tree(), result, "")


def _figures(node: Node, value: Any, path: str) -> Iterator[tuple[str, float | None, Unit]]:
    if isinstance(node, Figure):
        yield path, value, node.unit
    elif value is None:
        return
    elif isinstance(node, Keyed):
        for key, each in value.items():
            yield from _figures(node.each, each, f"{path}.{key}")
    else:
        for name, part in node.parts.items():
            below = f"{path}.{name}" if path else name
            yield from _figures(part, getattr(value, name), below)


def paths() -> tuple[str, ...]:
    """Return the paths of all figures; ``NAME`` stands for a key that depends on the run."""
    return tuple(_paths(figure_tree(), ""))


def _split(node: Node, rest: str) -> tuple[str, str, str]:
    """Split off the next step; the keys of a mapping may have dots, its values' names do not."""
    if isinstance(node, Keyed) and not node.keys:
        if isinstance(node.each, Figure):
            return rest, "", ""
        return rest.rpartition(".") if "." in rest else (rest, "", "")
    return rest.partition(".")


def _child(node: Node, step: str) -> Node | None:
    if isinstance(node, Group):
        return node.parts.get(step)
    assert isinstance(node, Keyed)
    known = step in node.keys if node.keys else _KEY.fullmatch(step)
    return node.each if known else None


def _paths(node: Node, prefix: str) -> Iterator[str]:
    if isinstance(node, Figure):
        yield prefix
    elif isinstance(node, Keyed):
        for key in node.keys or ("NAME",):
            yield from _paths(node.each, f"{prefix}.{key}")
    else:
        for name, part in node.parts.items():
            yield from _paths(part, f"{prefix}.{name}" if prefix else name)


def _names(node: Node) -> tuple[str, ...]:
    return tuple(node.parts) if isinstance(node, Group) else getattr(node, "keys", ())


def _choices(node: Node, path: str) -> str:
    """Return how the path of a group goes on."""
    names = _names(node)
    if not names:
        return f"write `{path}.NAME`, with a name from the result"
    return f"write `{path}.{names[-1]}`, or another of {', '.join(names)}"


def _unknown(path: str, node: Node, steps: list[str], step: str) -> UsageError:
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
    if group == "convergence":
        return "it is measured with `--probe 10s`"
    return f"its `{group}` has none"
