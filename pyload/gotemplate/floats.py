"""Go's text forms of floating-point numbers, as strconv writes them."""

from __future__ import annotations

import math
from typing import Final

_HIDDEN: Final = 1 << 52
_MANTISSA: Final = 53
_EXPONENT: Final = 6
"""From this exponent of ten on, the shortest form of ``g`` is written with it."""


def format_float(value: float, verb: str, precision: int | None) -> str:
    """Format a number; a positive one has no sign, except infinity.

    Args:
        value: The number, a float64.
        verb: One of ``b e E f g G x X``, as in strconv and fmt.
        precision: Digits after the point, or significant digits for ``g``; None for as many as
            tell the number from all others.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if verb == "b":
        return _binary(value)
    if verb in "xX":
        text = _hexadecimal(value, precision)
        return text.upper() if verb == "X" else text
    if precision is None:
        return _shortest(value, verb)
    return f"%.{precision}{verb}" % value


def _shortest(value: float, verb: str) -> str:
    """Write ``g`` or ``f`` with the digits of Python's repr, which are the shortest too."""
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole + fraction).lstrip("0")
    # The number is 0.DIGITS times ten to the power of point.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    if not digits:
        return f"{sign}0"
    if verb in "gG" and not -4 <= point - 1 < _EXPONENT:
        tail = f".{digits[1:]}" if len(digits) > 1 else ""
        return f"{sign}{digits[0]}{tail}{'E' if verb == 'G' else 'e'}{point - 1:+03d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _binary(value: float) -> str:
    mantissa, exponent = _parts(value)
    sign = "-" if math.copysign(1, value) < 0 else ""
    return f"{sign}{mantissa}p{exponent - _MANTISSA + 1:+d}"


def _parts(value: float) -> tuple[int, int]:
    """Split into a 53-bit mantissa and the exponent of its first bit; subnormals have fewer."""
    if not value:
        return 0, -1022
    exponent = max(math.frexp(value)[1] - 1, -1022)
    return int(math.ldexp(abs(value), _MANTISSA - 1 - exponent)), exponent


def _hexadecimal(value: float, precision: int | None) -> str:
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, exponent = _parts(value)
    if not mantissa:
        exponent = 0
    while mantissa and mantissa < _HIDDEN:
        mantissa <<= 1
        exponent -= 1
    digits = (_MANTISSA - 1) // 4
    if precision is not None and precision < digits:
        drop = 4 * (digits - precision)
        half, rest = 1 << (drop - 1), mantissa & ((1 << drop) - 1)
        mantissa >>= drop
        mantissa += rest > half or (rest == half and mantissa & 1)
        mantissa <<= drop
        if mantissa >= _HIDDEN << 1:
            mantissa >>= 1
            exponent += 1
    fraction = f"{mantissa & (_HIDDEN - 1):0{digits}x}"
    fraction = fraction.rstrip("0") if precision is None else fraction.ljust(precision, "0")
    fraction = fraction if precision is None else fraction[:precision]
    point = f".{fraction}" if fraction else ""
    return f"{sign}0x{mantissa >> (_MANTISSA - 1)}{point}p{exponent:+03d}"
