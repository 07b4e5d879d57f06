"""Numbers in templates, which have a value of every Go type that can hold them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from pyload.gotemplate.quoting import quote, unquote_character

_INT: Final = re.compile(
    r"([+-]?)(?:0[xX](_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)"
    r"|0[bB](_?[01]+(?:_[01]+)*)"
    r"|0[oO]?(_?[0-7]+(?:_[0-7]+)*)"
    r"|(0|[1-9][0-9]*(?:_[0-9]+)*))",
    re.ASCII,
)
_BASES: Final = {2: 16, 3: 2, 4: 8, 5: 10}
"""By the group of the pattern that has the digits."""

_DIGITS: Final = r"\d+(?:_\d+)*"
_DECIMAL: Final = re.compile(
    rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?", re.ASCII
)
_HEX: Final = re.compile(
    r"[+-]?0[xX](?:_?[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*(?:\.(?:[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)?)?"
    r"|\.[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*)[pP][+-]?\d+(?:_\d+)*",
    re.ASCII,
)
_PAIR: Final = re.compile(r"(.*?[^eEpP])([+-].*)i", re.ASCII)
_INT64: Final = range(-(1 << 63), 1 << 63)
_UINT64: Final = range(1 << 64)


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a template.

    Attributes:
        text: As it is written.
        integer: Its value as an int; None if that does not fit 64 bits or loses a fraction.
        real: Its value as a float64, or None if it has an imaginary part.
        imaginary: Its value as a complex128, if it is written as one.
        unsigned: Whether it fits a uint64.
    """

    text: str
    integer: int | None
    real: float | None
    imaginary: complex | None = None
    unsigned: bool = False

    @property
    def constant(self) -> int | float | complex | None:
        """The value where nothing asks for a type, or None if it does not fit an int."""
        if self.imaginary is not None:
            return self.imaginary
        if self.real is not None and not self._looks_whole:
            return self.real
        return self.integer

    @property
    def _looks_whole(self) -> bool:
        if self.text[0] == "'":
            return True
        if self.text[:2] in ("0x", "0X"):
            return not any(mark in self.text for mark in "pP")
        return not any(mark in self.text for mark in ".eEpP")


def character(text: str) -> Number:
    """Read a character constant.

    Raises:
        ValueError: It is malformed.
    """
    code = unquote_character(text)
    return Number(text, code, float(code), unsigned=True)


def pair(text: str) -> Number:
    """Read a complex number with both parts.

    Raises:
        ValueError: It is malformed.
    """
    match = _PAIR.fullmatch(text)
    real = parse_float(match[1]) if match else None
    imaginary = parse_float(match[2]) if match else None
    if real is None or imaginary is None:
        raise ValueError(f"illegal number syntax: {quote(text)}")
    return _complex(text, complex(real, imaginary))


def number(text: str) -> Number:
    """Read a number without a real part before its imaginary one.

    Raises:
        ValueError: It is malformed, or too large.
    """
    if text.endswith("i"):
        imaginary = parse_float(text[:-1])
        if imaginary is not None:
            return _complex(text, complex(0, imaginary))
    value = parse_int(text)
    if value is not None and value in _INT64:
        return Number(text, value, float(value), unsigned=value >= 0)
    if value is not None and value in _UINT64 and text[0] != "+":
        return Number(text, None, float(value), unsigned=True)
    real = parse_float(text)
    if real is None:
        raise ValueError(f"illegal number syntax: {quote(text)}")
    if not any(mark in text for mark in ".eEpP"):
        raise ValueError(f"integer overflow: {quote(text)}")
    return _whole(text, real, None)


def _complex(text: str, value: complex) -> Number:
    if value.imag:
        return Number(text, None, None, value)
    return _whole(text, value.real, value)


def _whole(text: str, real: float, imaginary: complex | None) -> Number:
    """Make a number of a float, and an int of it if it is whole."""
    integer = int(real) if real.is_integer() else None
    if integer is not None and integer not in _INT64:
        return Number(text, None, real, imaginary, unsigned=integer in _UINT64)
    return Number(text, integer, real, imaginary, unsigned=integer is not None and integer >= 0)


def parse_int(text: str) -> int | None:
    """Read a whole number of any size in any of Go's bases; None if it is malformed."""
    match = _INT.fullmatch(text)
    if match is None:
        return None
    assert match.lastindex is not None, "one of the forms has matched"
    digits = match[match.lastindex].replace("_", "").lstrip("0")
    # Longer numbers overflow anyway, and Python refuses to read very long ones.
    value = int(digits[:80] or "0", _BASES[match.lastindex])
    return -value if match[1] == "-" else value


def parse_float(text: str) -> float | None:
    """Read a Go floating-point number; None if it is malformed or out of range."""
    if _HEX.fullmatch(text):
        try:
            value = float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    elif _DECIMAL.fullmatch(text):
        value = float(text)
    else:
        return None
    return None if math.isinf(value) else value
