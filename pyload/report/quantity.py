"""Quantities of a result as people write and read them: times, sizes, counts, ratios and truth.

A result holds plain numbers: seconds, bytes, counts, and ratios of 1; what is true counts as 1. The
unit of a number says which of these it is, and so how a user writes it and how it is shown.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from pyload.report.latency import time_text
from pyload.units import Duration

Unit = Literal["seconds", "bytes", "count", "ratio", "boolean"]

HOW_TO_WRITE: Final[dict[Unit, str]] = {
    "seconds": "a time with its unit, such as `2s` or `500ms`",
    "bytes": "a size, such as `10GB`, `512MiB` or `0`",
    "count": "a number, such as `0` or `1,000`",
    "ratio": "a percentage, such as `5%`",
    "boolean": "`true` or `false`",
}
"""How a quantity of each unit is written, as part of a sentence."""

_NUMBER: Final = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?", re.ASCII)
_SIZE: Final = re.compile(r"([\d.,]+) ?([kmgt]?)(i?)b", re.ASCII | re.IGNORECASE)
_PREFIXES: Final = ("", "k", "m", "g", "t")
_TRUTH: Final = ("false", "true")


def parse_quantity(text: str, unit: Unit) -> float:
    """Parse a quantity that is not negative.

    Raises:
        ValueError: The text is no quantity of this unit.
    """
    if unit == "seconds":
        span = Duration.parse(text)
        if span < 0:
            raise ValueError(text)
        return span.seconds
    if unit == "boolean":
        return float(_TRUTH.index(text))
    if unit == "bytes" and (size := _SIZE.fullmatch(text)):
        power = _PREFIXES.index(size[2].lower())
        return _number(size[1]) * float((1024 if size[3] else 1000) ** power)
    if unit == "ratio" and text.endswith("%"):
        return _number(text[:-1].rstrip()) / 100
    return _number(text)


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text.replace(",", ""))


def quantity_text(value: float | None, unit: Unit) -> str:
    """Format a quantity; None is one that was not measured."""
    if value is None:
        return "not measured"
    if unit == "seconds":
        return time_text(value)
    if unit == "bytes":
        return size_text(value)
    if unit == "ratio":
        return f"{value * 100:.3g}%"
    if unit == "boolean":
        return _TRUTH[bool(value)]
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def size_text(size: float) -> str:
    """Format a number of bytes, in powers of 1000."""
    for prefix in ("", "k", "M", "G"):
        if size < 1000 or prefix == "G":
            break
        size /= 1000
    return f"{size:,.1f} {prefix}B" if prefix else f"{size:.0f} B"
