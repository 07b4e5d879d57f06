"""Compilation of a template's statements into closures.

Every statement becomes a `Step`, a function of the frame and the dot, which writes to the run's
output and returns a signal if it leaves the body of a range. All that depends on the text alone is
done once, here: names of functions and variables are resolved, constants converted, and places of
errors kept in the closures. A frame is a flat list with the run, ``$`` and a slot per variable, so
that a rendering of thousands of objects looks up no names.

Each statement has a weight: one, and the weights of those inside it. Loops and calls of templates
charge the weight of a body before it runs, so that the limit on steps costs a subtraction per turn
and not one per statement.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from pyload.gotemplate.expressions import Expressions
from pyload.gotemplate.fmt import show, text_of
from pyload.gotemplate.functions import Failure
from pyload.gotemplate.limits import MAX_CALLS, MAX_TEXT
from pyload.gotemplate.nodes import (
    Action,
    Body,
    Branch,
    Break,
    Call,
    If,
    Range,
    Statement,
    Text,
    Tree,
    With,
    last_visited,
)
from pyload.gotemplate.printer import sorted_items
from pyload.gotemplate.quoting import quote
from pyload.gotemplate.run import (
    BREAK,
    CONTINUE,
    TOO_MANY_STEPS,
    TOO_MUCH_TEXT,
    UNSET,
    Eval,
    Frame,
    Run,
    Signal,
    Site,
    Step,
)
from pyload.gotemplate.values import MISSING, Missing

if TYPE_CHECKING:
    from pyload.gotemplate.functions import Function
    from pyload.gotemplate.template import Template

_Compiled: TypeAlias = "tuple[Step, int]"
"""A statement, and its weight: one, and the weights of those inside."""

_DEEP: Final = f"exceeded maximum template depth ({MAX_CALLS})"


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled template.

    Attributes:
        steps: Its statements.
        unset: What its frame begins with after ``$``.
        weight: How many statements it has, with those inside others.
    """

    steps: tuple[Step, ...]
    unset: tuple[Signal, ...]
    weight: int

    def execute(self, run: Run, value: Any) -> None:
        """Run it with a value as ``$`` and as dot.

        Raises:
            TemplateError: A statement fails.
        """
        frame: Frame = [run, value, *self.unset]
        for step in self.steps:
            step(frame, value)


@dataclass(slots=True)
class Programs:
    """The templates that a template may call by name; complete only when it runs.

    Attributes:
        others: Templates of other texts.
        own: Templates of the same text, which take precedence.
    """

    others: Mapping[str, Template]
    own: dict[str, Program] = field(default_factory=dict)

    def find(self, name: str) -> Program | None:
        """Return the program of a template, or None if there is no template of that name."""
        program = self.own.get(name)
        if program is None and name in self.others:
            return self.others[name].program
        return program

    def hint(self, name: str) -> str:
        """Return a hint at the names that exist, for an unknown one."""
        names = sorted({*self.own, *self.others})
        close = difflib.get_close_matches(name, names, 1)
        known = f"templates are {', '.join(map(quote, names))}"
        return f"did you mean {quote(close[0])}? {known}" if close else known


def compile_tree(tree: Tree, functions: Mapping[str, Function], programs: Programs) -> Program:
    """Compile a template.

    Args:
        tree: The template.
        functions: The functions that it may call, by name.
        programs: The templates that it may call.
    """
    compiler = _Compiler(tree, functions, programs)
    steps, weight = compiler.body(tree.body)
    return Program(steps, (UNSET,) * (compiler.expressions.size - 2), weight)


