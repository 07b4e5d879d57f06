"""Finding the dialect of a file.

A key or an application type that only one dialect knows is evidence of it, and the first evidence
of a file decides. A file with evidence of both dialects is a mistake; one without any is classic.
The key `dialect` overrides all evidence.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Final

from pyload.config.classic import CLASSIC
from pyload.config.current import CURRENT
from pyload.config.scalar_resolver import quote
from pyload.config.scalars import is_null
from pyload.config.schema import STALE_KEYS
from pyload.config.yaml import MappingNode, ScalarNode, SequenceNode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyload.config.model import Dialect
    from pyload.config.scalars import Findings
    from pyload.config.schema import Place, Schema
    from pyload.config.yaml import Node

SCHEMAS: Final[dict[Dialect, Schema]] = {"classic": CLASSIC, "current": CURRENT}

_CHILDREN: Final[dict[Place, tuple[tuple[str, Place], ...]]] = {
    "root": (("jitter", "jitter"), ("nodes", "nodes"), ("namespaces", "namespaces")),
    "namespaces": (("applications", "applications"),),
}


@dataclass(frozen=True, slots=True)
class DialectChoice:
    """The dialect to read a file in.

    Attributes:
        schema: The dialect.
        reason: Reason for the log, such as ``classic dialect, because of `instances` at line 7``.
        mixed: Whether keys of the other dialect have been reported already.
    """

    schema: Schema
    reason: str
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class _Evidence:
    dialect: Dialect
    text: str
    at: ScalarNode


def choose_dialect(findings: Findings, root: MappingNode) -> DialectChoice:
    """Choose the dialect of a file, and note a problem if the file mixes both."""
    named = _named(findings, root)
    if named is not None:
        return named
    found = sorted(_evidence("root", root), key=lambda one: (one.at.line, one.at.column))
    if not found:
        reason = "classic dialect, as nothing in the file belongs to only one dialect"
        return DialectChoice(CLASSIC, reason)
    first = found[0]
    reason = f"{first.dialect} dialect, because of {first.text} at line {first.at.line}"
    other = next((one for one in found if one.dialect != first.dialect), None)
    if other is not None:
        what = (
            f"{other.text} belongs to the {other.dialect} dialect, and {first.text} at line "
            f"{first.at.line} to the {first.dialect} one"
        )
        findings.problem(other.at, what, "use the keys and types of one of them")
    return DialectChoice(SCHEMAS[first.dialect], reason, mixed=other is not None)


def _named(findings: Findings, root: MappingNode) -> DialectChoice | None:
    entry = next((e for name, e in root.entries.items() if name.lower() == "dialect"), None)
    if entry is None or is_null(entry.value):
        return None
    name = entry.value.value if isinstance(entry.value, ScalarNode) else None
    for dialect, schema in SCHEMAS.items():
        if name == dialect:
            reason = f"{dialect} dialect, because of `dialect` at line {entry.key.line}"
            return DialectChoice(schema, reason)
    close = get_close_matches(str(name).lower(), SCHEMAS, n=1)
    fix = f"did you mean `{close[0]}`?" if close else "write `classic` or `current`"
    what = f"unknown dialect {quote(name)}" if isinstance(name, str) else "`dialect` takes a name"
    findings.problem(entry.value, what, fix)
    return None


def _evidence(place: Place, block: MappingNode) -> Iterator[_Evidence]:
    """Find the keys and types that only one dialect knows."""
    children = dict(_CHILDREN.get(place, ()))
    for name, entry in block.entries.items():
        key = name.lower()
        found = _own_keys(place).get(key)
        if found is not None and not stale_key(entry.value):
            yield _Evidence(found[0], f"`{found[1]}`", entry.key)
        if place == "applications" and key == "type" and isinstance(entry.value, ScalarNode):
            yield from _type_evidence(entry.value)
        if key in children:
            yield from _child_evidence(children[key], entry.value)


@cache
def _own_keys(place: Place) -> Mapping[str, tuple[Dialect, str]]:
    """Return the keys of a place that only one dialect knows, by their lower case."""
    return {
        key.lower(): (schema.dialect, key)
        for schema, other in ((CLASSIC, CURRENT), (CURRENT, CLASSIC))
        for key in schema.keys[place]
        if key not in other.keys[place]
    }


def stale_key(node: Node) -> str:
    """Return the key that shows a mapping to be a leftover of a dialect that is no longer read.

    pilot-load's examples have such mappings, and they are no evidence of a dialect. The key is
    empty for any other value.
    """
    names = node.entries if isinstance(node, MappingNode) else ()
    return next((name for name in names if name.lower() in STALE_KEYS), "")


def _child_evidence(place: Place, value: Node) -> Iterator[_Evidence]:
    for item in value.items if isinstance(value, SequenceNode) else (value,):
        if isinstance(item, MappingNode):
            yield from _evidence(place, item)


def _type_evidence(value: ScalarNode) -> Iterator[_Evidence]:
    for schema, other in ((CLASSIC, CURRENT), (CURRENT, CLASSIC)):
        if value.value in schema.type_names and value.value not in other.type_names:
            yield _Evidence(schema.dialect, f"`type: {value.value}`", value)
