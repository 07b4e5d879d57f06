"""Dates: layouts, zones, spans, and the methods of times.

The expected texts and errors are those of Go's sprig 3.3.
"""

from __future__ import annotations

import pytest

from pyload.gotemplate.sprig.surroundings import local_zone
from tests.gotemplate.sprig.support import failure, render

OUTPUTS = (
    ('{{date "2006-01-02" (int64 "0")}}', "1970-01-01"),
    (
        '{{dateInZone "2006-01-02 15:04:05 -0700 MST" (int64 "1700000000") "Europe/Berlin"}}',
        "2023-11-14 23:13:20 +0100 CET",
    ),
    ('{{dateInZone "15:04" (int64 "0") "Nowhere/None"}}', "00:00"),
    ('{{date_in_zone "Jan 2 2006" (int64 "86400") "UTC"}}', "Jan 2 1970"),
    ('{{htmlDate (int64 "1700000000")}}', "2023-11-14"),
    ('{{htmlDateInZone (int64 "1700000000") "Asia/Tokyo"}}', "2023-11-15"),
    ('{{toDate "2006-01-02" "2017-12-31"}}', "2017-12-31 00:00:00 +0000 UTC"),
    ('{{toDate "2006-01-02" "x"}}', "0001-01-01 00:00:00 +0000 UTC"),
    (
        '{{toDate "Mon, 02 Jan 2006 15:04:05 MST" "Tue, 10 Nov 2009 23:00:00 PST"}}',
        "2009-11-10 23:00:00 +0000 PST",
    ),
    (
        '{{toDate "2006-01-02T15:04:05Z07:00" "2020-01-02T03:04:05.678+02:30"}}',
        "2020-01-02 03:04:05.678 +0230 +0230",
    ),
    ('{{toDate "3:04PM" "12:15AM"}}', "0000-01-01 00:15:00 +0000 UTC"),
    ('{{toDate "2006-002" "2020-366"}}', "2020-12-31 00:00:00 +0000 UTC"),
    ('{{toDate "02/01/06" "05/06/70"}}', "1970-06-05 00:00:00 +0000 UTC"),
    (
        '{{toDate "2006-01-02 15:04 MST" "2020-01-02 10:00 GMT+3"}}',
        "2020-01-02 13:00:00 +0300 GMT+3",
    ),
    ('{{dateModify "-1.5h" (toDate "2006" "2020")}}', "2019-12-31 22:30:00 +0000 UTC"),
    ('{{date_modify "zz" (toDate "2006" "2020")}}', "2020-01-01 00:00:00 +0000 UTC"),
    ('{{mustDateModify "36h" (toDate "2006" "2020")}}', "2020-01-02 12:00:00 +0000 UTC"),
    ('{{unixEpoch (toDate "2006" "2020")}}', "1577836800"),
    ('{{duration "95"}}', "1m35s"),
    ("{{duration 95}}", "0s"),
    ('{{duration (int64 "3700")}}', "1h1m40s"),
    ('{{duration "x"}}', "0s"),
    ('{{durationRound "2h10m5s"}}', "2h"),
    ('{{durationRound "2400h10m5s"}}', "3mo"),
    ('{{durationRound "x"}}', "0s"),
    ('{{durationRound (int64 "5000000000")}}', "5s"),
    ('{{durationRound "-90m"}}', "1h"),
    ('{{durationRound "1h"}}', "60m"),
    ('{{durationRound "9000h"}}', "1y"),
    ('{{durationRound "25h"}}', "1d"),
    ('{{durationRound "61s"}}', "1m"),
    ('{{duration "-61"}}', "-1m1s"),
    ('{{(toDate "2006" "2020").Year}}', "2020"),
    ('{{(toDate "2006-01-02" "2020-02-29").Month}}', "February"),
    ('{{(toDate "2006-01-02" "2020-02-29").Weekday}}', "Saturday"),
    ('{{(toDate "2006-01-02" "2020-02-29").YearDay}}', "60"),
    ('{{(toDate "2006-01-02" "2020-02-29").Unix}}', "1582934400"),
    ('{{(toDate "2006" "2020").AddDate 0 1 30}}', "2020-03-02 00:00:00 +0000 UTC"),
    ('{{((toDate "2006" "2020").Sub (toDate "2006" "2019")).Hours}}', "8760"),
    ('{{(toDate "2006" "2020").After (toDate "2006" "2019")}}', "true"),
    ('{{(toDate "2006" "x").IsZero}}', "true"),
    ('{{toJson (toDate "2006" "2020")}}', '"2020-01-01T00:00:00Z"'),
    (
        '{{(toDate "2006" "2020").Format "Jan _2 06 03:04:05PM .000 Z07:00"}}',
        "Jan  1 20 12:00:00AM .000 Z",
    ),
    ('{{((toDate "2006" "2020").Add 1500000000).Second}}', "1"),
    (
        '{{(toDate "2006-01-02 15" "2020-01-02 13").Truncate 86400000000000}}',
        "2020-01-02 00:00:00 +0000 UTC",
    ),
    (
        '{{(toDate "2006-01-02 15" "2020-01-02 13").Round 86400000000000}}',
        "2020-01-03 00:00:00 +0000 UTC",
    ),
    ('{{(toDate "2006" "2020").Equal (toDate "2006" "2020")}}', "true"),
    ('{{deepEqual (toDate "2006" "2020") (toDate "2006" "2020")}}', "true"),
    ('{{int (toDate "2006" "2020").Month}}', "1"),
    ('{{empty (toDate "2006" "x")}}', "false"),
    ('{{typeOf (toDate "2006" "2020").Month}}', "time.Month"),
)
FAILURES = (
    ('{{mustToDate "2006-01-02" "2017-02-30"}}', 'parsing time "2017-02-30": day out of range'),
    (
        '{{mustToDate "2006-01-02" "2017"}}',
        'parsing time "2017" as "2006-01-02": cannot parse "" as "-"',
    ),
    ('{{mustToDate "15:04" "25:00"}}', 'parsing time "25:00": hour out of range'),
    ('{{mustToDate "2006" "2020x"}}', 'parsing time "2020x": extra text: "x"'),
    ('{{must_date_modify "zz" (toDate "2006" "2020")}}', 'time: invalid duration "zz"'),
)


