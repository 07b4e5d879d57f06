"""Compiles a pattern to steps of a nondeterministic machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Final

from pyload.gotemplate.sprig.re2.nodes import (
    At,
    Choice,
    Empty,
    Group,
    Node,
    One,
    Place,
    Repeat,
    Sequence,
)
from pyload.gotemplate.sprig.re2.syntax import PatternError, parse

if TYPE_CHECKING:
    from pyload.gotemplate.sprig.re2.charset import Charset

_MAX_STEPS: Final = 50_000


class Op(IntEnum):
    """What a step does."""

    ONE = 0
    SPLIT = 1
    SAVE = 2
    AT = 3
    MATCH = 4


@dataclass(slots=True)
class Step:
    """One step.

    Attributes:
        op: What it does.
        to: Where it goes on; where a split goes first.
        other: Where a split goes second.
        chars: What ``ONE`` consumes.
        slot: Where ``SAVE`` keeps the position.
        place: What ``AT`` asks.
    """

    op: Op
    to: int = -1
    other: int = -1
    chars: Charset | None = None
    slot: int = 0
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A pattern, ready to run.

    Attributes:
        steps: The steps; a match begins at `start`.
        start: Index of the first step.
        names: Name of each capturing group, the whole match first; empty where it has none.
    """

    steps: tuple[Step, ...]
    start: int
    names: tuple[str, ...]


def compile_pattern(text: str) -> Program:
    """Read and compile a pattern.

    Raises:
        PatternError: It is not a pattern of RE2, or too large.
    """
    pattern = parse(text)
    if _size(pattern.root) > _MAX_STEPS:
        raise PatternError("expression too large", text)
    steps = [Step(Op.MATCH)]
    start = _Compiler(steps).add(Group(pattern.root, 0, 1), 0)
    return Program(tuple(steps), start, ("", *pattern.names))


def _size(node: Node) -> int:
    """About how many steps the node becomes."""
    if isinstance(node, Repeat):
        return 2 + _size(node.part) * max(1, node.least, node.most or 0)
    if isinstance(node, Group):
        return 2 + _size(node.part)
    return 1 + sum(map(_size, getattr(node, "parts", ())))


def _may_be_empty(node: Node) -> bool:
    if isinstance(node, One):
        return False
    if isinstance(node, Empty | At):
        return True
    if isinstance(node, Repeat):
        return node.least == 0 or _may_be_empty(node.part)
    if isinstance(node, Group):
        return _may_be_empty(node.part)
    if isinstance(node, Choice):
        return any(map(_may_be_empty, node.parts))
    return all(map(_may_be_empty, node.parts))


class _Compiler:
    """Adds nodes from the end of the pattern to its start: each knows what comes after it."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps

    def add(self, node: Node, after: int) -> int:
        """Add the steps of a node that goes on with ``after``; returns its first step."""
        match node:
            case Empty():
                entry = after
            case One():
                entry = self._step(Step(Op.ONE, after, chars=node.chars))
            case At():
                entry = self._step(Step(Op.AT, after, place=node.place))
            case Group():
                end = self._step(Step(Op.SAVE, after, slot=2 * node.number + 1))
                entry = self._step(Step(Op.SAVE, self.add(node.part, end), slot=2 * node.number))
            case Repeat():
                entry = self._repeat(node, after)
            case Choice():
                entry = self._choice(node, after)
            case Sequence():
                entry = after
                for part in reversed(node.parts):
                    entry = self.add(part, entry)
        return entry

    def _choice(self, node: Choice, after: int) -> int:
        entry = self.add(node.parts[-1], after)
        for part in reversed(node.parts[:-1]):
            entry = self._step(Step(Op.SPLIT, self.add(part, after), entry))
        return entry

    def _step(self, step: Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def _split(self, first: int, second: int, *, greedy: bool) -> int:
        targets = (first, second) if greedy else (second, first)
        return self._step(Step(Op.SPLIT, *targets))

    def _repeat(self, node: Repeat, after: int) -> int:
        least, greedy = node.least, node.greedy
        if node.most is None:
            # What may match nothing is repeated at least once or skipped, to keep Go's priorities.
            once = least > 0 or _may_be_empty(node.part)
            entry = self._loop(node.part, after, greedy=greedy, once=once)
            if least == 0 and once:
                entry = self._split(entry, after, greedy=greedy)
            least = max(0, least - 1)
        else:
            entry = after
            for _ in range(node.most - least):
                entry = self._split(self.add(node.part, entry), after, greedy=greedy)
        for _ in range(least):
            entry = self.add(node.part, entry)
        return entry

    def _loop(self, part: Node, after: int, *, greedy: bool, once: bool) -> int:
        loop = self._split(-1, after, greedy=greedy)
        body = self.add(part, loop)
        step = self.steps[loop]
        if greedy:
            step.to = body
        else:
            step.other = body
        return body if once else loop
