"""The text of values: Go's print functions without a format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pyload.gotemplate.floats import format_float
from pyload.gotemplate.printer import Printer
from pyload.gotemplate.values import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def show(value: Any) -> str:
    """Return the text that an action prints for a value.

    Raises:
        Failure: The text is too long, or the value nested too deep.
    """
    if value is None or value is MISSING:
        return "<no value>"
    return text_of(value)


def text_of(value: Any) -> str:
    """Return a value's ``%v``.

    Raises:
        Failure: The text is too long, or the value nested too deep.
    """
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is float:
        return format_float(value, "g", None)
    if kind is int:
        return int.__repr__(value)
    printer = Printer()
    printer.argument(value, "v")
    return printer.text()


def sprint(values: Sequence[Any]) -> str:
    """Print values as ``fmt.Sprint``: a space between two that are not strings."""
    printer = Printer()
    string = True
    for index, value in enumerate(values):
        is_string = isinstance(value, str)
        if index and not string and not is_string:
            printer.write(" ")
        printer.argument(value, "v")
        string = is_string
    return printer.text()


def sprintln(values: Iterable[Any]) -> str:
    """Print values as ``fmt.Sprintln``: spaces between all, and a newline."""
    return " ".join(map(text_of, values)) + "\n"


def escapable(values: Sequence[Any]) -> str:
    """Return the text of the arguments of ``html``, ``js`` and ``urlquery``."""
    if len(values) == 1 and isinstance(values[0], str):
        return values[0]
    return sprint(["<no value>" if value is None else value for value in values])
