"""Tests of the text of floating-point numbers, beyond what is recorded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.floats import format_float

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE)
def test_the_shortest_form_reads_back(value: float) -> None:
    """A weight or a timeout in an object would not be the one in the config."""
    for verb in ("g", "G", "f"):
        assert float(format_float(value, verb, None)) == value
    assert float.fromhex(format_float(value, "x", None)) == value


@given(FINITE, st.integers(13, 20))
def test_the_hexadecimal_form_reads_back(value: float, precision: int) -> None:
    """``%x`` with all digits would show another number."""
    assert float.fromhex(format_float(value, "x", precision)) == value
    assert float.fromhex(format_float(value, "X", precision)) == value


@given(FINITE)
def test_the_binary_form_reads_back(value: float) -> None:
    """``%b`` would show another number."""
    mantissa, _, exponent = format_float(value, "b", None).partition("p")
    assert abs(int(mantissa)) < 1 << 53
    numerator, denominator = value.as_integer_ratio()
    power = int(exponent)
    if power >= 0:
        assert int(mantissa) << power == numerator
    else:
        assert int(mantissa) * denominator == numerator << -power


@pytest.mark.parametrize(
    ("value", "verb", "precision", "expected"),
    [
        (3.99999, "x", 3, "0x1.000p+02"),
        (1.5, "x", 0, "0x1p+01"),
        (2.5, "x", 0, "0x1p+01"),
        (3.5, "x", 0, "0x1p+02"),
        (-0.0, "x", 2, "-0x0.00p+00"),
        (5e-324, "x", None, "0x1p-1074"),
        (1e300, "f", None, "1" + "0" * 300),
        (-0.0, "g", None, "-0"),
        (123456.0, "g", None, "123456"),
        (1234567.0, "g", None, "1.234567e+06"),
        (0.0001, "g", None, "0.0001"),
        (0.00001, "G", None, "1E-05"),
        (float("inf"), "e", 2, "+Inf"),
        (float("-inf"), "x", None, "-Inf"),
        (float("nan"), "b", None, "NaN"),
    ],
)
def test_gives_what_go_gives(value: float, verb: str, precision: int | None, expected: str) -> None:
    """A number would look other than in pilot-load."""
    assert format_float(value, verb, precision) == expected
