"""Lines on standard error that belong to no log: warnings of flags, and the error at the end.

With ``--log_as_json`` they are JSON too. Many are written where the flags are still being parsed,
or where the command and its context are gone, so the choice is kept here once that flag is parsed.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from pyload.cli.json_lines import json_line

if TYPE_CHECKING:
    from click import Context, Parameter

_as_json: Final = ContextVar("as_json", default=False)


def choose(context: Context, parameter: Parameter, value: bool) -> bool:  # noqa: FBT001 - click's signature
    """Keep the value of ``--log_as_json``; that of the command goes before the program's."""
    given = context.get_parameter_source(str(parameter.name)) is not ParameterSource.DEFAULT
    if given or context.parent is None:
        _as_json.set(value)
    return value


def forget() -> None:
    """Write plain text until the flag is parsed."""
    _as_json.set(False)


def warn(text: str) -> None:
    """Write a warning."""
    click.echo(json_line("warn", text) if _as_json.get() else f"warning: {text}", err=True)


def fail(text: str, *, exit_code: int, plain: str = "") -> None:
    """Write the error that ends the program.

    Args:
        text: What went wrong.
        exit_code: The exit code.
        plain: What stands on a terminal, if that is not the text alone.
    """
    line = json_line("error", text, exit_code=exit_code)
    click.echo(line if _as_json.get() else plain or f"Error: {text}", err=True)
