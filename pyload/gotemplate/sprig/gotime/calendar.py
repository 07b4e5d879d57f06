"""The Gregorian calendar, for every year."""

from __future__ import annotations

from typing import Final

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
WEEKDAYS: Final = (
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
)
_LENGTHS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ERA_DAYS: Final = 146_097
# Days from 1 March of year 0 to 1 January 1970.
_EPOCH: Final = 719_468


def is_leap(year: int) -> bool:
    """Whether the year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def month_length(year: int, month: int) -> int:
    """Days of a month, counted from 1."""
    return _LENGTHS[month - 1] + (month == 2 and is_leap(year))


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01; months and days out of range roll over."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    # Years that begin in March have the leap day at their end.
    year -= month <= 2
    era, in_era = divmod(year, 400)
    in_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * _ERA_DAYS + in_era * 365 + in_era // 4 - in_era // 100 + in_year - _EPOCH


def date_of(days: int) -> tuple[int, int, int]:
    """Year, month and day of days since 1970-01-01."""
    era, in_era = divmod(days + _EPOCH, _ERA_DAYS)
    year = (in_era - in_era // 1460 + in_era // 36_524 - in_era // 146_096) // 365
    in_year = in_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * in_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    day = in_year - (153 * shifted + 2) // 5 + 1
    return era * 400 + year + (month <= 2), month, day


def year_day(year: int, month: int, day: int) -> int:
    """Day of the year, from 1."""
    return days_of(year, month, day) - days_of(year, 1, 1) + 1