class _Compiler:
    def __init__(self, tree: Tree, functions: Mapping[str, Function], programs: Programs) -> None:
        self.expressions = Expressions(tree, functions)
        self._programs = programs

    def body(self, body: Body) -> tuple[tuple[Step, ...], int]:
        """Compile statements; return them with the sum of their weights."""
        compiled = [self._statement(node) for node in body]
        return tuple(step for step, _ in compiled), sum(weight for _, weight in compiled)

    def _statement(self, node: Statement) -> _Compiled:  # noqa: PLR0911 - one for each kind
        match node:
            case Text():
                return self._text(node), 1
            case Action():
                return self._action(node), 1
            case If():
                return self._conditional(node)
            case With():
                return self._conditional(node)
            case Range():
                return self._range(node)
            case Call():
                return self._call(node), 1
            case Break():
                return (lambda _, __: BREAK), 1
        return (lambda _, __: CONTINUE), 1

    def _text(self, node: Text) -> Step:
        text, length = node.text, len(node.text)
        site = self.expressions.site(node)

        def write(frame: Frame, _: Any) -> None:
            run: Run = frame[0]
            run.made += length
            if run.made > MAX_TEXT:
                raise site.error(TOO_MUCH_TEXT)
            run.write(text)

        return write

    def _action(self, node: Action) -> Step:
        evaluate = self.expressions.pipe(node.pipe)
        site = self.expressions.site(node)
        if node.pipe.variables:

            def declare(frame: Frame, dot: Any) -> None:
                evaluate(frame, dot)

            return declare

        def write(frame: Frame, dot: Any) -> None:
            value = evaluate(frame, dot)
            text = value if type(value) is str else _shown(value, site)
            run: Run = frame[0]
            run.made += len(text)
            if run.made > MAX_TEXT:
                raise site.error(TOO_MUCH_TEXT)
            run.write(text)

        return write

    def _conditional(self, node: If | With) -> _Compiled:
        mark = self.expressions.mark()
        rebinds = isinstance(node, With)
        compiled = [self._branch(branch, rebinds=rebinds) for branch in node.branches]
        otherwise, weight = self.body(node.otherwise)
        self.expressions.forget(mark)
        branches = [(condition, steps) for condition, steps, _ in compiled]
        weight += 1 + sum(inside for _, _, inside in compiled)

        def run(frame: Frame, dot: Any) -> Signal | None:
            chosen, inner = otherwise, dot
            for condition, steps in branches:
                value = condition(frame, dot)
                if value:
                    chosen, inner = steps, value if rebinds else dot
                    break
            for step in chosen:
                signal = step(frame, inner)
                if signal is not None:
                    return signal
            return None

        return run, weight

    def _branch(self, branch: Branch, *, rebinds: bool) -> tuple[Eval, tuple[Step, ...], int]:
        expressions = self.expressions
        condition = expressions.pipe(branch.pipe)
        hidden = expressions.hidden_dot
        expressions.hidden_dot = hidden and not rebinds
        steps, weight = self.body(branch.body)
        expressions.hidden_dot = hidden
        return condition, steps, weight

    def _range(self, node: Range) -> _Compiled:
        expressions = self.expressions
        mark = expressions.mark()
        evaluate = expressions.pipe(node.pipe)
        slots = expressions.slots(node.pipe)
        hidden, expressions.hidden_dot = expressions.hidden_dot, True
        # What the body declares is gone in the else branch, which sees the range's own variables.
        inside = expressions.mark()
        steps, weight = self.body(node.body)
        expressions.forget(inside)
        expressions.hidden_dot = hidden
        otherwise, more = self.body(node.otherwise)
        expressions.forget(mark)
        loop = _Loop(
            evaluate=evaluate,
            slots=tuple(slots or ()),
            steps=steps,
            otherwise=otherwise,
            weight=weight + 1,
            breaks=_breaks(node.body),
            site=expressions.site(last_visited(node.pipe)),
        )
        return loop.run, weight + more + 1

    def _call(self, node: Call) -> Step:
        site = self.expressions.site(node)
        programs, name = self._programs, node.name
        evaluate = None if node.pipe is None else self.expressions.value(node.pipe)

        def call(frame: Frame, dot: Any) -> None:
            program = programs.find(name)
            if program is None:
                what = f"template {quote(name)} not defined"
                raise site.error(what, fix=programs.hint(name))
            run: Run = frame[0]
            if run.depth == MAX_CALLS:
                raise site.error(_DEEP)
            value = MISSING if evaluate is None else evaluate(frame, dot)
            run.steps -= program.weight
            if run.steps < 0:
                raise site.error(TOO_MANY_STEPS)
            run.depth += 1
            inner: Frame = [run, value, *program.unset]
            for step in program.steps:
                step(inner, value)
            run.depth -= 1

        return call


@dataclass(frozen=True, slots=True)
class _Loop:
    """A compiled range.

    Attributes:
        evaluate: What to range over.
        slots: Of its variables: none, that of the item, or those of index and item.
        steps: The body.
        otherwise: What to do if there is no item.
        weight: What an iteration counts.
        breaks: Whether the body may leave the loop.
        site: The place for errors.
    """

    evaluate: Eval
    slots: tuple[int, ...]
    steps: tuple[Step, ...]
    otherwise: tuple[Step, ...]
    weight: int
    breaks: bool
    site: Site

    def run(self, frame: Frame, dot: Any) -> Signal | None:
        value = self.evaluate(frame, dot)
        count, pairs = self._items(value)
        if count <= 0:
            for step in self.otherwise:
                signal = step(frame, dot)
                if signal is not None:
                    # Go's break ends the range that it is written in, even in its else.
                    return None if signal is BREAK else signal
            return None
        if self.breaks:
            self._iterate(frame, pairs, self.weight)
        else:
            # A loop that is known to be too long is refused before it begins.
            self._charge(frame[0], self.weight * count)
            self._iterate(frame, pairs, 0)
        return None

    def _charge(self, run: Run, steps: int) -> None:
        run.steps -= steps
        if run.steps < 0:
            raise self.site.error(TOO_MANY_STEPS)

    def _iterate(self, frame: Frame, pairs: Iterable[tuple[Any, Any]], weight: int) -> None:
        slots, steps, run = self.slots, self.steps, frame[0]
        for index, item in pairs:
            if weight:
                self._charge(run, weight)
            if slots:
                # The index first: with one name for both, Go keeps the item.
                if len(slots) == 2:
                    frame[slots[0]] = index
                frame[slots[-1]] = item
            for step in steps:
                signal = step(frame, item)
                if signal is BREAK:
                    return
                if signal is not None:
                    break

    def _items(self, value: Any) -> tuple[int, Iterable[tuple[Any, Any]]]:
        """Return the number of items, and the items with their indexes or keys."""
        match value:
            case list() | tuple():
                return len(value), enumerate(value)
            case bytes():
                return len(value), enumerate(value)
            case Mapping():
                return len(value), sorted_items(value)
            case bool():
                pass
            case int():
                if len(self.slots) > 1:
                    what = f"can't use {value} to iterate over more than one variable"
                    raise self.site.error(what)
                kind = type(value)
                return value, ((None, kind(item)) for item in range(value))
            case None | Missing():
                return 0, ()
        raise self.site.error(f"range can't iterate over {text_of(value)}")


def _breaks(body: Body) -> bool:
    """Return whether a break leaves the range that a body is of."""
    return any(
        isinstance(node, Break)
        or (
            isinstance(node, (If, With))
            and (_breaks(node.otherwise) or any(_breaks(branch.body) for branch in node.branches))
        )
        for node in body
    )


def _shown(value: Any, site: Site) -> str:
    try:
        return show(value)
    except Failure as failure:
        raise site.error(str(failure)) from failure
