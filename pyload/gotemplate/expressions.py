"""Compilation of pipelines into closures that return their value for a frame and the dot.

Compilation goes through the text in order and keeps the variables in scope, as Go's parser does:
each declaration gets a slot of the frame, and leaving a block drops its names. Where the text alone
shows an error that Go reports only when it evaluates the expression, the closure raises the error,
so that a branch that is never taken fails in neither.

Go knows the static type of some values only as ``interface {}``, such as items of a range, and
words its errors differently for them. `hidden` marks these values. Missing map keys are MISSING
and nil is None; a function receives None for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from pyload.errors import TemplateError
from pyload.gotemplate.arguments import (
    constant,
    convert,
    converted,
    kind_at,
    nullable,
    number_value,
    takes,
    wrong_count,
)
from pyload.gotemplate.calls import calling, piping
from pyload.gotemplate.fields import invoke, method_of, of_dot, of_variable, resolve
from pyload.gotemplate.natives import LAZY
from pyload.gotemplate.nodes import (
    Bool,
    Chain,
    Command,
    Dot,
    Field,
    Identifier,
    Nil,
    Node,
    Numeral,
    Operand,
    Pipe,
    String,
    Tree,
    Variable,
    last_visited,
)
from pyload.gotemplate.run import UNSET, Eval, Frame, Site
from pyload.gotemplate.values import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pyload.gotemplate.functions import Function, ParamKind


@dataclass(slots=True)
class _Known:
    """A variable in scope.

    Attributes:
        name: With its dollar.
        slot: Its place in the frame.
        hidden: Whether Go sees only an ``interface {}`` in it.
        sure: Whether it is set wherever it is in scope.
    """

    name: str
    slot: int
    hidden: bool
    sure: bool


class Expressions:
    """Compiles the pipelines of one template, in the order of its text.

    Attributes:
        size: Length of the frame that the template needs, so far.
        hidden_dot: Whether Go sees only an ``interface {}`` in the dot.
    """

    def __init__(self, tree: Tree, functions: Mapping[str, Function]) -> None:
        self._tree = tree
        self._functions = functions
        self._scope = [_Known("$", 1, hidden=False, sure=True)]
        self._parens = 0
        self.size = 2
        self.hidden_dot = False

    def site(self, node: Node) -> Site:
        """Return the place of a node, for errors."""
        return Site(self._tree.source, self._tree.name, node)

    def mark(self) -> int:
        """Return the number of variables in scope."""
        return len(self._scope)

    def forget(self, mark: int) -> None:
        """Remove the variables declared since a `mark` from the scope."""
        del self._scope[mark:]

    def slots(self, pipe: Pipe) -> list[int] | None:
        """Return the slots of a compiled pipeline's variables, or None if one is not declared.

        From here on the variables hold items of a range.
        """
        found = [self._find(variable.name) for variable in pipe.variables]
        for known in found:
            if known is not None:
                known.hidden = True
        slots = [known.slot for known in found if known is not None]
        return slots if len(slots) == len(found) else None

    def _find(self, name: str) -> _Known | None:
        return next((known for known in reversed(self._scope) if known.name == name), None)

    # Pipelines.

    def pipe(self, pipe: Pipe) -> Eval:
        """Compile a pipeline; nil may come out of it as None or as MISSING."""
        evaluate: Eval | None = None
        before: Node = pipe
        for command in pipe.commands:
            evaluate = self._command(command, evaluate, before)
            before = last_visited(command)
        assert evaluate is not None, "the parser refuses empty pipelines"
        for variable in pipe.variables:
            evaluate = self._store(variable, evaluate, pipe)
        return evaluate

    def value(self, pipe: Pipe) -> Eval:
        """Compile a pipeline; nil comes out of it as MISSING."""
        return _valid(self.pipe(pipe))

    def _store(self, variable: Variable, evaluate: Eval, pipe: Pipe) -> Eval:
        if pipe.assign:
            known = self._find(variable.name)
            if known is None:
                site = self.site(last_visited(pipe))
                return _failing(site, f"undefined variable: {variable.name}", evaluate)
            known.hidden = False
        else:
            known = _Known(variable.name, self.size, hidden=False, sure=not self._parens)
            self._scope.append(known)
            self.size += 1
        slot = known.slot

        def store(frame: Frame, dot: Any) -> Any:
            value = evaluate(frame, dot)
            frame[slot] = value = MISSING if value is None else value
            return value

        return store

    # Commands.

    def _command(self, command: Command, final: Eval | None, before: Node) -> Eval:
        """Compile a command; ``before`` is what Go visited last, for errors."""
        first, *arguments = command.words
        match first:
            case Identifier():
                return self._function(first, command, arguments, final)
            case Field() | Chain() | Variable(names=(_, *_)) if arguments or final is not None:
                return self._method(first, arguments, final)
            case Field() | Chain():
                return self._operand(first, MISSING)
        if arguments or final is not None:
            site = self.site(before if isinstance(first, Pipe) else first)
            return _failing(site, f"can't give argument to non-function {first}", final)
        if isinstance(first, Nil):
            return _failing(self.site(first), "nil is not a command")
        return self._operand(first, MISSING)

    def _operand(self, node: Operand, absent: Any) -> Eval:  # noqa: PLR0911 - one for each kind
        """Compile what stands for a value by itself.

        Args:
            node: The operand.
            absent: The value for a key that is not there, MISSING or None.
        """
        value: Any = None
        match node:
            case Pipe():
                return self._parenthesized(node)
            case Dot():
                return lambda _, dot: dot
            case Field():
                slow = self._follow(node)
                return of_dot(node.names, absent, _absent(slow, absent))
            case Variable():
                return self._variable(node, absent)
            case Chain():
                return self._follow(node)
            case Identifier():
                return self._function(node, node, [], None)
            case Bool():
                value = node.value
            case String():
                value = node.text
            case Numeral():
                return self._number(node)
        return lambda _, __: value

    def _number(self, node: Numeral) -> Eval:
        site = self.site(node)
        if node.number.constant is None:
            return lambda _, __: number_value(node, site)
        value = node.number.constant
        return lambda _, __: value

    def _parenthesized(self, pipe: Pipe) -> Eval:
        self._parens += 1
        evaluate = self.value(pipe)
        self._parens -= 1
        return evaluate

    def _variable(self, node: Variable, absent: Any) -> Eval:
        read = self._read(node)
        if not node.names:
            return read
        slow = _absent(self._follow(node), absent)
        known = self._find(node.name)
        if len(node.names) == 1 and known is not None and known.sure:
            return of_variable(known.slot, node.names[0], absent, slow)
        return slow

    def _read(self, node: Variable) -> Eval:
        """Compile the variable itself, without the names that follow it."""
        known = self._find(node.name)
        if known is None:
            return _failing(self.site(node), f"undefined variable: {node.name}")
        if not known.sure:
            return self._unsure(node, known.slot)
        slot = known.slot
        return lambda frame, _: frame[slot]

    def _unsure(self, node: Variable, slot: int) -> Eval:
        site = self.site(node)

        def read(frame: Frame, _: Any) -> Any:
            value = frame[slot]
            if value is UNSET:
                raise site.error(f"undefined variable: {node.name}")
            return value

        return read

    def _receiver(self, node: Field | Variable | Chain) -> tuple[Eval | None, bool, Site]:
        """Return the start of a chain (None: the dot), whether it is hidden, and its place."""
        if isinstance(node, Field):
            return None, self.hidden_dot, self.site(node)
        if isinstance(node, Variable):
            known = self._find(node.name)
            hidden = known is not None and known.hidden
            return self._read(node), hidden, self.site(node)
        return self._operand(node.node, MISSING), False, self.site(last_visited(node.node))

    def _follow(self, node: Field | Variable | Chain) -> Eval:
        """Compile a chain of names on whatever it starts from."""
        receiver, hidden, site = self._receiver(node)
        names, place = node.names, self.site(node)

        def follow(frame: Frame, dot: Any) -> Any:
            value = dot if receiver is None else receiver(frame, dot)
            return resolve(value, names, site, place, hidden=hidden)

        return follow

    def _method(
        self, node: Field | Variable | Chain, arguments: Sequence[Operand], final: Eval | None
    ) -> Eval:
        receiver, hidden, site = self._receiver(node)
        place = self.site(node)
        *names, last = node.names
        values = [self._untyped(argument) for argument in arguments]
        total = len(values) + (final is not None)

        def call(frame: Frame, dot: Any) -> Any:
            piped = MISSING if final is None else final(frame, dot)
            value = dot if receiver is None else receiver(frame, dot)
            value = resolve(value, names, site, place, hidden=hidden)
            method = method_of(value, last, total, site, place, hidden=hidden)
            if method is None:
                return MISSING
            given = [
                argument(frame, dot, kind_at(method, index))
                for index, argument in enumerate(values)
            ]
            if final is not None:
                given.append(convert(piped, kind_at(method, len(values)), place))
            return invoke(value, method, given, place)

        return call

    # Functions.

    def _function(
        self,
        node: Identifier,
        shown: Node,
        arguments: Sequence[Operand],
        final: Eval | None,
    ) -> Eval:
        name, piped = node.name, final is not None
        if name in LAZY:
            return self._lazy(node, arguments, final)
        target = self._functions[name]
        total = len(arguments) + piped
        if not takes(target, total):
            what = wrong_count(name, target, len(arguments), piped=piped)
            return _failing(self.site(node), what, final)
        values = [
            self.argument(argument, kind_at(target, index))
            for index, argument in enumerate(arguments)
        ]
        if final is None:
            return calling(target, values, self.site(shown))
        place = self.site(last_visited(arguments[-1] if arguments else node))
        kind = kind_at(target, total - 1)
        return piping(target, values, _valid(final), kind, place=place, site=self.site(shown))

    def argument(self, node: Operand, kind: ParamKind) -> Eval:
        """Compile an argument of a function, with the check of its type."""
        if isinstance(node, (Nil, Bool, String, Numeral)):
            return self._constant(node, kind)
        if isinstance(node, Field) and kind == "any":
            return self._operand(node, None)
        return converted(self._operand(node, MISSING), kind, self.site(last_visited(node)))

    def _untyped(self, node: Operand) -> Callable[[Frame, Any, ParamKind], Any]:
        """Compile an argument of a method, whose parameters are known only when it is called."""
        site = self.site(last_visited(node))
        if isinstance(node, (Nil, Bool, String, Numeral)):
            return lambda _, __, kind: constant(node, kind, site)
        evaluate = self._operand(node, MISSING)
        return lambda frame, dot, kind: convert(evaluate(frame, dot), kind, site)

    def _constant(self, node: Operand, kind: ParamKind) -> Eval:
        site = self.site(node)
        try:
            value = constant(node, kind, site)
        except TemplateError:
            # Go finds this only when it comes here.
            return lambda _, __: constant(node, kind, site)
        if isinstance(value, (list, dict)):
            # Every call gets an empty one of its own.
            return lambda _, __: constant(node, kind, site)
        return lambda _, __: value

    def _lazy(self, node: Identifier, arguments: Sequence[Operand], final: Eval | None) -> Eval:
        wanted = node.name == "or"
        values = [self._operand(argument, MISSING) for argument in arguments]
        if not values and final is None:
            what = f"wrong number of args for {node.name}: want at least 1 got 0"
            return _failing(self.site(node), what)

        def choose(frame: Frame, dot: Any) -> Any:
            # Go evaluates what is piped in before it knows whether it is needed.
            last = MISSING if final is None else final(frame, dot)
            value = MISSING
            for evaluate in values:
                value = evaluate(frame, dot)
                if bool(value) is wanted:
                    return value
            return value if final is None else last

        return choose


def _failing(site: Site, what: str, final: Eval | None = None) -> Eval:
    """Make an expression that fails when it is evaluated, after what is piped into it."""

    def fail(frame: Frame, dot: Any) -> NoReturn:
        if final is not None:
            final(frame, dot)
        raise site.error(what)

    return fail


def _valid(evaluate: Eval) -> Eval:
    """Wrap an expression so that nil becomes MISSING, as in a parenthesised pipeline of Go."""

    def valid(frame: Frame, dot: Any) -> Any:
        value = evaluate(frame, dot)
        return MISSING if value is None else value

    return valid


def _absent(evaluate: Eval, absent: Any) -> Eval:
    return evaluate if absent is MISSING else nullable(evaluate)
