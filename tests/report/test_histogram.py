"""Tests of histograms."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.report.histogram import RESOLUTION, Histogram

SECONDS = st.floats(0, 9e9) | st.floats(0, 1) | st.floats(0, 1e-6)
PERCENT = st.floats(0, 100)


def recorded(values: list[float]) -> Histogram:
    """Create a histogram of durations."""
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_merging_equals_recording_everything(left: list[float], right: list[float]) -> None:
    """The figures of several workers would not be those of the whole run."""
    merged = recorded(left)
    merged.merge(recorded(right))
    assert merged == recorded(left + right)


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_a_difference_is_what_was_recorded_in_between(
    before: list[float], since: list[float]
) -> None:
    """A step of a ladder would be judged by the times of the steps before it."""
    earlier, whole = recorded(before), recorded(before + since)
    difference = whole.minus(earlier)

    assert difference.count == len(since)
    assert difference.sum == pytest.approx(recorded(since).sum, rel=1e-6, abs=1e-6)
    for percent in (0, 1, 50, 99, 100) if since else ():
        expected = recorded(since).percentile(percent)
        assert difference.percentile(percent) == pytest.approx(
            expected, rel=2 * RESOLUTION, abs=2e-9
        )
    if since and max(since) > max(before, default=0.0):
        assert difference.max == recorded(since).max
    difference.merge(earlier)
    assert difference.count == whole.count


def test_a_difference_without_records_is_empty() -> None:
    """A step in which nothing happened would show a least time of 292 years."""
    histogram = recorded([1.0, 2.0])

    assert histogram.minus(histogram) == Histogram()


@given(st.lists(SECONDS, min_size=1), PERCENT, PERCENT)
def test_percentiles_stay_within_what_was_recorded(
    values: list[float], one: float, other: float
) -> None:
    """A report would show a p99 above its maximum, or a p50 above its p99."""
    histogram = recorded(values)
    low, high = sorted((one, other))
    assert histogram.min <= histogram.percentile(low) <= histogram.percentile(high) <= histogram.max
    assert histogram.percentile(0) == histogram.min == round(min(values) * 1e9) / 1e9
    assert histogram.percentile(100) == histogram.max == round(max(values) * 1e9) / 1e9


@given(st.lists(SECONDS, min_size=1), PERCENT)
def test_percentiles_are_as_exact_as_promised(values: list[float], percent: float) -> None:
    """Regressions smaller than the error would be seen where there are none."""
    rank = max(1, math.ceil(len(values) * percent / 100))
    exact = round(sorted(values)[rank - 1] * 1e9) / 1e9
    assert recorded(values).percentile(percent) == pytest.approx(exact, rel=RESOLUTION, abs=1e-9)


@given(st.lists(SECONDS))
def test_reads_what_it_wrote(values: list[float]) -> None:
    """A worker's figures would not arrive."""
    histogram = recorded(values)
    assert Histogram.from_dict(json.loads(json.dumps(histogram.to_dict()))) == histogram


@given(st.lists(SECONDS), SECONDS, SECONDS)
def test_counts_up_to_a_bound_grow_with_it(values: list[float], one: float, other: float) -> None:
    """Prometheus would refuse buckets that shrink."""
    low, high = sorted((one, other))
    histogram = recorded(values)
    assert 0 <= histogram.count_at_most(low) <= histogram.count_at_most(high) <= len(values)
    assert histogram.count_at_most(histogram.max) == len(values)


def test_counts_up_to_a_bound() -> None:
    """Prometheus would show a wrong distribution."""
    histogram = recorded([0.001, 0.01, 0.1, 1.0])
    assert [histogram.count_at_most(bound) for bound in (0.0005, 0.05, 0.5, 5)] == [0, 2, 3, 4]


def test_sums_exactly() -> None:
    """Averages would drift over long runs."""
    histogram = recorded([0.1] * 10)
    assert (histogram.count, histogram.sum, histogram.min, histogram.max) == (10, 1.0, 0.1, 0.1)
    assert repr(histogram) == "<Histogram count=10 min=0.1 max=0.1>"


def test_nothing_recorded_is_no_percentile() -> None:
    """A report would show 0 s for what was never measured."""
    with pytest.raises(ValueError, match="no 50th percentile of 0 durations"):
        Histogram().percentile(50)
    assert (Histogram().min, Histogram().max) == (0.0, 0.0)


@pytest.mark.parametrize("percent", [-1, 101, math.nan])
def test_percentiles_beyond_the_scale_are_refused(percent: float) -> None:
    """A fraction given for a percentage would pass unnoticed."""
    with pytest.raises(ValueError, match="percentile of 1 durations"):
        recorded([1]).percentile(percent)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_only_durations_are_recorded(value: float) -> None:
    """One bad sample would spoil all figures."""
    with pytest.raises(ValueError, match="not a duration"):
        recorded([value])


def test_the_number_of_buckets_is_bounded() -> None:
    """Memory would grow with the run."""
    histogram = Histogram()
    for exponent in range(64):
        for step in range(256):
            histogram.record((1 << exponent) * (1 + step / 256) / 1e9)
    assert len(histogram.to_dict()["buckets"]) < 7500
    assert histogram.max == ((1 << 63) - 1) / 1e9


def test_an_early_clock_counts_as_no_time() -> None:
    """A timer that fires a little early would end the probe."""
    assert recorded([-0.001]).max == 0.0


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"buckets": []},
        {"buckets": {"x": 1}, "count": 1, "sum": 0, "min": 0, "max": 0},
        {"buckets": {"1": 1}, "count": 2, "sum": 0, "min": 0, "max": 0},
    ],
)
def test_other_data_is_refused(data: dict[str, Any]) -> None:
    """A broken worker would spoil the figures of the others."""
    with pytest.raises(ValueError, match="not the data of a histogram"):
        Histogram.from_dict(data)
