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
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_LIMIT: Final = (1 << 63) - 1


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
        total = 0
        position = 0
        while position < len(rest):
            part = _PART.match(rest, position)
            if part is None:
                break
            total += _scaled(part[1], _UNITS[part[2]])
            position = part.end()
        if not rest or position < len(rest):
            raise ValueError(f"time: invalid duration {_quoted(text)}")
        if total > _LIMIT:
            raise ValueError(f"time: invalid duration {_quoted(text)}")
        return cls(-total if text.startswith("-") else total)

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


def _scaled(number: str, unit: int) -> int:
    whole, _, fraction = number.partition(".")
    return int(whole or 0) * unit + int(fraction or 0) * unit // 10 ** len(fraction)


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    if not fraction:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{fraction:0{digits}d}".rstrip("0")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
