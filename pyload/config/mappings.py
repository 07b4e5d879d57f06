"""Reading mappings: the values of known keys, and problems about all others."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from pyload.config.classic import CLASSIC
from pyload.config.current import CURRENT
from pyload.config.dialect import stale_key
from pyload.config.scalar_resolver import quote
from pyload.config.scalars import (
    describe,
    is_null,
    read_bool,
    read_count,
    read_duration,
    read_text,
    read_text_map,
)
from pyload.config.schema import PLACES, STALE_KEYS
from pyload.config.yaml import MappingNode, Node, SequenceNode
from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.dialect import DialectChoice
    from pyload.config.scalars import Findings
    from pyload.config.schema import Place, Schema
    from pyload.config.yaml import MappingEntry


@dataclass(frozen=True, slots=True)
class Block:
    """One mapping of a file, whose values are read by their keys.

    A value that is wrong is noted in `findings`, and is read like one that is absent.

    Attributes:
        findings: Receives the problems.
        choice: The dialect.
        node: The mapping.
        values: Its values by those keys that the dialect knows, in their proper spelling.
    """

    findings: Findings
    choice: DialectChoice
    node: Node
    values: Mapping[str, Node]

    def at(self, key: str) -> Node:
        """Return the place of a problem with a key: its value, or the whole mapping without it."""
        return self.values.get(key, self.node)

    def text(self, key: str) -> str:
        """Read text; empty without it."""
        return read_text(self.findings, self.values.get(key), key) or ""

    def texts(self, key: str) -> Mapping[str, str]:
        """Read a mapping of text to text."""
        return read_text_map(self.findings, self.values.get(key), key)

    def count(self, key: str) -> int | None:
        """Read a whole number; None without it."""
        return read_count(self.findings, self.values.get(key), key)

    def flag(self, key: str) -> bool | None:
        """Read a boolean; None without it."""
        return read_bool(self.findings, self.values.get(key), key)

    def duration(self, key: str, *, within: str = "") -> Duration:
        """Read a duration, which messages name within another key; 0 without it."""
        return read_duration(self.findings, self.values.get(key), within + key) or Duration(0)

    def items(self, key: str) -> tuple[Node, ...]:
        """Return the items of a list without the empty ones."""
        return read_list(self.findings, self.values.get(key), key)

    def block(self, key: str, place: Place) -> Block | None:
        """Read a mapping in this one; None without it."""
        node = self.values.get(key)
        return None if node is None or is_null(node) else self.inside(place, node)

    def blocks(self, key: str, place: Place) -> tuple[Block, ...]:
        """Read a list of mappings."""
        return tuple(self.inside(place, item) for item in self.items(key))

    def inside(self, place: Place, node: Node) -> Block:
        """Read a mapping that stands somewhere in this one."""
        return read_block(self.findings, self.choice, place, node)


def read_block(findings: Findings, choice: DialectChoice, place: Place, node: Node) -> Block:
    """Read a mapping with the keys that the dialect knows.

    Keys may be in any case. Unknown keys and those of the other dialect are noted in `findings`.
    """
    values: dict[str, Node] = {}
    block = Block(findings, choice, node, values)
    if not isinstance(node, MappingNode):
        findings.problem(
            node, f"keys and values are expected {PLACES[place]}, not {describe(node)}"
        )
        return block
    known = _known(choice.schema.keys[place])
    lines: dict[str, int] = {}
    for name, entry in node.entries.items():
        key = known.get(name.lower())
        if key is None:
            if not (place == "root" and name.lower() == "dialect"):
                _unknown(findings, choice, place, name, entry)
        elif key in values:
            what = f"{quote(name)} is `{key}` again, given at line {lines[key]}"
            findings.problem(entry.key, what, "remove one of them")
        else:
            values[key] = entry.value
            lines[key] = entry.key.line
    return block


@cache
def _known(keys: tuple[str, ...]) -> Mapping[str, str]:
    return {key.lower(): key for key in keys}


def read_list(findings: Findings, node: Node | None, key: str) -> tuple[Node, ...]:
    """Return the items of a list without the empty ones."""
    if node is None or is_null(node):
        return ()
    if not isinstance(node, SequenceNode):
        findings.problem(
            node, f"`{key}` takes a list, not {describe(node)}", "start each item with `-`"
        )
        return ()
    return tuple(item for item in node.items if not is_null(item))


def _unknown(
    findings: Findings, choice: DialectChoice, place: Place, name: str, entry: MappingEntry
) -> None:
    if name.lower() in STALE_KEYS:
        what = f"{quote(name)} means nothing {PLACES[place]}, in any version of pilot-load"
        findings.warn(entry.key, what, "remove it")
        return
    other = CURRENT if choice.schema is CLASSIC else CLASSIC
    foreign = next((key for key in other.keys[place] if key.lower() == name.lower()), None)
    if foreign is not None:
        stale = stale_key(entry.value)
        if stale:
            what = f"`{foreign}` with {quote(stale)} means nothing {PLACES[place]}"
            findings.warn(entry.key, f"{what} of the {choice.schema.dialect} dialect", "remove it")
        elif not choice.mixed:
            _note(findings, entry, *_foreign(choice, other, place, foreign))
        return
    what = f"unknown key {quote(name)} {PLACES[place]}"
    if entry.key.value is True or entry.key.value is False:
        what += f" ({quote(entry.key.written)} is YAML for `{name}`)"
    _note(findings, entry, what, _suggestion(choice.schema, place, name.lower()))


def _note(findings: Findings, entry: MappingEntry, what: str, fix: str) -> None:
    if findings.lenient:
        findings.warn(entry.key, f"{what}, and is ignored")
    else:
        findings.problem(entry.key, what, fix)


def _foreign(choice: DialectChoice, other: Schema, place: Place, key: str) -> tuple[str, str]:
    what = (
        f"key `{key}` {PLACES[place]} belongs to the {other.dialect} dialect, and this is the "
        f"{choice.reason}"
    )
    new = choice.schema.renamed.get(key)
    return what, f"write `{new}`" if new else f"remove it, or write `dialect: {other.dialect}`"


@cache
def _matches(name: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(get_close_matches(name, [key.lower() for key in keys], n=1))


def _suggestion(schema: Schema, place: Place, name: str) -> str:
    for dialect in (schema, CLASSIC, CURRENT):
        for elsewhere, keys in dialect.keys.items():
            for key in keys:
                if key.lower() == name:
                    return f"`{key}` belongs {PLACES[elsewhere]}"
    keys = schema.keys[place]
    if not keys:
        return "leave it empty: `{}`"
    close = _matches(name, keys)
    if close:
        return f"did you mean `{next(key for key in keys if key.lower() == close[0])}`?"
    return "use one of " + ", ".join(f"`{key}`" for key in keys)
