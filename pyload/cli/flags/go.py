"""Flags as Go programs take them, rewritten for click.

pilot-load's scripts write ``--delta`` or ``--delta=false`` but never ``--delta false``, and
``-p=host:port`` beside ``-p host:port``.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import click

from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_OLD_OCTAL: Final = re.compile(r"\A([+-]?)0(?=[0-7_])")


class GoBool(click.ParamType[bool]):
    """``true`` or ``false`` in any of Go's spellings."""

    name = "bool"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Read Go's spellings of a boolean."""
        if isinstance(value, bool):
            return value
        if value in TRUE:
            return True
        if value not in FALSE:
            self.fail(f"{value!r} is not a boolean; write true or false", param, ctx)
        return False


class GoInt(click.ParamType[int]):
    """A whole number, also in hexadecimal, octal or binary."""

    name = "int"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a whole number with Go's prefixes."""
        try:
            return value if isinstance(value, int) else int(_OLD_OCTAL.sub(r"\g<1>0o", value), 0)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)


class GoDuration(click.ParamType[float]):
    """A Go duration such as ``90s`` or ``1h30m``, in seconds; never below 0."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a Go duration."""
        if isinstance(value, float):
            return value
        try:
            seconds = Duration.parse(value).seconds
        except ValueError:
            self.fail(
                f"{value!r} is not a duration; write for example 10ms, 15s or 1h30m", param, ctx
            )
        if seconds < 0:
            self.fail(f"{value!r} is below 0; write for example 15s, or 0 for none", param, ctx)
        return seconds


class PositiveDuration(GoDuration):
    """A Go duration above 0."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read a Go duration above 0."""
        seconds = super().convert(value, param, ctx)
        if not seconds:
            self.fail(f"{value!r} is not above 0; write for example 15s or 1h30m", param, ctx)
        return seconds


class GoMap(click.ParamType[dict[str, str]]):
    """``a=b,c=d``; a value with commas stands alone, or its pair in quotes."""

    name = "map"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        """Read comma-separated pairs as pflag does."""
        if isinstance(value, dict):
            return value
        # One pair is taken as it stands, several are a line of CSV.
        parts = [value.strip('"')] if value.count("=") == 1 else next(csv.reader([value])) or [""]
        pairs = {}
        for part in parts:
            key, equals, text = part.partition("=")
            if not equals or not key:
                self.fail(f"{part!r} is not a pair; write KEY=VALUE", param, ctx)
            pairs[key] = text
        return pairs

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Keep a value of the environment whole; its spaces belong to it."""
        return [rv]


def merged(
    _context: click.Context, _parameter: click.Parameter, values: Iterable[dict[str, str]]
) -> dict[str, str]:
    """Merge the values of a `GoMap` flag that is given several times."""
    return dict(pair for value in values for pair in value.items())


def rewrite(
    arguments: Sequence[str],
    parameters: Iterable[click.Parameter],
    find: Callable[[str], Iterable[click.Parameter]] = lambda _: (),
) -> list[str]:
    """Rewrite Go's forms of flags into those that click understands.

    Args:
        arguments: What the user typed after the program's name.
        parameters: Options that may stand before a command's name.
        find: Returns the further options of a command, by its name.
    """
    known = {flag: one for one in parameters for flag in one.opts}
    rest, rewritten, named = deque(arguments), list[str](), False
    while rest:
        argument = rest.popleft()
        if argument == "--":
            return [*rewritten, argument, *rest]
        if argument.startswith("--"):
            flag = known.get(argument)
            if flag is not None and isinstance(flag.type, GoBool):
                argument = f"{argument}=true"
            rewritten.append(argument)
            if flag is not None and _takes_value(flag) and rest:
                rewritten.append(rest.popleft())
        elif argument.startswith("-") and argument != "-":
            rewritten += _short(argument[1:], known, rest)
        else:
            rewritten.append(argument)
            if not named:
                named = True
                known |= {flag: one for one in find(argument) for flag in one.opts}
    return rewritten


def _short(letters: str, known: Mapping[str, click.Parameter], rest: deque[str]) -> Iterator[str]:
    """Yield flags of one letter one by one; the last of them may have a value."""
    while letters:
        letter, value = f"-{letters[0]}", letters[1:]
        flag = known.get(letter)
        if flag is None:
            # Click reports the unknown flag.
            yield f"-{letters}"
            return
        if value[:1] == "=":
            yield from (letter + value[1:],) if value[1:] else (letter, "")
            return
        if _takes_value(flag):
            yield letter + value
            if not value and rest:
                yield rest.popleft()
            return
        yield f"{letter}true" if isinstance(flag.type, GoBool) else letter
        letters = value


def _takes_value(parameter: click.Parameter) -> bool:
    """Return whether the value of a flag may be the next argument."""
    return not isinstance(parameter.type, GoBool) and not getattr(parameter, "is_flag", False)
