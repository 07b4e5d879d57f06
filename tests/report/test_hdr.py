"""Histograms in HdrHistogram's encoding, as its own library reads them."""

from __future__ import annotations

from random import Random

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pyload.report.hdr import hdr_text, parse_hdr
from pyload.report.histogram import RESOLUTION, Histogram

HOUR = 3600.0
TIMES = st.lists(st.floats(0, HOUR), max_size=50)


def recorded(times: list[float]) -> Histogram:
    """Return a histogram of some times."""
    histogram = Histogram()
    for seconds in times:
        histogram.record(seconds)
    return histogram


def read(histogram: Histogram) -> HdrHistogram:
    """Return what the library reads."""
    return HdrHistogram.decode(hdr_text(histogram))


@settings(max_examples=25)  # the library walks over all of its buckets each time
@given(TIMES)
@example([0.0])
@example([1e-9, 255e-9, 256e-9, 257e-9, 511e-9, 512e-9, HOUR])
def test_every_bucket_and_its_count_are_read(times: list[float]) -> None:
    """A bucket that is off by one would shift every percentile of every run."""
    histogram, found = recorded(times), HdrHistogram(1, 86_400_000_000_000, 2)
    for seconds in times:
        found.record_value(round(seconds * 1e9))
    decoded = read(histogram)

    assert decoded.get_total_count() == len(times) == histogram.count
    steps = [
        [(one.value_iterated_to, one.count_at_value_iterated_to) for one in each]
        for each in (decoded.get_recorded_iterator(), found.get_recorded_iterator())
    ]
    assert steps[0] == steps[1]


@pytest.mark.parametrize("percent", [50, 90, 95, 99, 99.9, 100])
def test_the_library_finds_the_percentiles_of_the_result(percent: float) -> None:
    """Two programs that show one file would disagree."""
    rng = Random(7)
    histogram = recorded([rng.lognormvariate(-4, 2) for _ in range(20_000)])
    theirs = read(histogram).get_value_at_percentile(percent) / 1e9

    assert theirs == pytest.approx(histogram.percentile(percent), rel=2 * RESOLUTION)


def test_histograms_of_several_runs_can_be_added_up() -> None:
    """That is what they are there for: the p99 of ten runs is no mean of ten p99."""
    total = read(recorded([0.5] * 10))
    total.add(read(recorded([120.0])))

    assert total.get_total_count() == 11
    assert total.get_max_value() / 1e9 == pytest.approx(120, rel=0.01)


def test_times_beyond_a_day_are_kept() -> None:
    """A clock that jumps must not lose the result."""
    week = 7 * 24 * HOUR
    assert read(recorded([week])).get_max_value() / 1e9 == pytest.approx(week, rel=0.01)


def test_many_of_the_same_are_one_large_number() -> None:
    """Counts have up to nine bytes."""
    histogram = recorded([1.0])
    for _ in range(60):
        histogram.merge(histogram.copy())

    assert read(histogram).get_total_count() == 1 << 60


def test_it_is_short() -> None:
    """A result has a dozen of them."""
    rng = Random(7)
    histogram = recorded([rng.lognormvariate(-4, 1) for _ in range(100_000)])

    assert len(hdr_text(histogram)) < 3000


@given(TIMES)
@example([0.0])
@example([1e-9, 255e-9, 256e-9, 257e-9, 511e-9, 512e-9, HOUR])
def test_what_was_written_is_read_again(times: list[float]) -> None:
    """A report of a file would have other percentiles than the run had."""
    histogram = recorded(times)
    found = parse_hdr(hdr_text(histogram), least=histogram.min, largest=histogram.max)

    assert hdr_text(found) == hdr_text(histogram)
    assert found.count == histogram.count
    if times:
        percents = (0, 50, 99, 100)
        assert found.percentiles(*percents) == histogram.percentiles(*percents)


@pytest.mark.parametrize("text", ["", "abc", "AAAA", "é", hdr_text(recorded([1.0]))[:-12]])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    """A file that was cut would be compared as if it were whole."""
    with pytest.raises(ValueError, match="no HdrHistogram"):
        parse_hdr(text, least=1.0, largest=1.0)


def test_a_bucket_that_cannot_be_is_refused() -> None:
    """Numbers from a damaged file must not become times of ten thousand years."""
    with pytest.raises(ValueError, match="not the buckets"):
        Histogram.from_counts([(8000, 1)], least=1.0, largest=1.0)
