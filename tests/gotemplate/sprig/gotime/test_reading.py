"""Tests of reading times in Go's layouts."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.gotemplate.sprig.gotime.instant import Time
from pyload.gotemplate.sprig.gotime.reading import Unreadable, read
from pyload.gotemplate.sprig.gotime.zone import UTC_ZONE, Zone, load


def told(layout: str, text: str, zone: Zone = UTC_ZONE) -> str:
    """Read a time, and return it as Go prints it."""
    return str(Time(*read(layout, text, zone)))


@pytest.mark.parametrize(
    ("layout", "text", "found"),
    [
        ("2006-01-02", "2020-02-29", "2020-02-29 00:00:00 +0000 UTC"),
        ("Jan _2 2006", "feb  5 2020", "2020-02-05 00:00:00 +0000 UTC"),
        ("January 2, Monday", "MAY 3, sunday", "0000-05-03 00:00:00 +0000 UTC"),
        ("02 Jan 06", "01 Dec 68", "2068-12-01 00:00:00 +0000 UTC"),
        ("02 Jan 06", "01 Dec 69", "1969-12-01 00:00:00 +0000 UTC"),
        ("3:04:05PM", "12:00:01PM", "0000-01-01 12:00:01 +0000 UTC"),
        ("3pm", "1am", "0000-01-01 01:00:00 +0000 UTC"),
        ("15:04:05", "01:02:03.5", "0000-01-01 01:02:03.5 +0000 UTC"),
        ("15:04:05.00", "01:02:03.25", "0000-01-01 01:02:03.25 +0000 UTC"),
        ("15:04:05.999", "01:02:03", "0000-01-01 01:02:03 +0000 UTC"),
        ("15:04:05,999", "01:02:03,123456789", "0000-01-01 01:02:03.123456789 +0000 UTC"),
        ("2006 __2", "2020  60", "2020-02-29 00:00:00 +0000 UTC"),
        ("2006-002 Jan", "2019-060 Mar", "2019-03-01 00:00:00 +0000 UTC"),
        ("15 Z07:00", "10 Z", "0000-01-01 10:00:00 +0000 UTC"),
        ("15 Z07", "10 -03", "0000-01-01 10:00:00 -0300 -0300"),
        ("15 -070000", "10 +013015", "0000-01-01 10:00:00 +0130 +0130"),
        ("15 MST", "10 UTC", "0000-01-01 10:00:00 +0000 UTC"),
        ("15 MST", "10 GMT-8", "0000-01-01 02:00:00 -0800 GMT-8"),
        ("15 MST", "10 +03", "0000-01-01 10:00:00 +0000 +03"),
        ("15 MST -0700", "10 CET +0100", "0000-01-01 10:00:00 +0100 CET"),
        ("a  b 2006", "a b 2020", "2020-01-01 00:00:00 +0000 UTC"),
        ("2006 ", "2020", "2020-01-01 00:00:00 +0000 UTC"),
    ],
)
def test_times_are_read_as_by_go(layout: str, text: str, found: str) -> None:
    """A date that pilot-load reads would be refused, or be another one."""
    assert told(layout, text) == found


@pytest.mark.parametrize(
    ("layout", "text", "words"),
    [
        ("2006", "x", ' as "2006": cannot parse "x" as "2006"'),
        ("2006", "202", ' as "2006": cannot parse "202" as "2006"'),
        ("06", "x", ' as "06": cannot parse "x" as "06"'),
        ("Jan", "Foo", ' as "Jan": cannot parse "Foo" as "Jan"'),
        ("Monday", "Mon", ' as "Monday": cannot parse "Mon" as "Monday"'),
        ("01", "13", ": month out of range"),
        ("01", "00", ": month out of range"),
        ("01", "1", ' as "01": cannot parse "1" as "01"'),
        ("15", "24", ": hour out of range"),
        ("3PM", "13PM", ": hour out of range"),
        ("04", "60", ": minute out of range"),
        ("05", "60", ": second out of range"),
        ("2006-01-02", "2019-02-29", ": day out of range"),
        ("2", "0", ": day out of range"),
        ("002", "000", ": day-of-year out of range"),
        ("2006-002", "2019-366", ": day-of-year out of range"),
        ("2006-002 Jan", "2019-060 Feb", ": day-of-year does not match month"),
        ("2006-002 2", "2019-060 2", ": day-of-year does not match day"),
        ("PM", "XM", ' as "PM": cannot parse "XM" as "PM"'),
        ("pm", "PM", ' as "pm": cannot parse "PM" as "pm"'),
        ("MST", "x", ' as "MST": cannot parse "x" as "MST"'),
        ("MST", "ABCDEF", ' as "MST": cannot parse "ABCDEF" as "MST"'),
        ("MST", "+99", ' as "MST": cannot parse "+99" as "MST"'),
        ("-0700", "0100", ' as "-0700": cannot parse "0100" as "-0700"'),
        ("-07:00", "+0100", ' as "-07:00": cannot parse "+0100" as "-07:00"'),
        ("-0700", "+2500", ": time zone offset hour out of range"),
        ("-0700", "+0061", ": time zone offset minute out of range"),
        ("-070000", "+000061", ": time zone offset second out of range"),
        ("05.000", "05.12", ' as "05.000": cannot parse ".12" as ".000"'),
        ("15:04", "15-04", ' as "15:04": cannot parse "-04" as ":"'),
        ("2006 x", "2020-x", ' as "2006 x": cannot parse "-x" as " x"'),
        ("2006", "2020 ", ': extra text: " "'),
    ],
)
def test_what_is_not_written_so_is_refused_in_gos_words(layout: str, text: str, words: str) -> None:
    """The author of a template could not see which part of the date is wrong."""
    with pytest.raises(Unreadable) as caught:
        read(layout, text, UTC_ZONE)
    assert str(caught.value) == f'parsing time "{text}"{words}'


def test_an_abbreviation_of_the_default_zone_is_known() -> None:
    """A time with CET would be taken for UTC, an hour off."""
    berlin = load("Europe/Berlin", UTC_ZONE)
    assert berlin is not None
    layout = "2006-01-02 15:04 MST"
    assert told(layout, "2020-01-02 10:00 CET", berlin) == "2020-01-02 10:00:00 +0100 CET"
    assert told(layout, "2020-07-02 10:00 CEST", berlin) == "2020-07-02 10:00:00 +0200 CEST"
    assert told(layout, "2020-07-02 10:00 PST", berlin) == "2020-07-02 10:00:00 +0000 PST"
    assert told("2006-01-02 -0700", "2020-01-02 +0100", berlin) == "2020-01-02 00:00:00 +0100 CET"
    assert told("2006-01-02", "2020-07-02", berlin) == "2020-07-02 00:00:00 +0200 CEST"


@given(st.datetimes(timezones=st.just(dt.UTC)), st.sampled_from(["T", " "]))
def test_what_python_writes_is_read(when: dt.datetime, separator: str) -> None:
    """A date from another tool would be refused, or be off by a day."""
    text = when.replace(tzinfo=None).isoformat(separator, timespec="microseconds")
    seconds, nanosecond, zone = read(f"2006-01-02{separator}15:04:05.000000", text, UTC_ZONE)
    start = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert start + dt.timedelta(seconds=seconds) == when.replace(microsecond=0)
    assert (nanosecond, zone) == (when.microsecond * 1_000, UTC_ZONE)


def test_an_hour_that_is_skipped_in_spring_is_read_as_go_reads_it() -> None:
    """Times around the change of clocks would be an hour off."""
    zone = load("America/New_York", UTC_ZONE)
    assert zone is not None
    layout = "2006-01-02 15:04"
    assert str(Time(*read(layout, "2020-03-08 02:30", zone))) == "2020-03-08 01:30:00 -0500 EST"
    assert str(Time(*read(layout, "2020-11-01 01:30", zone))) == "2020-11-01 01:30:00 -0400 EDT"
    named = read("2006-01-02 15:04 MST", "2020-07-02 10:00 EST", zone)
    assert str(Time(*named)) == "2020-07-02 11:00:00 -0400 EDT"


@given(st.integers(-(10**11), 10**11), st.integers(0, 999_999_999))
def test_a_time_that_is_written_is_read_again(seconds: int, nanosecond: int) -> None:
    """A date would change when a template reads what another one wrote."""
    time = Time(seconds, nanosecond, UTC_ZONE)
    if not 0 <= time.moment.year <= 9999:
        return
    layout = "2006-01-02T15:04:05.999999999Z07:00"
    assert read(layout, time.format(layout), UTC_ZONE)[:2] == (seconds, nanosecond)


@given(st.text(), st.text())
def test_any_layout_and_text_are_read_or_refused(layout: str, text: str) -> None:
    """A template's mistake would end the program."""
    with contextlib.suppress(Unreadable):
        read(layout, text, UTC_ZONE)
