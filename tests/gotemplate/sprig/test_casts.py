"""Tests of sprig's conversions of values to numbers, texts and lists of texts."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.functions import Failure
from pyload.gotemplate.sprig.casts import (
    atoi,
    items,
    strslice,
    strval,
    to_float64,
    to_int,
    to_int64,
    wrap_int64,
)
from pyload.gotemplate.sprig.gotime.instant import Span
from pyload.gotemplate.values import Int64, Ints, Strings, Uint8, Uint64

LOWEST = -(1 << 63)
INT64 = st.integers(LOWEST, -LOWEST - 1)


@given(st.integers())
def test_arithmetic_overflows_as_in_64_bits(number: int) -> None:
    """``add`` would return a number that no field of Kubernetes can hold."""
    wrapped = wrap_int64(number)
    assert LOWEST <= wrapped < -LOWEST
    assert (wrapped - number) % (1 << 64) == 0
    assert type(wrapped) is Int64


@given(INT64, st.sampled_from(["{:d}", "{:#x}", "{:#o}", "{:#b}", "{:+d}", "{:d}.", "{:d}.25"]))
def test_texts_of_whole_numbers_are_read(number: int, form: str) -> None:
    """A port in quotes would be 0."""
    assert to_int64(form.format(number)) == number
    assert to_int(form.format(number)) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("010", 8),
        ("0o10", 8),
        ("0x_1F", 31),
        ("1_000", 1000),
        (".5", 0),
        ("-.5", 0),
        ("", 0),
        ("x", 0),
        ("1_", 0),
        ("_1", 0),
        ("1e3", 0),
        ("9223372036854775808", 0),
        ("9" * 200, 0),
        (1.9, 1),
        (-1.9, -1),
        (math.nan, LOWEST),
        (math.inf, LOWEST),
        (1e30, LOWEST),
        (True, 1),
        (Uint64((1 << 64) - 1), -1),
        (Span(5), 5),
        (None, 0),
        ([1], 0),
    ],
)
def test_what_becomes_of_other_values(value: Any, number: int) -> None:
    """A default of sprig's, which templates rely on, would be an error."""
    assert to_int64(value) == number
    assert type(to_int64(value)) is Int64
    assert type(to_int(value)) is int


@given(st.floats(allow_nan=False))
def test_texts_of_fractions_are_read(number: float) -> None:
    """A weight in quotes would be 0."""
    assert to_float64(repr(number)) == number
    assert math.isinf(number) or to_float64(number.hex()) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1_000.5", 1000.5),
        ("1__0", 0.0),
        ("0x1p4", 16.0),
        ("0x1p99999", 0.0),
        ("0x_1p4", 16.0),
        ("0x1__0p4", 0.0),
        ("1e999", 0.0),
        ("-Inf", -math.inf),
        ("infinity", math.inf),
        ("1 ", 0.0),
        ("", 0.0),
        (True, 1.0),
        (3, 3.0),
        (Span(5), 5.0),
        (None, 0.0),
        ([1.5], 0.0),
    ],
)
def test_what_becomes_of_other_values_as_fractions(value: Any, number: float) -> None:
    """A default of sprig's, which templates rely on, would be an error."""
    assert to_float64(value) == number
    assert math.isnan(to_float64("NaN"))


def test_a_value_is_shown_as_itself_or_as_printed() -> None:
    """``join`` and ``cat`` would print quotes or Python's names."""
    assert [strval(value) for value in ("a", b"a\xff", 1.0, None, True, [1])] == [
        *("a", "a\udcff", "1", "<nil>", "true", "[1]"),
    ]


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (Strings("ab"), ["a", "b"]),
        ([1, None, "a"], ["1", "a"]),
        (b"hi", ["104", "105"]),
        (None, []),
        ("a", ["a"]),
        (5, ["5"]),
    ],
)
def test_a_list_of_texts_is_made_of_anything(value: Any, texts: list[str]) -> None:
    """``join`` would fail on a list of numbers, or print nil."""
    assert strslice(value) == texts
    assert type(strslice(value)) is Strings


def test_items_are_a_copy_that_may_be_changed() -> None:
    """``append`` would change the list of another object."""
    values = [1, 2]
    assert items(values, "") == values
    assert items(values, "") is not values
    assert [type(item) for item in items(b"a", "")] == [Uint8]
    assert items(Ints([1]), "") == [1]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, "Cannot push on type int"),
        ("a", "Cannot push on type string"),
        ({}, "Cannot push on type map"),
        (None, "runtime error: invalid memory address or nil pointer dereference"),
    ],
)
def test_what_is_no_list_is_refused_in_sprigs_words(value: Any, words: str) -> None:
    """Users look for the words of the error on the web."""
    with pytest.raises(Failure) as caught:
        items(value, "Cannot push on type")
    assert str(caught.value) == words


@given(st.integers(), st.sampled_from(["", "+", "-"]))
def test_decimal_digits_become_the_nearest_int64(number: int, sign: str) -> None:
    """``atoi`` would wrap a number that is too large, or refuse one with leading zeros."""
    text = f"{sign}00{abs(number)}"
    expected = -abs(number) if sign == "-" else abs(number)
    assert atoi(text) == max(LOWEST, min(expected, -LOWEST - 1))
    for other in (f"{text}x", f"0x{text}", f" {text}", f"{text}.0", "", sign, "\u0663"):
        assert atoi(other) == 0