@pytest.mark.parametrize(("template", "expected"), OUTPUTS)
def test_dates_give_what_sprig_gives(template: str, expected: str) -> None:
    """Another text would break templates that write or read dates."""
    assert render(template) == expected


@pytest.mark.parametrize(("template", "expected"), FAILURES)
def test_dates_fail_as_sprig_fails(template: str, expected: str) -> None:
    """Another error, or none, would hide a mistake from its author."""
    assert failure(template) == expected


def test_now_is_the_time_of_the_surroundings() -> None:
    """A render that should be repeatable would change with the clock."""
    assert render("{{now}}") == "2023-11-14 22:13:20.123456789 +0000 UTC"
    assert render('{{now | date "15:04"}} {{date "2006" "no date"}}') == "22:13 2023"


def test_ago_is_rounded_to_seconds() -> None:
    """Ages would be shown with nine digits."""
    assert render('{{ago (now | dateModify "-90s")}} {{ago (int64 "1700000000")}}') == "1m30s 0s"
    assert render('{{durationRound (now | dateModify "-49h")}}') == "2d"


@pytest.mark.parametrize(
    ("name", "expected"), [("Europe/Berlin", "CET"), (":Asia/Tokyo", "JST"), ("", "UTC")]
)
def test_the_local_zone_is_that_of_the_variable(name: str, expected: str) -> None:
    """Dates would be shown in another zone than the user's other tools show."""
    assert local_zone(name).at(0)[0] == expected
