"""Flags as Go programs take them, rewritten for click.

pilot-load's scripts write ``--delta`` or ``--delta=false`` but never ``--delta false``, and
``-p=host:port`` beside ``-p host:port`` (contract §1.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


class GoBool(click.ParamType[bool]):
    """``true`` or ``false`` in any of Go's spellings."""

    name = "bool"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Read Go's spellings of a boolean."""
        if isinstance(value, bool):
            return value
        if value in _TRUE:
            return True
        if value not in _FALSE:
            self.fail(f"{value!r} is not a boolean; write true or false", param, ctx)
        return False


class GoInt(click.ParamType[int]):
    """A whole number, also in hexadecimal, octal or binary."""

    name = "int"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read a whole number with Go's prefixes."""
        try:
            return value if isinstance(value, int) else int(value, 0)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)


class GoDuration(click.ParamType[Duration]):
    """A Go duration such as ``90s`` or ``1h30m``."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Duration:
        """Read a Go duration."""
        if isinstance(value, Duration):
            return value
        try:
            return Duration.parse(value)
        except ValueError:
            self.fail(
                f"{value!r} is not a duration; write for example 10ms, 15s or 1h30m", param, ctx
            )


class GoMap(click.ParamType[dict[str, str]]):
    """``a=b,c=d``."""

    name = "map"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        """Read comma-separated pairs."""
        if isinstance(value, dict):
            return value
        pairs = {}
        for part in value.split(","):
            key, equals, text = part.partition("=")
            if not equals or not key:
                self.fail(f"{part!r} is not a pair; write KEY=VALUE", param, ctx)
            pairs[key] = text
        return pairs


def rewrite(arguments: Sequence[str], parameters: Iterable[click.Parameter]) -> list[str]:
    """Rewrite Go's forms of flags into those that click understands.

    Args:
        arguments: What the user typed after the program's name.
        parameters: Options of all commands.
    """
    booleans, short = set(), set()
    for parameter in parameters:
        for flag in parameter.opts:
            if isinstance(parameter.type, GoBool):
                booleans.add(flag)
            if len(flag) == 2:
                short.add(flag)
    rewritten: list[str] = []
    for position, argument in enumerate(arguments):
        if argument == "--":
            return [*rewritten, *arguments[position:]]
        if argument in booleans:
            rewritten.append(f"{argument}=true" if argument.startswith("--") else f"{argument}true")
        elif argument[:2] in short and argument[2:3] == "=":
            rewritten.append(argument[:2] + argument[3:])
        else:
            rewritten.append(argument)
    return rewritten
