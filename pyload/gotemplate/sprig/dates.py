"""Dates: layouts are Go's, as in ``2006-01-02 15:04:05``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.functions import Failure, Function
from pyload.gotemplate.sprig.bounds import check_work
from pyload.gotemplate.sprig.casts import atoi, wrap_int64
from pyload.gotemplate.sprig.gotime.instant import Time, rounded
from pyload.gotemplate.sprig.gotime.reading import Unreadable, read
from pyload.gotemplate.sprig.gotime.zone import UTC_ZONE, load
from pyload.gotemplate.values import Int32, Int64
from pyload.units import Duration

if TYPE_CHECKING:
    from pyload.gotemplate.sprig.surroundings import Surroundings

_SECOND: Final = 1_000_000_000
_HTML: Final = "2006-01-02"
# Names of spans, and their seconds.
_ROUGHLY: Final = (
    ("y", 365 * 86_400),
    ("mo", 30 * 86_400),
    ("d", 86_400),
    ("h", 3_600),
    ("m", 60),
    ("s", 1),
)


def functions(surroundings: Surroundings) -> tuple[Function, ...]:
    """The functions, with a clock and a local zone."""
    dates = _Dates(surroundings)
    return (
        Function("now", dates.now),
        Function("date", lambda layout, date: dates.show(layout, date, "Local"), ("string", "any")),
        Function("dateInZone", dates.show, ("string", "any", "string")),
        Function("date_in_zone", dates.show, ("string", "any", "string")),
        Function("htmlDate", lambda date: dates.show(_HTML, date, "Local"), ("any",)),
        Function(
            "htmlDateInZone", lambda date, zone: dates.show(_HTML, date, zone), ("any", "string")
        ),
        Function("toDate", dates.read, ("string", "string")),
        Function("mustToDate", dates.must_read, ("string", "string")),
        Function("dateModify", _modified, ("string", Time)),
        Function("date_modify", _modified, ("string", Time)),
        Function("mustDateModify", _must_modify, ("string", Time)),
        Function("must_date_modify", _must_modify, ("string", Time)),
        Function("ago", dates.ago, ("any",)),
        Function("duration", _duration, ("any",)),
        Function("durationRound", dates.roughly, ("any",)),
        Function("unixEpoch", lambda date: str(date.seconds), (Time,)),
    )


class _Dates:
    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings

    def now(self) -> Time:
        return Time.from_nanoseconds(self.surroundings.now(), self.surroundings.zone)

    def of(self, date: Any, *kinds: type) -> Time:
        """The time that a value means: itself, seconds since 1970, or else now."""
        if isinstance(date, Time):
            return date
        if type(date) in kinds:
            return Time(int(date), 0, self.surroundings.zone)
        return self.now()

    def show(self, layout: str, date: Any, zone: str) -> str:
        check_work(len(layout))
        known = load(zone, self.surroundings.zone) or UTC_ZONE
        return self.of(date, int, Int32, Int64).placed(known).format(layout)

    def must_read(self, layout: str, text: str) -> Time:
        try:
            return Time(*read(layout, text, self.surroundings.zone))
        except Unreadable as error:
            raise Failure(str(error)) from error

    def read(self, layout: str, text: str) -> Time:
        try:
            return self.must_read(layout, text)
        except Failure:
            return Time()

    def ago(self, date: Any) -> str:
        since = self.now().nanoseconds - self.of(date, int, Int64).nanoseconds
        return str(Duration(rounded(since, _SECOND)))

    def roughly(self, span: Any) -> str:
        nanoseconds = 0
        if isinstance(span, str):
            nanoseconds = _parsed(span) or 0
        elif isinstance(span, Int64):
            nanoseconds = int(span)
        elif isinstance(span, Time):
            nanoseconds = self.now().nanoseconds - span.nanoseconds
        for name, seconds in _ROUGHLY:
            if abs(nanoseconds) > seconds * _SECOND:
                return f"{abs(nanoseconds) // (seconds * _SECOND)}{name}"
        return "0s"


def _parsed(span: str) -> int | None:
    try:
        return int(Duration.parse(span))
    except ValueError:
        return None


def _modified(span: str, date: Time) -> Time:
    return date.add(_parsed(span) or 0)


def _must_modify(span: str, date: Time) -> Time:
    try:
        return date.add(int(Duration.parse(span)))
    except ValueError as error:
        raise Failure(str(error)) from error


def _duration(seconds: Any) -> str:
    """The text of a span in seconds, given as a text or an int64; of all else, none."""
    number = 0
    if isinstance(seconds, str):
        number = atoi(seconds)
    elif isinstance(seconds, Int64):
        number = int(seconds)
    return str(Duration(wrap_int64(number * _SECOND)))
