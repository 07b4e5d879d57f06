"""A reader of times in a layout, with errors in Go's words."""

from __future__ import annotations

import re
from typing import Final, NoReturn

from pyload.gotemplate.sprig.gotime.calendar import (
    MONTHS,
    WEEKDAYS,
    days_of,
    is_leap,
    month_length,
)
from pyload.gotemplate.sprig.gotime.layout import OFFSETS, next_element
from pyload.gotemplate.sprig.gotime.zone import UTC_ZONE, Zone
from pyload.gotemplate.values import utf8

_GMT: Final = re.compile(r"GMT(?:[+-](?:0*(?:1?\d|2[0-3]))(?!\d))?", re.ASCII)
_SIGNED: Final = re.compile(r"[+-]0*(?:1?\d|2[0-3])(?!\d)", re.ASCII)
_ABBREVIATION: Final = re.compile(
    r"ChST|MeST|(?:[A-Z]{4}T|[A-Z]{3}T|WITA|[A-Z]{3})(?![A-Z])", re.ASCII
)
_SHORT_YEAR: Final = re.compile(r"[+-]\d|\d\d", re.ASCII)
_LONG_YEAR: Final = re.compile(r"\d{4}", re.ASCII)
_TWO_DIGITS: Final = re.compile(r"\d\d", re.ASCII)
_DIGITS: Final = re.compile(r"\d\d?", re.ASCII)
# Numbers, by their elements without a zero or an underscore in front: the lowest and the highest.
_NUMBERS: Final = {
    "1": ("month", 1, 12),
    "2": ("day", 0, 99),
    "15": ("hour", 0, 23),
    "3": ("hour", 0, 12),
    "4": ("minute", 0, 59),
    "5": ("second", 0, 59),
}
_HALVES: Final = {"PM": 12, "pm": 12, "AM": 0, "am": 0}


class Unreadable(ValueError):  # noqa: N818 - reads as a state
    """Raised when a text is no time in the layout."""


class _Mismatch(Exception):  # noqa: N818 - reads as a state
    """The text does not have what the element of the layout asks for."""


class _OutOfRange(Exception):  # noqa: N818 - reads as a state
    """A number of the text is too large; says of what."""


def read(layout: str, text: str, default: Zone) -> tuple[int, int, Zone]:
    """Read a time.

    Args:
        layout: How it is written.
        text: The time.
        default: The zone of times that name none, and the one whose abbreviations are known.

    Returns:
        Seconds since 1970, nanoseconds, and its zone.

    Raises:
        Unreadable: It is not written so, or there is no such day.
    """
    return _Reader(layout, text, default).read()


