"""Sprig's conversions of values to numbers, texts and lists of texts."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from pyload.gotemplate.fmt import text_of
from pyload.gotemplate.functions import Failure
from pyload.gotemplate.literals import parse_float, parse_int
from pyload.gotemplate.values import Int64, Object, Strings, Uint8, from_utf8, kind_of

_PLAIN: Final = re.compile(r"([-+]?\d*)\.\d*", re.ASCII)
_SPECIAL: Final = re.compile(r"[+-]?(?:inf|infinity|nan)", re.IGNORECASE)
_LOWEST: Final = -(1 << 63)


def wrap_int64(number: int) -> Int64:
    """The number in 64 bits, as Go's arithmetic overflows."""
    return Int64(((number + (1 << 63)) & ((1 << 64) - 1)) - (1 << 63))


def to_int64(value: Any) -> Int64:
    """An int64: fractions are cut, true is 1, and what is no number is 0."""
    if isinstance(value, str):
        return Int64(_parsed_int(value))
    if isinstance(value, float):
        # Go leaves open what a number beyond 64 bits becomes; on amd64 it is the lowest one.
        if not math.isfinite(value) or not _LOWEST <= int(value) < -_LOWEST:
            return Int64(_LOWEST)
        return Int64(value)
    if isinstance(value, int):
        return wrap_int64(value)
    if isinstance(value, Object) and hasattr(value, "__int__"):
        return wrap_int64(int(value))
    return Int64(0)


def to_int(value: Any) -> int:
    """An int, by the rules of `to_int64`."""
    return int(to_int64(value))


def to_float64(value: Any) -> float:
    """A float64: true is 1, and what is no number is 0."""
    if isinstance(value, str):
        return _parsed_float(value)
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, Object) and hasattr(value, "__int__"):
        return float(int(value))
    return 0.0


def atoi(text: str) -> int:
    """Read decimal digits; anything else is 0."""
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit():
        return 0
    number = int(digits.lstrip("0")[:20] or 0)
    # What does not fit becomes the nearest number: sprig drops Go's error, not its result.
    return max(-number, _LOWEST) if text[0] == "-" else min(number, -_LOWEST - 1)


def _parsed_int(text: str) -> int:
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        text = plain[1] if plain[1].lstrip("+-") else plain[1] + "0"
    number = parse_int(text)
    return number if number is not None and _LOWEST <= number < -_LOWEST else 0


def _parsed_float(text: str) -> float:
    if _SPECIAL.fullmatch(text):
        return float(text)
    number = parse_float(text)
    return 0.0 if number is None else number


def strval(value: Any) -> str:
    """The text of a value: itself if it is a text, else as ``%v`` prints it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return from_utf8(value)
    return text_of(value)


def strslice(value: Any) -> Strings:
    """The texts of a list's items without nil; of any other value, that value alone."""
    if isinstance(value, Strings):
        return value
    if kind_of(value) == "slice":
        return Strings(strval(item) for item in value if item is not None)
    return Strings() if value is None else Strings([strval(value)])


def items(value: Any, what: str) -> list[Any]:
    """The items of a list.

    Args:
        value: What should be a list.
        what: The error in sprig's words up to the kind, such as ``Cannot push on type``.

    Raises:
        Failure: It is no list.
    """
    if value is None:
        # sprig asks nil for its type.
        raise Failure("runtime error: invalid memory address or nil pointer dereference")
    kind = kind_of(value)
    if kind != "slice":
        raise Failure(f"{what} {kind}")
    return list(map(Uint8, value)) if isinstance(value, bytes) else list(value)
