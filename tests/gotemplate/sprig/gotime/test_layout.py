"""Tests of writing times in Go's layouts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.sprig.gotime.instant import Time
from pyload.gotemplate.sprig.gotime.layout import Moment, formatted, next_element
from pyload.gotemplate.sprig.gotime.zone import UTC_ZONE

# The reference time of the layouts itself, one second early and with a fraction.
MOMENT = Moment(
    year=2006,
    month=1,
    day=2,
    weekday=1,
    year_day=2,
    hour=15,
    minute=4,
    second=5,
    nanosecond=120_000_000,
    zone="MST",
    offset=-7 * 3600,
)


@pytest.mark.parametrize(
    "layout",
    [
        *("2006", "06", "January", "Jan", "1", "01", "Monday", "Mon", "2", "02", "_2", "__2"),
        *("002", "15", "3", "03", "4", "04", "5", "05", "PM", "pm", "MST", "-0700", "-07:00"),
        *("-07", "-070000", "-07:00:00", "Z07:00", "Z0700", "Z07"),
        *("Mon, 02 Jan 2006 15:04:05 MST", "3:04PM", "2006-01-02T15:04:05-07:00"),
    ],
)
def test_the_reference_time_is_its_own_layout(layout: str) -> None:
    """A part of a date would be plain text, or another part."""
    expected = layout.replace("_2", " 2").replace("_", " ").replace("Z", "-")
    assert formatted(MOMENT, layout) == expected


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("January Janet Mondays", "January Janet Mondays"),
        ("_2006 _2", "_2006  2"),
        ("2 Monday0102", "2 Monday0102"),
        (".000 .999 ,00 .000000", ".120 .12 ,12 .120000"),
        (".0001", ".0001"),
        ("", ""),
        ("plain", "plain"),
    ],
)
def test_only_elements_are_replaced(layout: str, text: str) -> None:
    """Words of a file name would turn into parts of the date."""
    assert formatted(MOMENT, layout) == text


@pytest.mark.parametrize(
    ("offset", "texts"),
    [
        (0, ("+0000", "+00", "Z", "Z", "+00:00:00")),
        (5400, ("+0130", "+01", "+01:30", "+0130", "+01:30:00")),
        (-3661, ("-0101", "-01", "-01:01", "-0101", "-01:01:01")),
    ],
)
def test_offsets_are_written_in_each_form(offset: int, texts: tuple[str, ...]) -> None:
    """A time would be read in another zone than it was written in."""
    moment = replace(MOMENT, offset=offset, zone="")
    layouts = ("-0700", "-07", "Z07:00", "Z0700", "-07:00:00")
    assert tuple(formatted(moment, layout) for layout in layouts) == texts
    assert formatted(moment, "MST") == texts[0]


@pytest.mark.parametrize(
    ("hour", "text"),
    [(0, "12 12 AM am 00"), (11, "11 11 AM am 11"), (12, "12 12 PM pm 12"), (13, "1 01 PM pm 13")],
)
def test_hours_of_the_clock_have_two_halves(hour: int, text: str) -> None:
    """Midnight would be 0 AM."""
    assert formatted(replace(MOMENT, hour=hour), "3 03 PM pm 15") == text


@pytest.mark.parametrize(
    ("year", "text"), [(7, "0007 07"), (-5, "-0005 00"), (12345, "12345 45"), (2000, "2000 00")]
)
def test_years_have_four_digits_or_more(year: int, text: str) -> None:
    """The year 7 would be written as one digit, which nobody reads back."""
    assert formatted(replace(MOMENT, year=year), "2006 06") == text


def test_a_fraction_of_nothing_is_left_out() -> None:
    """Whole seconds would end in a point."""
    moment = replace(MOMENT, nanosecond=0)
    assert formatted(moment, "05.999 05.000") == "05 05.000"


@given(st.text(st.sampled_from("January 2006-01:Z07_.09PMMST"), max_size=20))
def test_elements_and_text_are_the_whole_layout(layout: str) -> None:
    """A character of the layout would be lost or written twice."""
    pieces, position = "", 0
    while position < len(layout):
        before, element, end = next_element(layout, position)
        pieces += before + element
        assert end > position
        position = end
    assert pieces == layout


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_python_writes_the_same_date(when: dt.datetime) -> None:
    """A report would name another day than the user's other tools."""
    seconds = (when - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(seconds=1)
    text = Time(seconds, when.microsecond * 1_000, UTC_ZONE).format("2006-01-02T15:04:05.000000")
    assert text == when.replace(tzinfo=None).isoformat(timespec="microseconds")