class _Reader:
    def __init__(self, layout: str, text: str, default: Zone) -> None:
        self.layout = layout
        self.text = text
        self.rest = text
        self.default = default
        self.position = 0
        self.numbers = {"year": 0, "month": -1, "day": -1, "hour": 0, "minute": 0, "second": 0}
        self.year_day = -1
        self.nanosecond = 0
        self.half = -1
        self.zone: Zone | None = None
        self.offset: int | None = None
        self.abbreviation = ""

    def read(self) -> tuple[int, int, Zone]:
        element = "start"
        while element:
            before, element, self.position = next_element(self.layout, self.position)
            self._skip(before)
            if element:
                self._try(element)
        if self.rest:
            self._fail(f": extra text: {_quoted(self.rest)}")
        return self._result()

    def _fail(self, message: str) -> NoReturn:
        raise Unreadable(f"parsing time {_quoted(self.text)}{message}")

    def _mismatch(self, rest: str, element: str) -> NoReturn:
        self._fail(
            f" as {_quoted(self.layout)}: cannot parse {_quoted(rest)} as {_quoted(element)}"
        )

    def _skip(self, before: str) -> None:
        """Read over plain text; any number of spaces stands for any other."""
        left = before
        while left:
            if left[0] == " ":
                if self.rest and self.rest[0] != " ":
                    self._mismatch(self.rest, before)
                left, self.rest = left.lstrip(" "), self.rest.lstrip(" ")
                continue
            if not self.rest.startswith(left[0]):
                self._mismatch(self.rest, before)
            left, self.rest = left[1:], self.rest[1:]

    def _try(self, element: str) -> None:
        hold = self.rest
        try:
            self._element(element)
        except _OutOfRange as error:
            self._fail(f": {error} out of range")
        except _Mismatch:
            self._mismatch(hold, element)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.rest)
        if match is None:
            raise _Mismatch
        self.rest = self.rest[match.end() :]
        return match[0]

    def _element(self, element: str) -> None:
        if len(element) < 3 and element.lstrip("0_") in _NUMBERS:
            self._number(element)
        elif element in ("2006", "06"):
            self._year(element)
        elif element in ("January", "Jan"):
            names = MONTHS if element == "January" else [name[:3] for name in MONTHS]
            self.numbers["month"] = 1 + self._name(names)
        elif element in ("Monday", "Mon"):
            self._name(WEEKDAYS if element == "Monday" else [name[:3] for name in WEEKDAYS])
        elif element in ("__2", "002"):
            if element == "__2":
                self.rest = re.sub(r"\A {0,2}", "", self.rest)
            self.year_day = int(
                self._take(re.compile(r"\d{3}" if element == "002" else r"\d{1,3}"))
            )
        elif element in ("PM", "pm"):
            letters = "[AP]M" if element == "PM" else "[ap]m"
            self.half = _HALVES[self._take(re.compile(letters))]
        elif element == "MST":
            self._zone_name()
        elif element[0] in ".,":
            self._fraction(element)
        else:
            self._numeric_zone(element)

    def _number(self, element: str) -> None:
        if element == "_2" and self.rest.startswith(" "):
            self.rest = self.rest[1:]
        name, low, high = _NUMBERS[element.lstrip("0_")]
        number = int(self._take(_TWO_DIGITS if element.startswith("0") else _DIGITS))
        if not low <= number <= high:
            raise _OutOfRange(name)
        self.numbers[name] = number
        if element in ("5", "05") and re.match(r"[.,]\d", self.rest, re.ASCII):
            following = next_element(self.layout, self.position)[1]
            if following[:1] not in (".", ","):
                # A fraction needs no element of its own.
                self._digits(self._take(re.compile(r"[.,]\d+", re.ASCII)))

    def _year(self, element: str) -> None:
        if element == "06":
            year = int(self._take(_SHORT_YEAR))
            self.numbers["year"] = year + (1900 if year >= 69 else 2000)
        else:
            self.numbers["year"] = int(self._take(_LONG_YEAR))

    def _name(self, names: list[str] | tuple[str, ...]) -> int:
        for index, name in enumerate(names):
            if self.rest[: len(name)].lower() == name.lower():
                self.rest = self.rest[len(name) :]
                return index
        raise _Mismatch

    def _zone_name(self) -> None:
        if self.rest.startswith("UTC"):
            self.zone = UTC_ZONE
            self.rest = self.rest[3:]
        elif self.rest.startswith("GMT"):
            self.abbreviation = self._take(_GMT)
        elif self.rest[:1] in ("+", "-") and len(self.rest) >= 3:
            self.abbreviation = self._take(_SIGNED)
        else:
            self.abbreviation = self._take(_ABBREVIATION)

    def _fraction(self, element: str) -> None:
        if element[1] == "0":
            self._digits(self._take(re.compile(rf"[.,]\d{{{len(element) - 1}}}", re.ASCII)))
        elif re.match(r"[.,]\d", self.rest, re.ASCII):
            self._digits(self._take(re.compile(r"[.,]\d+", re.ASCII)))

    def _digits(self, fraction: str) -> None:
        self.nanosecond = int(fraction[1:10].ljust(9, "0"))

    def _numeric_zone(self, element: str) -> None:
        if element[0] == "Z" and self.rest.startswith("Z"):
            self.zone = UTC_ZONE
            self.rest = self.rest[1:]
            return
        count = OFFSETS[element[1:]]
        separator = ":" if ":" in element else ""
        digits = self._take(re.compile("[+-]" + separator.join([r"\d\d"] * count), re.ASCII))
        plain = digits[1:].replace(":", "").ljust(6, "0")
        hours, minutes, seconds = int(plain[:2]), int(plain[2:4]), int(plain[4:])
        limits = (("second", seconds, 60), ("minute", minutes, 60), ("hour", hours, 24))
        for what, number, most in limits:
            if number > most:
                raise _OutOfRange(f"time zone offset {what}")
        offset = hours * 3600 + minutes * 60 + seconds
        self.offset = -offset if digits[0] == "-" else offset

    # -- what it comes to

    def _result(self) -> tuple[int, int, Zone]:
        numbers = self.numbers
        hour = numbers["hour"]
        if self.half == 12 and hour < 12:
            hour += 12
        elif self.half == 0 and hour == 12:
            hour = 0
        month, day = self._day()
        wall = days_of(numbers["year"], month, day) * 86_400
        wall += hour * 3600 + numbers["minute"] * 60 + numbers["second"]
        seconds, zone = self._placed(wall)
        return seconds, self.nanosecond, zone

    def _day(self) -> tuple[int, int]:
        year, month, day = (self.numbers[name] for name in ("year", "month", "day"))
        if self.year_day >= 0:
            if not 1 <= self.year_day <= 365 + is_leap(year):
                self._fail(": day-of-year out of range")
            found_month, found_day = _month_and_day(year, self.year_day)
            if month not in (-1, found_month):
                self._fail(": day-of-year does not match month")
            if day not in (-1, found_day):
                self._fail(": day-of-year does not match day")
            return found_month, found_day
        month, day = (1 if number < 0 else number for number in (month, day))
        if not 1 <= day <= month_length(year, month):
            self._fail(": day out of range")
        return month, day

    def _placed(self, wall: int) -> tuple[int, Zone]:
        """Seconds since 1970, and the zone: the default one where that fits what was read."""
        if self.zone is not None:
            return wall, self.zone
        if self.offset is not None:
            seconds = wall - self.offset
            name, offset = self.default.at(seconds)
            if offset == self.offset and self.abbreviation in ("", name):
                return seconds, self.default
            return seconds, Zone(self.abbreviation, offset=self.offset)
        if not self.abbreviation:
            return self.default.seconds_of(wall), self.default
        known = self.default.offset_named(self.abbreviation, wall)
        if known is not None:
            return wall - known, self.default
        hours = self.abbreviation[3:] if self.abbreviation.startswith("GMT") else ""
        offset = int(hours or 0) * 3600
        # Go takes the time for UTC then, and only shows it with the name.
        return wall, Zone(self.abbreviation, offset=offset)


def _month_and_day(year: int, year_day: int) -> tuple[int, int]:
    month = 1
    while year_day > month_length(year, month):
        year_day -= month_length(year, month)
        month += 1
    return month, year_day


def _quoted(text: str) -> str:
    pieces = []
    for char in text:
        if char in '"\\':
            pieces.append("\\" + char)
        elif char < " " or char > "~":
            pieces += [f"\\x{byte:02x}" for byte in utf8(char)] if char != "\x7f" else [char]
        else:
            pieces.append(char)
    return '"' + "".join(pieces) + '"'
