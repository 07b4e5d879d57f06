"""Time zones: the offset and the abbreviation at a point in time."""

from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# What datetime can hold, less a day for offsets.
_FIRST: Final = -62_135_510_400
_LAST: Final = 253_402_214_400
_MONTH: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone.

    Attributes:
        name: As Go names it: ``UTC``, ``Local``, ``Europe/Berlin``.
        rules: The zone's history, or None for one offset for ever.
        offset: Seconds east of Greenwich, where there are no rules.
    """

    name: str
    rules: tzinfo | None = None
    offset: int = 0

    def at(self, seconds: int) -> tuple[str, int]:
        """Abbreviation and offset in seconds at a time in seconds since 1970."""
        if self.rules is None:
            return self.name, self.offset
        within = min(max(seconds, _FIRST), _LAST)
        local = (_EPOCH + timedelta(seconds=within)).astimezone(self.rules)
        offset = local.utcoffset() or timedelta()
        return local.tzname() or "", offset.days * 86_400 + offset.seconds

    def is_dst(self, seconds: int) -> bool:
        """Whether it is summer time."""
        if self.rules is None:
            return False
        within = min(max(seconds, _FIRST), _LAST)
        return bool((_EPOCH + timedelta(seconds=within)).astimezone(self.rules).dst())

    def offset_named(self, abbreviation: str, seconds: int) -> int | None:
        """The offset of an abbreviation in use around a time, or None."""
        for month in (0, 3, -3, 6, -6, 9, -9, 12, -12):
            name, offset = self.at(seconds + month * _MONTH)
            if name == abbreviation:
                return offset
        return None

    def seconds_of(self, wall: int) -> int:
        """Seconds since 1970 for what clocks show, given as if they showed UTC."""
        return wall - self.at(wall - self.at(wall)[1])[1]


UTC_ZONE: Final = Zone("UTC")


def load(name: str, local: Zone) -> Zone | None:
    """Find a zone by its name in the IANA database; None if there is none."""
    if name in ("", "UTC"):
        return UTC_ZONE
    if name == "Local":
        return local
    try:
        return Zone(name, zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None
