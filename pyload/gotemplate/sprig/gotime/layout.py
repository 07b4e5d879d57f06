"""Layouts: a reference time in the form in which times are to be written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pyload.gotemplate.sprig.gotime.calendar import MONTHS, WEEKDAYS

# One element of a layout. Alternatives in the order in which Go tries them.
_ELEMENT: Final = re.compile(
    r"January|Jan(?![a-z])|Monday|Mon(?![a-z])|MST"
    r"|0[1-6]|002|15|1|2006|2|__2|_2(?!006)|3|4|5|PM|pm"
    r"|-070000|-07:00:00|-0700|-07:00|-07|Z070000|Z07:00:00|Z0700|Z07:00|Z07"
    r"|[.,](?:0+|9+)(?![0-9])"
)
OFFSETS: Final = {"070000": 3, "07:00:00": 3, "0700": 2, "07:00": 2, "07": 1}


@dataclass(frozen=True, slots=True)
class Moment:
    """A time, taken apart as clocks and calendars of its zone show it."""

    year: int
    month: int
    day: int
    weekday: int
    year_day: int
    hour: int
    minute: int
    second: int
    nanosecond: int
    zone: str
    offset: int


def next_element(layout: str, position: int) -> tuple[str, str, int]:
    """Find the next element from a position on.

    Returns:
        The text before it, the element, and where it ends; no element at the end of the layout.
    """
    match = _ELEMENT.search(layout, position)
    if match is None:
        return layout[position:], "", len(layout)
    return layout[position : match.start()], match[0], match.end()


def formatted(moment: Moment, layout: str) -> str:
    """Write a time in a layout."""
    pieces, position = [], 0
    while position < len(layout):
        before, element, position = next_element(layout, position)
        pieces.append(before)
        if element:
            pieces.append(_element(moment, element))
    return "".join(pieces)


def _element(moment: Moment, element: str) -> str:
    if element[0] in "-Z":
        return _offset(moment.offset, element)
    if element[0] in ".,":
        return _fraction(moment.nanosecond, element)
    hour12 = moment.hour % 12 or 12
    texts = {
        "2006": _padded(moment.year, 4),
        "06": f"{max(moment.year, 0) % 100:02}",
        "January": MONTHS[moment.month - 1],
        "Jan": MONTHS[moment.month - 1][:3],
        "1": str(moment.month),
        "01": f"{moment.month:02}",
        "Monday": WEEKDAYS[moment.weekday],
        "Mon": WEEKDAYS[moment.weekday][:3],
        "2": str(moment.day),
        "_2": f"{moment.day:2}",
        "02": f"{moment.day:02}",
        "__2": f"{moment.year_day:3}",
        "002": f"{moment.year_day:03}",
        "15": f"{moment.hour:02}",
        "3": str(hour12),
        "03": f"{hour12:02}",
        "4": str(moment.minute),
        "04": f"{moment.minute:02}",
        "5": str(moment.second),
        "05": f"{moment.second:02}",
        "PM": "PM" if moment.hour >= 12 else "AM",
        "pm": "pm" if moment.hour >= 12 else "am",
    }
    if element == "MST":
        return moment.zone or _offset(moment.offset, "-0700")
    return texts[element]


def _padded(number: int, width: int) -> str:
    """Digits with leading zeros; a sign comes in addition."""
    return f"{'-' if number < 0 else ''}{abs(number):0{width}}"


def _offset(offset: int, element: str) -> str:
    if element[0] == "Z" and offset == 0:
        return "Z"
    sign = "-" if offset < 0 else "+"
    seconds = abs(offset)
    parts = (seconds // 3600, seconds // 60 % 60, seconds % 60)
    separator = ":" if ":" in element else ""
    return sign + separator.join(f"{part:02}" for part in parts[: OFFSETS[element[1:]]])


def _fraction(nanosecond: int, element: str) -> str:
    digits = f"{nanosecond:09}".ljust(len(element) - 1, "0")[: len(element) - 1]
    if element[1] == "9":
        digits = digits.rstrip("0")
        return element[0] + digits if digits else ""
    return element[0] + digits
