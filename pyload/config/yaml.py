"""YAML text to a tree of nodes that know their positions in the file.

PyYAML's parser (libyaml's where there is one) turns the text into events, and `_Composer` builds
the nodes from these with a stack instead of recursion, so that no file exhausts Python's stack.

An alias shares the node that it names, so memory does not grow with the number of aliases. A reader
that walks the tree visits a shared node once for each alias, however, and therefore the total
number of values that aliases repeat is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NoReturn

import yaml

from pyload.config.scalar_resolver import ScalarValue, as_text, quote, resolve
from pyload.config.yaml_messages import syntax_problem
from pyload.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH: Final = 100
_MAX_REPEATED: Final = 100_000
_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


@dataclass(frozen=True, slots=True, eq=False)
class ScalarNode:
    """One value: text, a number, a boolean or null.

    Attributes:
        value: Its value by YAML's rules.
        written: Its text in the file, without quotes.
        plain: Whether it has no quotes in the file.
        line: Counted from 1.
        column: Counted from 1.
        size: Number of values that a reader of this node visits, itself included.
    """

    value: ScalarValue
    written: str
    plain: bool
    line: int
    column: int
    size: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class SequenceNode:
    """A list of values; positions as in `ScalarNode`."""

    items: tuple[Node, ...]
    line: int
    column: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class MappingEntry:
    """One key of a mapping and its value."""

    key: ScalarNode
    value: Node


@dataclass(frozen=True, slots=True, eq=False)
class MappingNode:
    """A mapping; keys as Go reads them, so that ``5: x`` has the key ``"5"``."""

    entries: Mapping[str, MappingEntry]
    line: int
    column: int
    size: int


Node = ScalarNode | SequenceNode | MappingNode


@dataclass(frozen=True, slots=True)
class Document:
    """A YAML file.

    Attributes:
        root: Its value; None for an empty file.
        problems: Problems beyond syntax, such as a key given twice.
    """

    root: Node | None
    problems: tuple[Problem, ...]


def compose(data: bytes, *, source: str) -> Document:
    """Compose the nodes of a YAML file, which may have one document.

    Raises:
        ConfigError: The bytes are not YAML, or cannot be read safely.
    """
    text = decode(data, source=source)
    composer = _Composer(source)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            composer.handle(event)
    except yaml.YAMLError as error:
        raise ConfigError((syntax_problem(error, text, source),)) from error
    return Document(composer.root, tuple(composer.problems))


def decode(data: bytes, *, source: str) -> str:
    """Decode the bytes of a file: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        ConfigError: The bytes are in another encoding, or hold control characters.
    """
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode(encoding, errors="replace")
        what = f"this is not UTF-8 text (byte 0x{data[error.start]:02x})"
        raise ConfigError((_unreadable(source, before, what),)) from error
    bad = _UNPRINTABLE.search(text)
    if bad is not None:
        what = f"control character U+{ord(bad[0]):04X} in the text"
        raise ConfigError((_unreadable(source, text[: bad.start()], what),))
    return text


def _unreadable(source: str, before: str, what: str) -> Problem:
    line = before.count("\n") + 1
    column = len(before) - before.rfind("\n")
    return Problem(source, line, column, what, "give a YAML file in UTF-8")


@dataclass(slots=True)
class _Open:
    """A sequence or mapping whose end has not been read."""

    line: int
    column: int
    anchor: str | None
    items: list[Node] | None = None
    entries: dict[str, MappingEntry] = field(default_factory=dict)
    key: Node | None = None
    merged: list[MappingNode] = field(default_factory=list)
    size: int = 1


class _Composer:
    """Builds nodes from parser events, without recursion."""

    def __init__(self, source: str) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._source = source
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._repeated = 0

    def handle(self, event: yaml.Event) -> None:
        """Handle the next event of the parser."""
        mark = event.start_mark
        line, column = (0, 0) if mark is None else (mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event, line, column), event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._stack) >= _MAX_DEPTH:
                self._stop(line, column, f"more than {_MAX_DEPTH} levels are nested here")
            if event.anchor is not None:
                self._anchors[event.anchor] = None
            is_list = isinstance(event, yaml.SequenceStartEvent)
            self._stack.append(_Open(line, column, event.anchor, [] if is_list else None))
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event.anchor or "", line, column), None)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._anchors.clear()

    def _scalar(self, event: yaml.ScalarEvent, line: int, column: int) -> ScalarNode:
        plain = event.style is None or event.style == ""
        try:
            value = resolve(event.value, event.tag, plain=plain)
        except ValueError as error:
            self._report(line, column, str(error))
            value = None
        return ScalarNode(value, event.value, plain, line, column)

    def _alias(self, name: str, line: int, column: int) -> Node:
        if name not in self._anchors:
            self._stop(line, column, f"`*{name}` refers to an anchor that is not defined above")
        node = self._anchors[name]
        if node is None:
            self._stop(line, column, f"`*{name}` stands inside the value that it refers to")
        self._repeated += node.size
        if self._repeated > _MAX_REPEATED:
            self._stop(line, column, f"aliases repeat more than {_MAX_REPEATED:,} values")
        return node

    def _close(self) -> None:
        top = self._stack.pop()
        node: Node
        if top.items is not None:
            node = SequenceNode(tuple(top.items), top.line, top.column, top.size)
        else:
            for block in top.merged:
                for name, entry in block.entries.items():
                    top.entries.setdefault(name, entry)
            node = MappingNode(top.entries, top.line, top.column, top.size)
        self._add(node, top.anchor)

    def _add(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._stack:
            self._add_root(node)
            return
        top = self._stack[-1]
        top.size += node.size
        if top.items is not None:
            top.items.append(node)
        elif top.key is None:
            top.key = node
        else:
            self._add_entry(top, top.key, node)
            top.key = None

    def _add_root(self, node: Node) -> None:
        if isinstance(node, ScalarNode) and node.value is None:
            return
        if self.root is not None:
            self._stop(node.line, node.column, "a second YAML document starts here", "keep one")
        self.root = node

    def _add_entry(self, top: _Open, key: Node, value: Node) -> None:
        if not isinstance(key, ScalarNode):
            fix = "put `{{ }}` in quotes" if key.line == value.line else ""
            self._report(key.line, key.column, "a key must be text, not a list or mapping", fix)
        elif key.plain and key.written == "<<":
            self._merge(top, value)
        elif key.value is None:
            self._report(key.line, key.column, "a key cannot be empty")
        else:
            name = as_text(key.value)
            first = top.entries.get(name)
            if first is not None:
                what = f"key {quote(name)} is given twice, first at line {first.key.line}"
                self._report(key.line, key.column, what, "remove one of them")
            top.entries[name] = MappingEntry(key, value)

    def _merge(self, top: _Open, value: Node) -> None:
        blocks = value.items if isinstance(value, SequenceNode) else (value,)
        for block in blocks:
            if isinstance(block, MappingNode):
                top.merged.append(block)
            else:
                self._report(value.line, value.column, "`<<` takes a mapping or a list of them")

    def _report(self, line: int, column: int, what: str, fix: str = "") -> None:
        self.problems.append(Problem(self._source, line, column, what, fix))

    def _stop(self, line: int, column: int, what: str, fix: str = "") -> NoReturn:
        raise ConfigError((Problem(self._source, line, column, what, fix),))
