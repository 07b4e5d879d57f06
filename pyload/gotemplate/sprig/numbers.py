"""Arithmetic: on 64-bit integers that wrap, and on decimal fractions where sprig says ``f``."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.bounds import check_items
from pyload.gotemplate.sprig.casts import atoi, strval, to_float64, to_int, to_int64, wrap_int64
from pyload.gotemplate.values import Int64, Ints

if TYPE_CHECKING:
    from collections.abc import Callable

_ZERO: Final = Int64(0)
# Digits after the point that a division keeps.
_DIVISION: Final = 10**16


def _add(*numbers: Any) -> Int64:
    return wrap_int64(sum(map(to_int64, numbers)))


def _mul(first: Any, *numbers: Any) -> Int64:
    return reduce(lambda left, right: wrap_int64(left * to_int64(right)), numbers, to_int64(first))


def _truncated(left: Any, right: Any) -> tuple[Int64, Int64]:
    """Quotient towards zero, and remainder with the sign of the dividend."""
    dividend, divisor = to_int64(left), to_int64(right)
    if divisor == 0:
        raise Failure("runtime error: integer divide by zero")
    quotient = abs(dividend) // abs(divisor)
    quotient = quotient if (dividend < 0) == (divisor < 0) else -quotient
    return wrap_int64(quotient), Int64(dividend - quotient * divisor)


def _decimal(value: Any) -> Fraction:
    number = to_float64(value)
    if not math.isfinite(number):
        text = "NaN" if math.isnan(number) else "+Inf" if number > 0 else "-Inf"
        raise Failure(f"Cannot create a Decimal from {text}")
    return Fraction(repr(number))


def _divided(left: Fraction, right: Fraction) -> Fraction:
    if not right:
        raise Failure("decimal division by 0")
    quotient = abs(left / right) * _DIVISION
    rounded = Fraction(math.floor(quotient + Fraction(1, 2)), _DIVISION)
    return rounded if (left < 0) == (right < 0) else -rounded


def _decimals(
    operation: Callable[[Fraction, Fraction], Fraction], first: Any, numbers: tuple[Any, ...]
) -> float:
    result = _decimal(first)
    for number in numbers:
        result = operation(result, _decimal(number))
    try:
        return float(result)
    except OverflowError:
        return math.inf if result > 0 else -math.inf


def _larger(left: float, right: float) -> float:
    if math.inf in (left, right):
        return math.inf
    return math.nan if math.isnan(left + right) else max(left, right)


def _smaller(left: float, right: float) -> float:
    return -_larger(-left, -right)


def _integral(number: float, step: Callable[[float], int]) -> float:
    return math.copysign(step(number), number) if math.isfinite(number) else number


def _round(value: Any, places: int, *threshold: float) -> float:
    """Round half up; what counts as half can be given."""
    number = to_float64(value)
    power = _power(places)
    scaled = power * number
    if not math.isfinite(scaled):
        return scaled / power if power else math.nan
    up = math.modf(scaled)[0] >= (threshold[0] if threshold else 0.5)
    rounded = float(math.ceil(scaled) if up else math.floor(scaled))
    return _quotient(rounded, power)


def _power(places: int) -> float:
    try:
        return math.pow(10, places)
    except OverflowError:
        return math.inf


def _quotient(left: float, right: float) -> float:
    if right:
        return left / right
    return math.copysign(math.inf, left) if left else math.nan


def _until_step(start: int, stop: int, step: int) -> Ints:
    if step == 0:
        return Ints()
    numbers = range(start, stop, step)
    check_items(max(0, -((start - stop) // step)))
    return Ints(numbers)


def _until(count: int) -> Ints:
    return _until_step(0, count, -1 if count < 0 else 1)


def _seq(*bounds: int) -> str:
    if not 1 <= len(bounds) <= 3:
        return ""
    start = bounds[0] if len(bounds) > 1 else 1
    end = bounds[-1]
    direction = -1 if end < start else 1
    step = bounds[1] if len(bounds) == 3 else direction
    if direction < 0 < step:
        return ""
    return " ".join(map(str, _until_step(start, end + direction, step)))


def _to_decimal(value: Any) -> Int64:
    """Read octal digits, as in file modes."""
    text = strval(value)
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not digits.isascii() or not digits.isdigit() or set("89") & set(digits):
        return _ZERO
    number = int(digits[:100], 8) * (-1 if text[0] == "-" else 1)
    return Int64(number) if wrap_int64(number) == number else _ZERO


FUNCTIONS: Final = (
    Function("add", _add, variadic="any"),
    Function("add1", lambda number: wrap_int64(to_int64(number) + 1), ("any",)),
    Function("sub", lambda left, right: wrap_int64(to_int64(left) - to_int64(right)), ("any",) * 2),
    Function("mul", _mul, ("any",), "any"),
    Function("div", lambda left, right: _truncated(left, right)[0], ("any",) * 2),
    Function("mod", lambda left, right: _truncated(left, right)[1], ("any",) * 2),
    Function("max", lambda *numbers: max(map(to_int64, numbers)), ("any",), "any"),
    Function("biggest", lambda *numbers: max(map(to_int64, numbers)), ("any",), "any"),
    Function("min", lambda *numbers: min(map(to_int64, numbers)), ("any",), "any"),
    Function("maxf", lambda *numbers: reduce(_larger, map(to_float64, numbers)), ("any",), "any"),
    Function("minf", lambda *numbers: reduce(_smaller, map(to_float64, numbers)), ("any",), "any"),
    Function("addf", lambda *numbers: _decimals(Fraction.__add__, 0.0, numbers), variadic="any"),
    Function("add1f", lambda number: _decimals(Fraction.__add__, number, (1,)), ("any",)),
    Function(
        "subf",
        lambda first, *numbers: _decimals(Fraction.__sub__, first, numbers),
        ("any",),
        "any",
    ),
    Function(
        "mulf",
        lambda first, *numbers: _decimals(Fraction.__mul__, first, numbers),
        ("any",),
        "any",
    ),
    Function("divf", lambda first, *numbers: _decimals(_divided, first, numbers), ("any",), "any"),
    Function("ceil", lambda number: _integral(to_float64(number), math.ceil), ("any",)),
    Function("floor", lambda number: _integral(to_float64(number), math.floor), ("any",)),
    Function("round", _round, ("any", "int"), "float64"),
    Function("until", _until, ("int",)),
    Function("untilStep", _until_step, ("int",) * 3),
    Function("seq", _seq, variadic="int"),
    Function("int", to_int, ("any",)),
    Function("int64", to_int64, ("any",)),
    Function("float64", to_float64, ("any",)),
    Function("toDecimal", _to_decimal, ("any",)),
    Function("atoi", atoi, ("string",)),
)
