"""Histograms as text that the libraries of HdrHistogram read: base64 of its compressed V2 encoding.

Our buckets are those of an HdrHistogram of nanoseconds with two significant digits, so nothing is
lost but the exact least and largest value. The encoding is a header and one number for each bucket
up to the last that is not empty, where a negative number stands for so many empty ones. Numbers are
ZigZag LEB128 of at most nine bytes.
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64decode, b64encode
from struct import Struct
from typing import TYPE_CHECKING, Final

from pyload.report.histogram import Histogram

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT: Final = "nanoseconds"
"""What the values of the histograms count."""

_COOKIE: Final = 0x1C849303 | 0x10
_COMPRESSED: Final = 0x1C849304 | 0x10
_HEADER: Final = Struct(">iiiiqqd")
"""Cookie, length of the numbers, offset, significant digits, least and largest value, ratio."""

_OUTER: Final = Struct(">ii")
"""Cookie, length of what is compressed."""

_DIGITS: Final = 2
_DAY: Final = 86_400_000_000_000
_LONGEST: Final = 9
"""Bytes of a number; the last of so many has eight bits of it, and no bit that says more."""

_MOST: Final = 1 << 20
"""Bytes of a distribution; ours have less than a tenth of that."""


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
    return b64encode(_OUTER.pack(_COMPRESSED, len(packed)) + packed).decode("ascii")


def parse_hdr(text: str, *, least: float, largest: float) -> Histogram:
    """Return the histogram that `hdr_text` has made a text of.

    Args:
        text: The text.
        least: The least duration in seconds.
        largest: The largest.

    Raises:
        ValueError: The text is something else.
    """
    try:
        data = b64decode(text, validate=True)
        cookie, size = _OUTER.unpack_from(data)
        unpacked = zlib.decompressobj().decompress(data[_OUTER.size : _OUTER.size + size], _MOST)
        inner, length, *_, digits, _, _, _ = _HEADER.unpack_from(unpacked)
    except (ValueError, struct.error, zlib.error) as error:
        raise ValueError("no HdrHistogram") from error
    if (cookie, inner, digits) != (_COMPRESSED, _COOKIE, _DIGITS):
        raise ValueError("no HdrHistogram of pyload")
    counts = []
    index = 0
    for number in _numbers(unpacked[_HEADER.size : _HEADER.size + length]):
        if number > 0:
            counts.append((index, number))
        index += -number if number < 0 else 1
    return Histogram.from_counts(counts, least=least, largest=largest)


def _numbers(data: bytes) -> Iterator[int]:
    """Yield what `_number` has encoded, one after the other."""
    value = length = 0
    for byte in data:
        is_last = length == _LONGEST - 1
        value |= (byte if is_last else byte & 0x7F) << 7 * length
        length += 1
        if is_last or not byte & 0x80:
            yield value >> 1 ^ -(value & 1)
            value = length = 0


def _number(value: int) -> bytes:
    rest = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while rest >= 0x80 and len(out) < _LONGEST - 1:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
