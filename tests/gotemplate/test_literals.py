"""Tests of numbers in templates, which are of each Go type that can hold them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.literals import Number, character, number, pair

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
FORMS = {"decimal": "{:d}", "hexadecimal": "{:#x}", "octal": "{:#o}", "binary": "{:#b}"}


@given(INT64, st.sampled_from(sorted(FORMS)), st.booleans())
def test_whole_numbers_are_read_in_each_base(value: int, form: str, upper: bool) -> None:  # noqa: FBT001
    """A port or a mask would be another number than in Go."""
    text = FORMS[form].format(value)
    found = number(text.upper() if upper else text)
    assert (found.integer, found.constant) == (value, value)
    assert found.unsigned is (value >= 0)


@given(st.integers(0, (1 << 63) - 1))
def test_a_leading_zero_is_octal_and_underscores_are_nothing(value: int) -> None:
    """File modes would be decimal, as they are in Python's head."""
    assert number(f"0{value:o}").integer == value
    assert number(f"{value:_d}").integer == value
    assert number(f"+{value:d}").integer == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_fractions_are_read_as_they_are_printed(value: float) -> None:
    """A number would change a little each time that it goes through a template."""
    assert number(repr(value)).real == value
    found = number(value.hex())
    assert found.real == value
    assert found.constant == value


@pytest.mark.parametrize(
    ("text", "integer", "real", "unsigned"),
    [
        ("9223372036854775807", (1 << 63) - 1, 2.0**63, True),
        ("9223372036854775808", None, 2.0**63, True),
        ("18446744073709551615", None, 2.0**64, True),
        ("-9223372036854775808", -(1 << 63), -(2.0**63), False),
        ("1e3", 1000, 1000.0, True),
        ("1.5", None, 1.5, False),
        ("1e30", None, 1e30, False),
        ("1e19", None, 1e19, True),
        ("-1e3", -1000, -1000.0, False),
        ("0x1p4", 16, 16.0, True),
        ("0i", 0, 0.0, True),
    ],
)
def test_a_number_is_of_each_type_that_holds_it(
    text: str,
    integer: int | None,
    real: float,
    unsigned: bool,  # noqa: FBT001
) -> None:
    """A function for an int64 would refuse 1e3, which Go's take."""
    found = number(text)
    assert (found.integer, found.real, found.unsigned) == (integer, real, unsigned)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1.0", 1.0),
        ("1e3", 1000.0),
        ("0x1p4", 16.0),
        ("0x1e", 30),
        ("9223372036854775808", None),
        ("2i", 2j),
        ("0i", 0j),
    ],
)
def test_a_number_alone_is_whole_if_it_looks_so(text: str, value: object) -> None:
    """``{{1.0}}`` would be an int, and print another text in a list."""
    found = number(text).constant
    assert found == value
    assert type(found) is type(value)


def test_complex_numbers_have_two_parts() -> None:
    """What Go reads would be a syntax error, or lose a part."""
    assert pair("1.5-2e1i").constant == complex(1.5, -20)
    assert pair("1e+2+0i").integer == 100
    assert pair("1+2i").real is None


@pytest.mark.parametrize(
    ("text", "code"), [("'a'", 97), ("'✓'", 0x2713), (r"'\n'", 10), (r"'\''", 39)]
)
def test_a_character_is_its_code(text: str, code: int) -> None:
    """``{{'a'}}`` would be a string."""
    assert character(text) == Number(text, code, float(code), unsigned=True)
    assert character(text).constant == code


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", 'illegal number syntax: ""'),
        ("1_", 'illegal number syntax: "1_"'),
        ("0x", 'illegal number syntax: "0x"'),
        ("0b2", 'illegal number syntax: "0b2"'),
        ("1e", 'illegal number syntax: "1e"'),
        ("0x1.8", 'illegal number syntax: "0x1.8"'),
        ("1e999", 'illegal number syntax: "1e999"'),
        ("0x1p99999", 'illegal number syntax: "0x1p99999"'),
        ("i", 'illegal number syntax: "i"'),
        ("+18446744073709551615", 'integer overflow: "+18446744073709551615"'),
        ("18446744073709551616", 'integer overflow: "18446744073709551616"'),
        ("-9223372036854775809", 'integer overflow: "-9223372036854775809"'),
        ("9" * 400, f'illegal number syntax: "{"9" * 400}"'),
    ],
)
def test_what_is_no_number_of_go_is_refused(text: str, error: str) -> None:
    """Python's numbers would pass, and the same template fail in pilot-load."""
    with pytest.raises(ValueError, match=r".*") as caught:
        number(text)
    assert str(caught.value) == error


@pytest.mark.parametrize("text", ["1+2", "1+i", "1+1e999i", "i", "1e5i"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    """Half of a number would be taken for the whole."""
    with pytest.raises(ValueError, match="illegal number syntax"):
        pair(text)


@given(st.text(st.sampled_from("0123456789abcdefxXoObBpPeE+-._i"), max_size=12))
def test_any_text_is_a_finite_number_or_refused(text: str) -> None:
    """The lexer lets through more than there are numbers; infinity would break the printing."""
    try:
        found = number(text)
    except ValueError:
        return
    assert found.real is None or math.isfinite(found.real)
    assert found.integer is None or found.integer == found.real or abs(found.integer) > 2**53
