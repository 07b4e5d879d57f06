"""Tests of Go's durations; the expected values and texts are what Go 1.26 gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.units import Duration

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("-0", 0),
        ("5s", 5 * SECOND),
        ("+5s", 5 * SECOND),
        ("-5s", -5 * SECOND),
        ("1478s", 1478 * SECOND),
        ("5.0s", 5 * SECOND),
        ("5.s", 5 * SECOND),
        (".5s", SECOND // 2),
        ("1.5h", 90 * MINUTE),
        ("1h30m", 90 * MINUTE),
        ("10ns", 10),
        ("11us", 11_000),
        ("12µs", 12_000),
        ("12μs", 12_000),
        ("13ms", 13_000_000),
        ("39h9m14.425s", 39 * HOUR + 9 * MINUTE + 14_425_000_000),
        ("52763797000ns", 52_763_797_000),
        ("9007199254740.993ms", 9_007_199_254_740_993_000),
        ("0.3333333333333333333h", 20 * MINUTE),
        ("0.100000000000000000000h", 6 * MINUTE),
        ("0.830103483285477580700h", 49 * MINUTE + 48 * SECOND + 372_539_827),
        ("9223372036854775807ns", (1 << 63) - 1),
        ("-9223372036854775808ns", -(1 << 63)),
        ("-2562047h47m16.854775808s", -(1 << 63)),
        ("0" * 5000 + "1s", SECOND),
    ],
)
def test_reads_what_go_reads(text: str, nanoseconds: int) -> None:
    """A config that Go read would mean another time, or be refused."""
    assert Duration.parse(text) == nanoseconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bad", 'time: invalid duration "bad"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        (".s", 'time: invalid duration ".s"'),
        (" 1s", 'time: invalid duration " 1s"'),
        ("5", 'time: missing unit in duration "5"'),
        ("1.5.5s", 'time: missing unit in duration "1.5.5s"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
        ('1"', 'time: unknown unit "\\"" in duration "1\\""'),
        ("1\\", 'time: unknown unit "\\\\" in duration "1\\\\"'),
        ("1é\n", 'time: unknown unit "\\xc3\\xa9\\x0a" in duration "1\\xc3\\xa9\\x0a"'),
        ("9223372036854775808ns", 'time: invalid duration "9223372036854775808ns"'),
        ("-9223372036854775809ns", 'time: invalid duration "-9223372036854775809ns"'),
        ("3000000h", 'time: invalid duration "3000000h"'),
        ("2562047h60m", 'time: invalid duration "2562047h60m"'),
        ("99999999999999999999s", 'time: invalid duration "99999999999999999999s"'),
    ],
)
def test_refuses_what_go_refuses_in_its_words(text: str, message: str) -> None:
    """Scripts that look for Go's messages would miss them."""
    with pytest.raises(ValueError, match=r"^time: ") as caught:
        Duration.parse(text)
    assert str(caught.value) == message


def test_a_very_long_number_is_refused_like_any_other() -> None:
    """Five thousand digits would end in Python's own complaint about them."""
    with pytest.raises(ValueError, match=r"^time: invalid duration"):
        Duration.parse("9" * 5000 + "s")


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_100, "1.1µs"),
        (3_506, "3.506µs"),
        (2_200_000, "2.2ms"),
        (550_605_471, "550.605471ms"),
        (SECOND, "1s"),
        (1_295_270_656, "1.295270656s"),
        (90 * SECOND, "1m30s"),
        (4 * MINUTE, "4m0s"),
        (2 * HOUR, "2h0m0s"),
        (5 * HOUR + 6 * MINUTE + 7_001_000_000, "5h6m7.001s"),
        (-1_500_000_000, "-1.5s"),
        ((1 << 63) - 1, "2562047h47m16.854775807s"),
        (-(1 << 63), "-2562047h47m16.854775808s"),
    ],
)
def test_prints_as_go_prints(nanoseconds: int, text: str) -> None:
    """Log lines that scripts compare would differ from the Go tool's."""
    assert str(Duration(nanoseconds)) == text
    assert f"{Duration(nanoseconds)}" == text


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_what_is_printed_reads_back(nanoseconds: int) -> None:
    """A duration that went through a config dump or a log line would change."""
    assert Duration.parse(str(Duration(nanoseconds))) == nanoseconds


@given(st.text(max_size=30) | st.text("0123456789.hmsnuµ+-", max_size=30))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    """Bad input would end in a traceback."""
    try:
        span = Duration.parse(text)
    except ValueError as error:
        assert str(error).startswith("time: ")  # noqa: PT017 - either outcome is right
    else:
        assert -(1 << 63) <= span < 1 << 63


def test_seconds_go_in_and_out() -> None:
    """Waits would be off by the rounding."""
    assert Duration.from_seconds(1.5) == 1_500_000_000
    assert Duration.from_seconds(0.1).seconds == 0.1
    assert repr(Duration(SECOND)) == "Duration('1s')"
