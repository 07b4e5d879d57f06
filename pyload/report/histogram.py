"""Distributions of durations in little memory, which merge without loss.

A bucket is named by the leading binary digits of a duration in nanoseconds and by how many digits
follow, as in an HdrHistogram: its width is the same share of its value everywhere, so percentiles
have one relative error. Buckets are kept in a dictionary, so that an empty one costs nothing.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Leading binary digits that name a bucket, which is so at most 1/128 of its value wide.
_DIGITS: Final = 8
_LARGEST: Final = (1 << 63) - 1

RESOLUTION: Final = 1 / (1 << _DIGITS)
"""Largest relative error of a percentile."""


class Histogram:
    """Counts durations in buckets that grow with the value.

    There are fewer than 7,500 buckets, however much is recorded. Count, sum, least and largest
    value are exact; percentiles are within `RESOLUTION` and never outside what was recorded.
    """

    __slots__ = ("_buckets", "_max", "_min", "_sum", "count")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._sum = 0
        self._min = _LARGEST
        self._max = 0
        self.count = 0

    def record(self, seconds: float) -> None:
        """Count one duration; less than 0 counts as 0, and more than 292 years as that.

        Raises:
            ValueError: The duration is not a finite number.
        """
        if not math.isfinite(seconds):
            raise ValueError(f"not a duration: {seconds}")
        nanoseconds = min(max(0, round(seconds * 1e9)), _LARGEST)
        key = _key(nanoseconds)
        self._buckets[key] = self._buckets.get(key, 0) + 1
        self.count += 1
        self._sum += nanoseconds
        self._min = min(self._min, nanoseconds)
        self._max = max(self._max, nanoseconds)

    def merge(self, other: Histogram) -> None:
        """Add what another histogram has counted."""
        for key, count in other._buckets.items():
            self._buckets[key] = self._buckets.get(key, 0) + count
        self.count += other.count
        self._sum += other._sum
        self._min = min(self._min, other._min)
        self._max = max(self._max, other._max)

    def copy(self) -> Histogram:
        """Return a histogram of the same content, which later records do not change."""
        histogram = Histogram()
        histogram._buckets = self._buckets.copy()
        histogram.count, histogram._sum = self.count, self._sum
        histogram._min, histogram._max = self._min, self._max
        return histogram

    def minus(self, earlier: Histogram) -> Histogram:
        """Return what was recorded since this histogram had the content of an earlier one.

        Its count, sum and percentiles are as exact as ever. The least and the largest value are
        exact if they are those of the whole histogram too, and else within `RESOLUTION`.
        """
        since = Histogram()
        if self.count == earlier.count:
            return since
        before = earlier._buckets
        since._buckets = {
            key: count - before.get(key, 0)
            for key, count in self._buckets.items()
            if count != before.get(key)
        }
        since.count = self.count - earlier.count
        since._sum = self._sum - earlier._sum
        since._min, since._max = (
            min(max(_middle(key), self._min), self._max)
            for key in (min(since._buckets), max(since._buckets))
        )
        if self._min < earlier._min:
            since._min = self._min
        if self._max > earlier._max:
            since._max = self._max
        return since

    @property
    def min(self) -> float:
        """Least duration in seconds; 0 if nothing was recorded."""
        return self._min / 1e9 if self.count else 0.0

    @property
    def max(self) -> float:
        """Largest duration in seconds; 0 if nothing was recorded."""
        return self._max / 1e9

    @property
    def sum(self) -> float:
        """All durations together, in seconds."""
        return self._sum / 1e9

    def percentile(self, percent: float) -> float:
        """Return the duration in seconds that a percentage of all durations do not exceed.

        Args:
            percent: From 0, the least duration, to 100, the largest.

        Raises:
            ValueError: Nothing was recorded, or percent is out of range.
        """
        return self.percentiles(percent)[0]

    def percentiles(self, *percents: float) -> list[float]:
        """Return several percentiles, as `percentile` does.

        Raises:
            ValueError: Nothing was recorded, or one of them is out of range.
        """
        keys = sorted(self._buckets)
        totals = list(accumulate(map(self._buckets.__getitem__, keys)))
        return [self._percentile(percent, keys, totals) for percent in percents]

    def _percentile(self, percent: float, keys: list[int], totals: list[int]) -> float:
        if not self.count or not 0 <= percent <= 100:
            raise ValueError(f"no {percent}th percentile of {self.count} durations")
        rank = max(1, math.ceil(self.count * percent / 100))
        if rank == self.count:
            return self.max
        if rank == 1:
            return self.min
        middle = _middle(keys[bisect_left(totals, rank)])
        return min(max(middle, self._min), self._max) / 1e9

    def count_at_most(self, seconds: float) -> int:
        """Count the durations up to a bound; right to within `RESOLUTION` of the bound."""
        return self.counts_at_most(seconds)[0]

    def counts_at_most(self, *bounds: float) -> list[int]:
        """Count the durations up to each of several bounds, as `count_at_most` does."""
        keys = sorted(self._buckets)
        totals = [0, *accumulate(self._buckets[key] for key in keys)]
        return [
            self.count
            if bound >= self.max
            else totals[bisect_right(keys, bound * 1e9, key=_middle)]
            for bound in bounds
        ]

    def counts(self) -> list[tuple[int, int]]:
        """Return the buckets that are not empty, each as its number and how much is in it.

        The first possible bucket has the number 0. The numbers are those that an HdrHistogram of
        nanoseconds with two significant digits gives the same buckets.
        """
        half = 1 << (_DIGITS - 1)
        return [
            ((key >> _DIGITS) * half + (key & ((1 << _DIGITS) - 1)), self._buckets[key])
            for key in sorted(self._buckets)
        ]

    @classmethod
    def from_counts(
        cls, counts: Iterable[tuple[int, int]], *, least: float, largest: float
    ) -> Self:
        """Read the result of `counts`.

        Args:
            counts: Numbers of buckets, and how much is in each.
            least: The least duration in seconds.
            largest: The largest.

        Raises:
            ValueError: There is no such bucket.
        """
        histogram = cls()
        half = 1 << (_DIGITS - 1)
        for index, count in counts:
            shift = max(0, index // half - 1)
            key = shift << _DIGITS | index - shift * half
            if key > _key(_LARGEST):
                raise ValueError("not the buckets of a histogram")
            histogram._buckets[key] = count
            histogram.count += count
            histogram._sum += count * _middle(key)
        histogram._min, histogram._max = round(least * 1e9), round(largest * 1e9)
        return histogram

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain data for JSON."""
        return {
            "count": self.count,
            "sum": self._sum,
            "min": self._min,
            "max": self._max,
            "buckets": {str(key): self._buckets[key] for key in sorted(self._buckets)},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the result of `to_dict`.

        Raises:
            ValueError: The data is something else.
        """
        histogram = cls()
        try:
            histogram._buckets = {int(key): int(n) for key, n in data["buckets"].items()}
            histogram.count, histogram._sum = int(data["count"]), int(data["sum"])
            histogram._min, histogram._max = int(data["min"]), int(data["max"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError("not the data of a histogram") from error
        if histogram.count != sum(histogram._buckets.values()):
            raise ValueError("not the data of a histogram: the counts do not add up")
        return histogram

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment] # it changes

    def __repr__(self) -> str:
        return f"<Histogram count={self.count} min={self.min} max={self.max}>"


def _key(nanoseconds: int) -> int:
    """Return the bucket of a value: its shift and its leading digits. Keys grow with the value."""
    shift = max(0, nanoseconds.bit_length() - _DIGITS)
    return shift << _DIGITS | nanoseconds >> shift


def _middle(key: int) -> int:
    """Return the middle of a bucket in nanoseconds."""
    shift, digits = divmod(key, 1 << _DIGITS)
    return (digits << shift) + (1 << shift >> 1)
