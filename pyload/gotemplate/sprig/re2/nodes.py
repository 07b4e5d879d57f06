"""What a pattern consists of, once it is read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.gotemplate.sprig.re2.charset import Charset


class Place(Enum):
    """A condition on a position in the text that consumes nothing."""

    TEXT_START = "\\A"
    TEXT_END = "\\z"
    LINE_START = "(?m:^)"
    LINE_END = "(?m:$)"
    BOUNDARY = "\\b"
    NO_BOUNDARY = "\\B"


@dataclass(frozen=True, slots=True)
class Empty:
    """Matches everywhere and consumes nothing."""

    height: int = 1


@dataclass(frozen=True, slots=True)
class One:
    """Consumes one character of a set."""

    chars: Charset
    height: int = 1


@dataclass(frozen=True, slots=True)
class At:
    """Holds at some positions."""

    place: Place
    height: int = 1


@dataclass(frozen=True, slots=True)
class Repeat:
    """Matches its part between ``least`` and ``most`` times; None is without end."""

    part: Node
    least: int
    most: int | None
    greedy: bool
    height: int


@dataclass(frozen=True, slots=True)
class Group:
    """Captures what its part matches."""

    part: Node
    number: int
    height: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Matches its parts one after the other."""

    parts: tuple[Node, ...]
    height: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Matches the first of its parts that lets the whole match."""

    parts: tuple[Node, ...]
    height: int


Node = Empty | One | At | Repeat | Group | Sequence | Choice


def sequence(parts: list[Node]) -> Node:
    """One node for parts in a row."""
    if len(parts) == 1:
        return parts[0]
    if not parts:
        return Empty()
    return Sequence(tuple(parts), 1 + max(part.height for part in parts))


def choice(parts: list[Node]) -> Node:
    """One node for alternatives."""
    if len(parts) == 1:
        return parts[0]
    return Choice(tuple(parts), 1 + max(part.height for part in parts))


def repeats_at_most(node: Node, limit: int) -> bool:
    """Whether nested counts multiply to no more than the limit."""
    if isinstance(node, Repeat):
        count = node.most if node.most is not None else node.least
        if node.most == 0:
            return True
        if count > limit:
            return False
        return repeats_at_most(node.part, limit // count if count else limit)
    if isinstance(node, Group):
        return repeats_at_most(node.part, limit)
    parts = getattr(node, "parts", ())
    return all(repeats_at_most(part, limit) for part in parts)
