"""Points in time and spans, with the methods that templates can call on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self

from pyload.gotemplate.functions import Failure, Function, by_name
from pyload.gotemplate.sprig.gotime.calendar import (
    MONTHS,
    WEEKDAYS,
    date_of,
    days_of,
    year_day,
)
from pyload.gotemplate.sprig.gotime.layout import Moment, formatted
from pyload.gotemplate.sprig.gotime.zone import UTC_ZONE, Zone
from pyload.gotemplate.values import Int64, Object
from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECOND: Final = 1_000_000_000
_RFC3339: Final = "2006-01-02T15:04:05.999999999Z07:00"
_SHOWN: Final = "2006-01-02 15:04:05.999999999 -0700 MST"
# Seconds of 0001-01-01, where Go's time begins.
_ZERO: Final = -62_135_596_800


@dataclass(frozen=True, slots=True)
class Named(Object):
    """A number that prints as a name: a month or a day of the week."""

    number: int
    names: tuple[str, ...]

    def __int__(self) -> int:
        return self.number

    def __str__(self) -> str:
        return self.names[self.number]

    def json_form(self) -> int:
        """What it is in JSON."""
        return self.number


class Month(Named):
    """A month, from 1."""

    go_type = "time.Month"
    go_kind = "int"
    methods: ClassVar[Mapping[str, Function]] = by_name(Function("String", str))


class Weekday(Named):
    """A day of the week; Sunday is 0."""

    go_type = "time.Weekday"
    go_kind = "int"
    methods: ClassVar[Mapping[str, Function]] = by_name(Function("String", str))


@dataclass(frozen=True, slots=True)
class Span(Object):
    """A span of time in nanoseconds."""

    go_type = "time.Duration"
    go_kind = "int64"
    nanoseconds: int

    def __int__(self) -> int:
        return self.nanoseconds

    def __str__(self) -> str:
        return str(Duration(self.nanoseconds))

    def json_form(self) -> int:
        """What it is in JSON."""
        return self.nanoseconds

    methods: ClassVar[Mapping[str, Function]] = by_name(
        Function("String", str),
        Function("Hours", lambda span: int(span) / (3600 * _SECOND)),
        Function("Minutes", lambda span: int(span) / (60 * _SECOND)),
        Function("Seconds", lambda span: int(span) / _SECOND),
        Function("Milliseconds", lambda span: _cut(span, 1_000_000)),
        Function("Microseconds", lambda span: _cut(span, 1_000)),
        Function("Nanoseconds", lambda span: Int64(int(span))),
        Function("Abs", lambda span: Span(abs(int(span)))),
        Function(
            "Round", lambda span, unit: Span(rounded(int(span), nanoseconds_of(unit))), ("any",)
        ),
        Function(
            "Truncate",
            lambda span, unit: Span(truncated(int(span), nanoseconds_of(unit))),
            ("any",),
        ),
    )


def _cut(span: Span, unit: int) -> Int64:
    return Int64(truncated(int(span), unit) // unit)


def truncated(nanoseconds: int, unit: int) -> int:
    """Round towards zero to a multiple of a unit; leave it if the unit is not positive."""
    if unit <= 0:
        return nanoseconds
    whole = abs(nanoseconds) // unit * unit
    return whole if nanoseconds >= 0 else -whole


def rounded(nanoseconds: int, unit: int) -> int:
    """Round to the nearest multiple of a unit, halves away from zero."""
    if unit <= 0:
        return nanoseconds
    whole = (2 * abs(nanoseconds) + unit) // (2 * unit) * unit
    return whole if nanoseconds >= 0 else -whole


def nanoseconds_of(span: Any) -> int:
    """The nanoseconds of a span, which a template may also write as a whole number.

    Raises:
        Failure: It is neither.
    """
    if isinstance(span, Span) or (isinstance(span, int) and not isinstance(span, bool)):
        return int(span)
    raise Failure("expected a time.Duration")


@dataclass(frozen=True, slots=True, eq=False)
class Time(Object):
    """A point in time, and the zone in which it is shown.

    Attributes:
        seconds: Since 1970.
        nanosecond: Within the second.
        zone: The zone.
    """

    go_type = "time.Time"
    go_kind = "struct"
    seconds: int = _ZERO
    nanosecond: int = 0
    zone: Zone = UTC_ZONE

    @classmethod
    def from_nanoseconds(cls, nanoseconds: int, zone: Zone) -> Self:
        """The time so many nanoseconds after 1970."""
        return cls(nanoseconds // _SECOND, nanoseconds % _SECOND, zone)

    @property
    def nanoseconds(self) -> int:
        """Nanoseconds since 1970."""
        return self.seconds * _SECOND + self.nanosecond

    @property
    def moment(self) -> Moment:
        """What clocks and calendars show."""
        name, offset = self.zone.at(self.seconds)
        days, second = divmod(self.seconds + offset, 86_400)
        year, month, day = date_of(days)
        return Moment(
            year=year,
            month=month,
            day=day,
            weekday=(days + 4) % 7,
            year_day=year_day(year, month, day),
            hour=second // 3600,
            minute=second // 60 % 60,
            second=second % 60,
            nanosecond=self.nanosecond,
            zone=name,
            offset=offset,
        )

    def format(self, layout: str) -> str:
        """Write it in a layout."""
        return formatted(self.moment, layout)

    def add(self, nanoseconds: int) -> Time:
        """The time so much later."""
        return Time.from_nanoseconds(self.nanoseconds + nanoseconds, self.zone)

    def add_date(self, years: int, months: int, days: int) -> Time:
        """The same time of day so many years, months and days later; 31 June is 1 July."""
        now = self.moment
        wall = days_of(now.year + years, now.month + months, now.day + days) * 86_400
        wall += now.hour * 3600 + now.minute * 60 + now.second
        return Time(self.zone.seconds_of(wall), self.nanosecond, self.zone)

    def placed(self, zone: Zone) -> Time:
        """The same time, shown in another zone."""
        return Time(self.seconds, self.nanosecond, zone)

    def shifted_to(self, unit: Any, *, nearest: bool) -> Time:
        """Round to a multiple of a unit, counted from the year 1."""
        size = nanoseconds_of(unit)
        since = self.nanoseconds - _ZERO * _SECOND
        rest = since % size if size > 0 else 0
        return self.add(size - rest if nearest and 2 * rest >= size > 0 else -rest)

    def __str__(self) -> str:
        return self.format(_SHOWN)

    def json_form(self) -> str:
        """What it is in JSON."""
        return self.format(_RFC3339)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, Time) and self.nanoseconds == other.nanoseconds
        return same and isinstance(other, Time) and self.zone == other.zone

    def __hash__(self) -> int:
        return hash((self.nanoseconds, self.zone))

    methods: ClassVar[Mapping[str, Function]] = {}


def _since(later: Time, earlier: Time) -> Span:
    limit = 1 << 63
    return Span(min(max(later.nanoseconds - earlier.nanoseconds, -limit), limit - 1))


def _order(one: Time, other: Time) -> int:
    return (one.nanoseconds > other.nanoseconds) - (one.nanoseconds < other.nanoseconds)


Time.methods = by_name(
    Function("After", lambda time, other: _order(time, other) > 0, (Time,)),
    Function("Before", lambda time, other: _order(time, other) < 0, (Time,)),
    Function("Compare", _order, (Time,)),
    Function("Equal", lambda time, other: _order(time, other) == 0, (Time,)),
    Function("IsZero", lambda time: time.nanoseconds == _ZERO * _SECOND),
    Function("Year", lambda time: time.moment.year),
    Function("Month", lambda time: Month(time.moment.month, ("", *MONTHS))),
    Function("Day", lambda time: time.moment.day),
    Function("Weekday", lambda time: Weekday(time.moment.weekday, WEEKDAYS)),
    Function("YearDay", lambda time: time.moment.year_day),
    Function("Hour", lambda time: time.moment.hour),
    Function("Minute", lambda time: time.moment.minute),
    Function("Second", lambda time: time.moment.second),
    Function("Nanosecond", lambda time: time.nanosecond),
    Function("Unix", lambda time: Int64(time.seconds)),
    Function("UnixMilli", lambda time: Int64(time.nanoseconds // 1_000_000)),
    Function("UnixMicro", lambda time: Int64(time.nanoseconds // 1_000)),
    Function("UnixNano", lambda time: Int64(time.nanoseconds)),
    Function("Add", lambda time, span: time.add(nanoseconds_of(span)), ("any",)),
    Function("AddDate", Time.add_date, ("int", "int", "int")),
    Function("Sub", _since, (Time,)),
    Function("Round", lambda time, unit: time.shifted_to(unit, nearest=True), ("any",)),
    Function("Truncate", lambda time, unit: time.shifted_to(unit, nearest=False), ("any",)),
    Function("UTC", lambda time: time.placed(UTC_ZONE)),
    Function("IsDST", lambda time: time.zone.is_dst(time.seconds)),
    Function("Format", Time.format, ("string",)),
    Function("String", str),
)
