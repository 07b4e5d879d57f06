"""How far a figure of one run may be from what it would be in many runs of the same kind.

All ranges hold in 99 of 100 cases, are computed in closed form, and so are the same each time.

A percentile is uncertain because the share of the times below it is: its range has each time that
as many times may be below as the percentile says. Where times do not depend on each other, such a
share is as uncertain as that of heads in so many throws of a coin. The times of one probe do: if
istiod was slow for a moment, all proxies had the probe late. There each probe is one observation,
and the share varies as it does from probe to probe. Probes that follow each other may be alike,
too, which makes fewer of them (the design effect of their correlation). The result has the last
probes only: if those were faster than the others, the others count as one that was slower by as
much. Of probes that are slower than all of these nothing is known.

A ratio of two sums, such as pushes by seconds, is uncertain as it varies between parts of the run:
each of ten equal parts is left out once (the jackknife).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.report.convergence import ProbeTimes
    from pyload.report.histogram import Histogram

FEWEST: Final = 5
"""Observations, be they probes or parts of a run, below which nothing is known of their noise."""

_PARTS: Final = 10
_LARGEST: Final = 1.0
_Z: Final = 2.5758
_MOST_ALIKE: Final = 0.8
_PERCENTS: Final = range(101)


@dataclass(frozen=True, slots=True)
class Range:
    """Where a figure may be.

    Attributes:
        low: The least.
        high: The largest; infinite where nothing bounds it.
    """

    low: float
    high: float


def range_of_times(histogram: Histogram, percent: float) -> Range:
    """Return the range of a percentile of times that do not depend on each other."""
    share = percent / 100
    deviation = math.sqrt(share * (1 - share) / histogram.count)
    # Ranks are whole numbers.
    half = _Z * deviation + 0.5 / histogram.count
    low, high = share - half, share + half
    return Range(
        histogram.percentile(100 * max(0.0, low)),
        histogram.percentile(100 * high) if high < 1 else math.inf,
    )


def range_of_probes(
    histogram: Histogram, probes: Sequence[ProbeTimes], count: int, percent: float
) -> Range | None:
    """Return the range of a percentile of the times that probes took; None for too few.

    Args:
        histogram: The times of all probes.
        probes: Some of these, in order.
        count: How many there were.
        percent: From 0 to 100.
    """
    known = [one for one in probes if one.arrived]
    if len(known) < FEWEST:
        return None
    share = percent / 100
    bounds = {histogram.percentile(percent), *histogram.percentiles(*_PERCENTS)}
    for one in known:
        bounds |= {at for at in (one.first, one.p50, one.p90, one.p99, one.last) if at is not None}
    ordered = sorted(bounds)
    possible = []
    for index, below in enumerate(histogram.counts_at_most(*ordered)):
        found = below / histogram.count
        half = _half_of_share(known, count, ordered[index], found)
        if found - half <= share <= found + half:
            possible.append(index)
    if not possible:
        possible = [ordered.index(histogram.percentile(percent))]
    # It may lie anywhere between these and the next.
    return Range(ordered[max(0, possible[0] - 1)], ordered[min(possible[-1] + 1, len(ordered) - 1)])


def _half_of_share(probes: Sequence[ProbeTimes], count: int, bound: float, found: float) -> float:
    """Return by how much the share of the times up to a bound may differ.

    Args:
        probes: The probes that are known.
        count: How many there were.
        bound: The bound in seconds.
        found: The share that was found.
    """
    shares = [_share_below(one, bound) for one in probes]
    repetition = _repetition(shares)
    slower = count * (fmean(shares) - found)
    if count > len(shares) and slower > 0:
        shares.append(max(0.0, fmean(shares) - slower))
    deviation = _deviation(shares) * math.sqrt(repetition / max(count, len(shares)))
    return student(len(probes) - 1) * deviation


def deviation_of_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float | None:
    """Return by what part of itself the ratio of two sums may differ.

    None if there are too few values, or if it changed so much that they say nothing.

    Args:
        numerators: What happened in each second of the run, or in spans of any length.
        denominators: What it is related to.
    """
    parts = min(_PARTS, len(numerators) // 2)
    if parts < FEWEST:
        return None
    above, below = (_sums(column, parts) for column in (numerators, denominators))
    whole = sum(below)
    if not whole or not sum(above) or any(whole == one for one in below):
        return None
    ratio = sum(above) / whole
    without = [(sum(above) - a) / (whole - b) for a, b in zip(above, below, strict=True)]
    middle = fmean(without)
    variance = (parts - 1) / parts * sum((one - middle) ** 2 for one in without)
    deviation = student(parts - 1) * math.sqrt(variance) / ratio
    return deviation if deviation <= _LARGEST else None


def _share_below(probe: ProbeTimes, seconds: float) -> float:
    """Return the share of a probe's times up to a bound, between those that are known."""
    known = (
        (probe.first, 0.0),
        (probe.p50, 0.5),
        (probe.p90, 0.9),
        (probe.p99, 0.99),
        (probe.last, 1.0),
    )
    before, share_before = seconds, 0.0
    for at, share in known:
        if at is None:
            continue
        if seconds < at:
            if not share:
                return 0.0
            return share_before + (share - share_before) * (seconds - before) / (at - before)
        before, share_before = at, share
    return 1.0


def _deviation(values: Sequence[float]) -> float:
    """Return the standard deviation; `statistics.stdev` is exact, and slow."""
    middle = fmean(values)
    return math.sqrt(sum((one - middle) ** 2 for one in values) / (len(values) - 1))


def _repetition(values: Sequence[float]) -> float:
    """Return how many values say as much as one, because neighbours are alike."""
    middle = fmean(values)
    squares = sum((one - middle) ** 2 for one in values)
    if not squares:
        return 1.0
    pairs = pairwise(values)
    alike = sum((one - middle) * (other - middle) for one, other in pairs) / squares
    alike = min(max(alike, 0.0), _MOST_ALIKE)
    return (1 + alike) / (1 - alike)


def _sums(values: Sequence[float], parts: int) -> list[float]:
    """Add up a column in parts of the same length; what is missing counts as 0."""
    bounds = [round(index * len(values) / parts) for index in range(parts + 1)]
    return [
        sum(one for one in values[low:high] if not math.isnan(one))
        for low, high in pairwise(bounds)
    ]


def student(freedom: int) -> float:
    """Return Student's t for 99 of 100 cases, by the first terms of its expansion around normal."""
    z, n = _Z, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
    )
