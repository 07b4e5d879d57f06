"""Tests of points in time and spans, and of the methods that templates call on them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.functions import Failure
from pyload.gotemplate.sprig.gotime.calendar import MONTHS
from pyload.gotemplate.sprig.gotime.instant import (
    Month,
    Span,
    Time,
    nanoseconds_of,
    rounded,
    truncated,
)
from pyload.gotemplate.sprig.gotime.zone import UTC_ZONE, Zone, load

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
# The years 1 to 9999, which Python knows too.
INSTANTS = st.integers(-62_135_596_800 * SECOND, 253_402_300_799 * SECOND)
UNITS = st.sampled_from([0, -5, 1, 7, 1_000, SECOND, 90 * SECOND, 3600 * SECOND, DAY])


def method(value: Any, name: str, *arguments: Any) -> Any:
    """Call a method as a template does."""
    return type(value).methods[name].call(value, *arguments)


def instant(nanoseconds: int, zone: Zone = UTC_ZONE) -> Time:
    """Return the time some nanoseconds after 1970."""
    return Time.from_nanoseconds(nanoseconds, zone)


@given(INSTANTS)
def test_the_parts_of_a_time_are_those_of_python(nanoseconds: int) -> None:
    """A template would name another day than the user's calendar."""
    time = instant(nanoseconds)
    expected = EPOCH + dt.timedelta(microseconds=nanoseconds // 1_000)
    parts = ("Year", "Day", "Hour", "Minute", "Second", "YearDay")
    assert [method(time, part) for part in parts] == [
        *(expected.year, expected.day, expected.hour, expected.minute, expected.second),
        expected.timetuple().tm_yday,
    ]
    assert int(method(time, "Month")) == expected.month
    assert str(method(time, "Month")) == MONTHS[expected.month - 1]
    assert str(method(time, "Weekday")) == expected.strftime("%A")
    assert method(time, "Nanosecond") == nanoseconds % SECOND
    assert method(time, "UnixNano") == nanoseconds
    assert [method(time, f"Unix{unit}") for unit in ("", "Milli", "Micro")] == [
        nanoseconds // size for size in (SECOND, 1_000_000, 1_000)
    ]


@given(INSTANTS, INSTANTS)
def test_times_are_ordered_whatever_their_zones(first: int, second: int) -> None:
    """A certificate of another zone would count as expired."""
    tokyo = load("Asia/Tokyo", UTC_ZONE)
    assert tokyo is not None
    one, other = instant(first), instant(second, tokyo)
    order = (first > second) - (first < second)
    assert method(one, "Compare", other) == order
    assert method(one, "After", other) is (order > 0)
    assert method(one, "Before", other) is (order < 0)
    assert method(one, "Equal", other) is (order == 0)


@given(INSTANTS, st.integers(-(10**18), 10**18))
def test_what_is_added_is_the_difference(nanoseconds: int, span: int) -> None:
    """A date that is an hour later would be something else."""
    time = instant(nanoseconds)
    later = method(time, "Add", Span(span))
    assert int(method(later, "Sub", time)) == span
    assert method(time, "Add", span) == later


def test_a_difference_beyond_64_bits_is_the_largest_one() -> None:
    """It would overflow into the past."""
    first, last = Time(-(10**11)), Time(10**12)
    assert int(method(last, "Sub", first)) == (1 << 63) - 1
    assert int(method(first, "Sub", last)) == -(1 << 63)


@given(st.integers(-(10**18), 10**18), UNITS)
def test_spans_are_rounded_around_zero(nanoseconds: int, unit: int) -> None:
    """``-90m`` would be rounded to two hours, or to none."""
    down, near = truncated(nanoseconds, unit), rounded(nanoseconds, unit)
    assert truncated(-nanoseconds, unit) == -down
    assert rounded(-nanoseconds, unit) == -near
    if unit <= 0:
        assert down == near == nanoseconds
    else:
        assert down % unit == near % unit == 0
        assert abs(down) <= abs(nanoseconds) < abs(down) + unit
        assert abs(near - nanoseconds) * 2 <= unit
    assert int(method(Span(nanoseconds), "Truncate", unit)) == down
    assert int(method(Span(nanoseconds), "Round", Span(unit))) == near


@given(INSTANTS, UNITS)
def test_times_are_rounded_from_the_year_one(nanoseconds: int, unit: int) -> None:
    """Before 1970 the day would be cut upwards."""
    time = instant(nanoseconds)
    down, near = (method(time, name, unit).nanoseconds for name in ("Truncate", "Round"))
    if unit <= 0:
        assert down == near == nanoseconds
    else:
        assert (down + 62_135_596_800 * SECOND) % unit == 0
        assert down <= nanoseconds < down + unit
        assert near in (down, down + unit)
        assert abs(near - nanoseconds) * 2 <= unit


def test_a_span_is_told_in_each_unit() -> None:
    """An age in minutes would be cut to hours."""
    span = Span(-5_400_123_456_789)
    assert [method(span, name) for name in ("Hours", "Minutes", "Seconds")] == [
        *(-5_400.123456789 / 3600, -5_400.123456789 / 60, -5_400.123456789),
    ]
    names = ("Milliseconds", "Microseconds", "Nanoseconds")
    assert [method(span, name) for name in names] == [-5_400_123, -5_400_123_456, int(span)]
    assert int(method(span, "Abs")) == -int(span)
    assert method(span, "String") == str(span) == "-1h30m0.123456789s"


@pytest.mark.parametrize(
    ("start", "added", "end"),
    [
        ((2020, 2, 29), (1, 0, 0), (2021, 3, 1)),
        ((2020, 1, 31), (0, 1, 0), (2020, 3, 2)),
        ((2020, 1, 1), (0, -1, 0), (2019, 12, 1)),
        ((2020, 1, 1), (0, 0, -1), (2019, 12, 31)),
        ((2020, 1, 1), (0, 25, 400), (2023, 3, 8)),
    ],
)
def test_dates_roll_over(
    start: tuple[int, int, int], added: tuple[int, int, int], end: tuple[int, int, int]
) -> None:
    """A month after 31 January would be an error, or the wrong day."""
    midnight = dt.datetime(*start, tzinfo=dt.UTC).timestamp()
    moment = method(Time(int(midnight)), "AddDate", *added).moment
    assert (moment.year, moment.month, moment.day) == end


def test_a_day_later_is_the_same_time_of_day_when_the_clocks_change() -> None:
    """Daily jobs would drift by an hour twice a year."""
    berlin = load("Europe/Berlin", UTC_ZONE)
    assert berlin is not None
    before = Time(int(dt.datetime(2023, 3, 25, 12, tzinfo=dt.UTC).timestamp()), 0, berlin)
    after = method(before, "AddDate", 0, 0, 1)
    assert (before.moment.hour, after.moment.hour) == (13, 13)
    assert int(method(after, "Sub", before)) == 23 * 3600 * SECOND
    assert (method(before, "IsDST"), method(after, "IsDST")) == (False, True)
    assert method(method(after, "UTC"), "Hour") == 11
    assert not method(Time(0), "IsDST")


def test_the_zero_time_is_the_first_of_the_year_one() -> None:
    """``{{if .IsZero}}`` would not see a date that could not be read."""
    assert method(Time(), "IsZero")
    assert str(Time()) == "0001-01-01 00:00:00 +0000 UTC"
    assert not method(Time(0), "IsZero")


def test_equal_times_of_other_zones_are_not_the_same_value() -> None:
    """``deepEqual`` would say that two texts are alike that differ."""
    tokyo = load("Asia/Tokyo", UTC_ZONE)
    assert tokyo is not None
    assert Time(5) == Time(5)
    assert hash(Time(5)) == hash(Time(5))
    assert Time(5) != Time(5, 0, tokyo)
    assert Time(5) != 5


def test_times_and_spans_have_a_form_in_json() -> None:
    """``toJson`` would fail, or write Python's text."""
    assert Time(0, 5_000_000).json_form() == "1970-01-01T00:00:00.005Z"
    assert (Span(5).json_form(), Month(2, ("", *MONTHS)).json_form()) == (5, 2)


@pytest.mark.parametrize("value", ["1h", 1.5, True, None])
def test_what_is_no_span_is_refused(value: Any) -> None:
    """``.Add "1h"`` would add nothing."""
    with pytest.raises(Failure, match=r"expected a time\.Duration"):
        nanoseconds_of(value)
