"""Go's durations: how pilot-load configs, flags and log lines write spans of time."""

from __future__ import annotations

import re
from typing import Final, Self

_UNITS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_PART: Final = re.compile(r"(\d*)\.?(\d*)([^\d.]*)", re.ASCII)
_LIMIT: Final = 1 << 63


class Duration(int):
    """A span of time in whole nanoseconds, as Go's ``time.Duration``.

    ``str()`` gives Go's text (``1m30s``, ``550.605471ms``); `parse` reads it back.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read Go's text form: ``1.5h``, ``1h30m``, ``-2s``, ``0``.

        Raises:
            ValueError: The text is not a Go duration, or exceeds 292 years.
        """
        rest = text[1:] if text[:1] in ("+", "-") else text
        if rest == "0":
            return cls(0)
        invalid = f"time: invalid duration {_quoted(text)}"
        total = position = 0
        while position < len(rest):
            part = _PART.match(rest, position)
            whole = _whole(part[1]) if part is not None else None
            if part is None or whole is None or not (part[1] or part[2]):
                raise ValueError(invalid)
            if not part[3]:
                raise ValueError(f"time: missing unit in duration {_quoted(text)}")
            if part[3] not in _UNITS:
                what = f"unknown unit {_quoted(part[3])}"
                raise ValueError(f"time: {what} in duration {_quoted(text)}")
            unit = _UNITS[part[3]]
            total += whole * unit + _fraction(part[2], unit)
            if total > _LIMIT:
                raise ValueError(invalid)
            position = part.end()
        negative = text.startswith("-")
        if not rest or (total == _LIMIT and not negative):
            raise ValueError(invalid)
        return cls(-total if negative else total)

    @classmethod
    def from_seconds(cls, seconds: float) -> Self:
        """Round seconds to the nearest nanosecond."""
        return cls(round(seconds * 1e9))

    @property
    def seconds(self) -> float:
        """The span in seconds."""
        return int(self) / 1e9

    def __str__(self) -> str:
        value = abs(int(self))
        sign = "-" if self < 0 else ""
        if value == 0:
            return "0s"
        if value < _UNITS["us"]:
            return f"{sign}{value}ns"
        if value < _UNITS["ms"]:
            return f"{sign}{_decimal(value, _UNITS['us'])}µs"
        if value < _UNITS["s"]:
            return f"{sign}{_decimal(value, _UNITS['ms'])}ms"
        minutes, rest = divmod(value, _UNITS["m"])
        text = f"{_decimal(rest, _UNITS['s'])}s"
        if minutes:
            hours, minutes = divmod(minutes, 60)
            text = f"{minutes}m{text}"
            if hours:
                text = f"{hours}h{text}"
        return sign + text

    def __repr__(self) -> str:
        return f"Duration({str(self)!r})"


def _whole(digits: str) -> int | None:
    """Read the digits before the point; None if they exceed what Go can hold."""
    digits = digits.lstrip("0")
    if len(digits) > len(str(_LIMIT)):
        return None
    value = int(digits or 0)
    return value if value <= _LIMIT else None


def _fraction(digits: str, unit: int) -> int:
    """Scale the digits after the point as Go does: in floating point, ignoring what is too long."""
    value, scale = 0, 1
    for digit in digits:
        if value * 10 + int(digit) > _LIMIT or value > (_LIMIT - 1) // 10:
            break
        value = value * 10 + int(digit)
        scale *= 10
    return int(value * (unit / scale))


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    if not fraction:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{fraction:0{digits}d}".rstrip("0")


def _quoted(text: str) -> str:
    """Quote as Go's time package does: what is not printable ASCII as the hex of its bytes."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in ('"', "\\"):
        return "\\" + character
    if " " <= character < "\x80":
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))
