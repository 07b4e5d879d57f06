"""The times of one change, and those of many."""

from __future__ import annotations

import pytest

from pyload.commands.latency.arrivals import Spread
from pyload.commands.latency.change_times import COLUMNS, ChangeHistograms, ChangeTimes


def test_a_change_that_arrives_before_its_answer_ends_with_the_answer() -> None:
    """Scripts read both times as Go durations; a negative one would be taken for nonsense."""
    early = ChangeTimes(10.0, 10.2, Spread(10.05, 10.06, 10.1))
    late = ChangeTimes(10.0, 10.2, Spread(10.3, 10.4, 10.5))

    assert early.texts() == ("200ms", "0s")
    assert late.texts() == ("500ms", "300ms")


def test_each_column_counts_from_the_beginning_of_the_write() -> None:
    """Two columns that were swapped would make the last proxy look like the first."""
    histograms = ChangeHistograms()
    for factor in (1, 2):
        histograms.record(
            ChangeTimes(
                5.0, 5.0 + 0.1 * factor, Spread(*(5.0 + x * factor for x in (0.2, 0.3, 0.5)))
            )
        )
    found = histograms.latencies()

    assert tuple(found) == COLUMNS
    largest = [found[column].max for column in COLUMNS]
    assert largest == pytest.approx([0.2, 0.4, 0.6, 1.0], rel=0.05)
    assert {latency.count for latency in found.values()} == {2}
