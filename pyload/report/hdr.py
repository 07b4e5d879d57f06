"""Histograms as text that the libraries of HdrHistogram read: base64 of its compressed V2 encoding.

Our buckets are those of an HdrHistogram of nanoseconds with two significant digits, so nothing is
lost but the exact least and largest value. The encoding is a header and one number for each bucket
up to the last that is not empty, where a negative number stands for so many empty ones. Numbers are
ZigZag LEB128 of at most nine bytes.
"""

from __future__ import annotations

import zlib
from base64 import b64encode
from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyload.report.histogram import Histogram

UNIT: Final = "nanoseconds"
"""What the values of the histograms count."""

_COOKIE: Final = 0x1C849303 | 0x10
_COMPRESSED: Final = 0x1C849304 | 0x10
_HEADER: Final = Struct(">iiiiqqd")
"""Cookie, length of the numbers, offset, significant digits, least and largest value, ratio."""

_DIGITS: Final = 2
_DAY: Final = 86_400_000_000_000
_LONGEST: Final = 9
"""Bytes of a number; the last of so many has eight bits of it, and no bit that says more."""


def hdr_text(histogram: Histogram) -> str:
    """Return the distribution of a histogram."""
    numbers = bytearray()
    end = 0
    for index, count in histogram.counts():
        empty = index - end
        if empty:
            numbers += _number(-empty if empty > 1 else 0)
        numbers += _number(count)
        end = index + 1
    # Readers add up only histograms of one range, so it is the same wherever it can be.
    largest = _DAY
    while largest < histogram.max * 1e9:
        largest *= 2
    header = _HEADER.pack(_COOKIE, len(numbers), 0, _DIGITS, 1, largest, 1.0)
    packed = zlib.compress(header + numbers)
    return b64encode(Struct(">ii").pack(_COMPRESSED, len(packed)) + packed).decode("ascii")


def _number(value: int) -> bytes:
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest >= 0x80 and len(out) < _LONGEST - 1:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
