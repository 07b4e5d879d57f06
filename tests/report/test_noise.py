"""How far figures may be from what they would be in many runs."""

from __future__ import annotations

import math
from random import Random

import pytest

from pyload.report.convergence import ProbeTimes
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency
from pyload.report.noise import (
    FEWEST,
    Range,
    deviation_of_ratio,
    range_of_probes,
    range_of_times,
    student,
)


def histogram_of(times: list[float]) -> Histogram:
    """Return a histogram of some times."""
    histogram = Histogram()
    for seconds in times:
        histogram.record(seconds)
    return histogram


def probe(times: list[float], number: int = 1) -> ProbeTimes:
    """Return a probe that took some times."""
    found = Latency.of(histogram_of(times))
    return ProbeTimes(
        number=number,
        written=float(number),
        expected=len(times),
        arrived=len(times),
        withdrawn=0,
        never=0,
        out_of_scope=0,
        first=found.min,
        p50=found.p50,
        p90=found.p90,
        p99=found.p99,
        last=found.max,
    )


def probes_of(rng: Random, count: int, late: float) -> list[list[float]]:
    """Draw probes that take 0.1 to 0.2 s, all of which are late together once in a while."""
    return [
        [0.1 + 0.1 * rng.random() + delay for _ in range(50)]
        for delay in (0.3 * (rng.random() < late) for _ in range(count))
    ]


def range_of(probes: list[list[float]], percent: float, known: int = 20) -> Range | None:
    """Return the range of the times of probes, of which the last are known one by one."""
    histogram = histogram_of([one for times in probes for one in times])
    last = [probe(times) for times in probes[-known:]]
    return range_of_probes(histogram, last, len(probes), percent)


@pytest.mark.parametrize(
    ("freedom", "exact"), [(4, 4.604), (5, 4.032), (9, 3.250), (19, 2.861), (99, 2.626)]
)
def test_students_t_is_that_of_the_tables(freedom: int, exact: float) -> None:
    """Of few probes too much would be read, or too little."""
    assert student(freedom) == pytest.approx(exact, rel=0.015)


@pytest.mark.parametrize("percent", [50, 90, 99])
def test_independent_times_are_within_their_range(percent: float) -> None:
    """In 99 of 100 runs; here in nearly all of 40, each of its own times."""
    rng = Random(1)
    exact = -math.log(1 - percent / 100)
    ranges = [
        range_of_times(histogram_of([rng.expovariate(1) for _ in range(600)]), percent)
        for _ in range(40)
    ]

    assert sum(one.low <= exact <= one.high for one in ranges) >= 38


def test_few_times_have_no_upper_bound() -> None:
    """The largest of fifty says nothing of how large a 99th percentile may be."""
    found = range_of_times(histogram_of([1.0] * 50), 99)

    assert found.low == 1.0
    assert math.isinf(found.high)


@pytest.mark.parametrize("percent", [50, 90])
def test_probes_that_are_late_together_widen_the_range(percent: float) -> None:
    """A thousand proxies that have one late probe are one observation, and not a thousand."""
    rng = Random(2)
    many = histogram_of([one for times in probes_of(rng, 500, 0.2) for one in times])
    exact = many.percentile(percent)
    inside = 0
    for _ in range(20):
        found = range_of(probes_of(rng, 20, 0.2), percent)
        assert found is not None
        inside += found.low <= exact <= found.high

    assert inside >= 19


def test_a_slow_probe_makes_the_p99_uncertain_and_not_the_median() -> None:
    """A run with one stall would be said to be slower than the same without one."""
    steady = [[0.1 + 0.001 * index for index in range(50)] for _ in range(20)]
    stalled = [*steady[1:], [one + 1.0 for one in steady[0]]]
    median, p99 = range_of(stalled, 50), range_of(stalled, 99)
    assert median is not None
    assert p99 is not None

    assert median.high - median.low < 0.01
    assert p99.low < 0.15
    assert p99.high == pytest.approx(1.149)


def test_slow_probes_that_are_not_in_the_list_count_too() -> None:
    """The last twenty may be all alike, and the p99 be that of the first ones."""
    steady = [[0.1 + 0.001 * index for index in range(50)] for _ in range(25)]
    found = range_of([[one + 1.0 for one in steady[0]], *steady], 99)
    assert found is not None

    assert found.low < 0.15
    assert found.high > 1.0


def test_neighbours_that_are_alike_count_for_less() -> None:
    """If istiod is slow for a minute, the sixty probes of it are not sixty observations."""
    rng = Random(3)
    grouped = sorted([0.1 + 0.1 * rng.random()] * 50 for _ in range(20))
    mixed = rng.sample(grouped, 20)
    ranges = [range_of(one, 50) for one in (mixed, grouped)]
    assert ranges[0] is not None
    assert ranges[1] is not None

    assert ranges[1].low < ranges[0].low
    assert ranges[1].high > ranges[0].high


def test_too_few_probes_have_no_range() -> None:
    """Four values can all be high by chance."""
    assert range_of([[0.1] * 50] * (FEWEST - 1), 50) is None
    assert range_of([[0.1] * 50] * FEWEST, 50) == Range(0.1, 0.1)


def test_a_ratio_is_as_uncertain_as_its_parts_differ() -> None:
    """A steady rate would be as uncertain as one that jumps."""
    seconds = [1.0] * 60
    steady = deviation_of_ratio([100.0] * 60, seconds)
    jumping = deviation_of_ratio([50.0 * (1 + index // 6 % 2) for index in range(60)], seconds)
    assert steady is not None
    assert jumping is not None

    assert steady == pytest.approx(0, abs=1e-9)
    assert 0.2 < jumping < 0.6


@pytest.mark.parametrize(
    ("numerators", "denominators"),
    [
        ([1.0] * 8, [1.0] * 8),
        ([0.0] * 60, [1.0] * 60),
        ([1.0] * 60, [0.0] * 60),
        ([1.0] * 60, [60.0] + [0.0] * 59),
        ([60.0] + [0.0] * 59, [1.0] * 60),
    ],
    ids=("short", "nothing", "no time", "all at once", "too unlike"),
)
def test_what_says_nothing_of_a_ratio(numerators: list[float], denominators: list[float]) -> None:
    """A number would be shown where nothing is known."""
    assert deviation_of_ratio(numerators, denominators) is None


def test_missing_values_of_a_series_count_as_nothing() -> None:
    """One second without a reading would make the noise of all not a number."""
    found = deviation_of_ratio([math.nan, *[1.0] * 59], [0.0, *[1.0] * 59])

    assert found == pytest.approx(0, abs=1e-9)
