"""The syntax tree of a template. ``str()`` of a node is its text as Go writes it in errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pyload.gotemplate.quoting import quote

if TYPE_CHECKING:
    from pyload.gotemplate.literals import Number


@dataclass(frozen=True, slots=True)
class Node:
    """Base of everything in the tree.

    Attributes:
        pos: Index into the template's text of what Go takes as the node's place.
    """

    pos: int


@dataclass(frozen=True, slots=True)
class Dot(Node):
    """``.``."""

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Nil(Node):
    """``nil``."""

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True)
class Bool(Node):
    """``true`` or ``false``."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass(frozen=True, slots=True)
class Numeral(Node):
    """A number or a character constant."""

    number: Number

    def __str__(self) -> str:
        return self.number.text


@dataclass(frozen=True, slots=True)
class String(Node):
    """A quoted or raw string; ``text`` is what it stands for."""

    quoted: str
    text: str

    def __str__(self) -> str:
        return self.quoted


@dataclass(frozen=True, slots=True)
class Identifier(Node):
    """The name of a function."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Field(Node):
    """``.a.b``."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.names)


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """``$``, ``$x`` or ``$x.a.b``; ``name`` has its dollar."""

    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """``(pipeline).a.b`` or ``function.a``."""

    node: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join((_argument(self.node), *self.names))


@dataclass(frozen=True, slots=True)
class Command(Node):
    """An operand, or a function or method with arguments."""

    words: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(map(_argument, self.words))


@dataclass(frozen=True, slots=True)
class Pipe(Node):
    """Commands, each the last argument of the next, and variables that take the result."""

    variables: tuple[Variable, ...]
    assign: bool
    commands: tuple[Command, ...]

    def __str__(self) -> str:
        commands = " | ".join(map(str, self.commands))
        if not self.variables:
            return commands
        return f"{', '.join(map(str, self.variables))} {'=' if self.assign else ':='} {commands}"


Operand: TypeAlias = (
    Dot | Nil | Bool | Numeral | String | Identifier | Field | Variable | Chain | Pipe
)


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Text between actions, trimmed."""

    text: str

    def __str__(self) -> str:
        return quote(self.text[:80])


@dataclass(frozen=True, slots=True)
class Action(Node):
    """``{{pipeline}}``."""

    pipe: Pipe

    def __str__(self) -> str:
        return f"{{{{{self.pipe}}}}}"


@dataclass(frozen=True, slots=True)
class Branch:
    """A pipeline, and what is done if it is true."""

    pipe: Pipe
    body: Body


@dataclass(frozen=True, slots=True)
class If(Node):
    """``{{if}}`` with its ``{{else if}}``."""

    branches: tuple[Branch, ...]
    otherwise: Body


@dataclass(frozen=True, slots=True)
class With(Node):
    """``{{with}}`` with its ``{{else with}}``."""

    branches: tuple[Branch, ...]
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Range(Node):
    """``{{range}}``."""

    pipe: Pipe
    body: Body
    otherwise: Body


@dataclass(frozen=True, slots=True)
class Break(Node):
    """``{{break}}``."""


@dataclass(frozen=True, slots=True)
class Continue(Node):
    """``{{continue}}``."""


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``{{template "name" pipeline}}``, or the use of a ``{{block}}``."""

    quoted: str
    name: str
    pipe: Pipe | None

    def __str__(self) -> str:
        return f"{{{{template {self.quoted}{f' {self.pipe}' if self.pipe else ''}}}}}"


Statement: TypeAlias = Text | Action | If | With | Range | Break | Continue | Call
Body: TypeAlias = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """One template: the text itself, or a definition in it.

    Attributes:
        name: Name of the template.
        source: The text that it stands in.
        body: Its statements.
    """

    name: str
    source: Source
    body: Body

    @property
    def empty(self) -> bool:
        """Whether it holds nothing but white space; such a definition does not replace another."""
        return all(isinstance(node, Text) and not node.text.strip() for node in self.body)


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one or more templates.

    Attributes:
        name: Name that errors give it.
        text: All of it.
    """

    name: str
    text: str

    def place(self, pos: int) -> tuple[int, int]:
        """Return the line, from 1, and the column, in bytes from 0, of a position."""
        start = self.text.rfind("\n", 0, pos) + 1
        column = len(self.text[start:pos].encode("utf-8", "surrogatepass"))
        return 1 + self.text.count("\n", 0, pos), column

    def action(self, pos: int) -> str:
        """Return the first line of the action around a position, at most 80 characters of it."""
        start = self.text.rfind("{{", 0, pos + 2)
        if start < 0 or 0 <= self.text.find("}}", start) < pos:
            return ""
        end = self.text.find("}}", start)
        return self.text[start : end + 2 if end >= 0 else None].split("\n", 1)[0][:80]


def last_visited(node: Node) -> Node:
    """Return the node that Go's evaluator names in errors after it has evaluated another well."""
    match node:
        case Pipe():
            return last_visited(node.commands[-1])
        case Command(words=(Identifier() | Pipe(), *_)):
            return last_visited(node.words[-1])
        case Command():
            return last_visited(node.words[0])
        case Chain():
            return last_visited(node.node)
    return node


def _argument(node: Operand) -> str:
    return f"({node})" if isinstance(node, Pipe) else str(node)
