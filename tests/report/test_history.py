"""The figures of a run over time, in bounded space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.report.history import MAX_POINTS, RECENT, History, TimeSeries, column_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.report.history import Join

JOINS: dict[str, Join] = {"pushes": "sum", "wanted": "last", "memory": "max", "connected": "min"}


def history(*, recent: int = 4, most: int = 10) -> History:
    """Return an empty history of a few points."""
    return History(JOINS.__getitem__, recent=recent, most=most)


def kept(seconds: int, *, recent: int = 4, most: int = 10) -> TimeSeries:
    """Return what is kept of some seconds, in the N-th of which everything was N."""
    points = history(recent=recent, most=most)
    for second in range(1, seconds + 1):
        points.add(float(second), dict.fromkeys(JOINS, second))
    return points.snapshot()


def whole(column: Iterable[float]) -> list[int]:
    """Return a column of whole numbers."""
    return [int(value) for value in column]


def test_a_short_run_has_every_second() -> None:
    """Whoever looks for the second of a stall must not get an average."""
    found = kept(MAX_POINTS, recent=RECENT, most=MAX_POINTS)

    assert whole(found.at) == list(range(1, MAX_POINTS + 1))
    assert set(found.seconds) == {1.0}
    assert whole(found.series["pushes"]) == whole(found.at)


def test_older_seconds_are_joined_each_in_its_way() -> None:
    """Pushes of two seconds add up; memory is what it was at its highest."""
    found = kept(12)

    assert whole(found.seconds) == [2, 2, 2, 2, 1, 1, 1, 1]
    assert whole(found.at) == [2, 4, 6, 8, 9, 10, 11, 12]
    assert whole(found.series["pushes"][:4]) == [3, 7, 11, 15]
    assert whole(found.series["wanted"][:4]) == [2, 4, 6, 8]
    assert whole(found.series["memory"][:4]) == [2, 4, 6, 8]
    assert whole(found.series["connected"][:4]) == [1, 3, 5, 7]


@given(st.integers(1, 2000))
def test_nothing_is_lost_and_the_last_seconds_stay(seconds: int) -> None:
    """A week's run would fill the memory, or have nothing of its beginning."""
    found = kept(seconds)

    assert len(found.at) <= 10
    assert sum(found.series["pushes"]) == seconds * (seconds + 1) / 2
    assert sum(found.seconds) == found.at[-1] == seconds
    assert set(found.seconds[-4:]) == {1.0}
    assert len(set(found.seconds[:-5])) <= 1


def test_a_day_is_kept_at_points_of_some_minutes() -> None:
    """The documentation says how coarse a long run becomes."""
    found = kept(86_400, recent=RECENT, most=MAX_POINTS)

    assert len(found.at) <= MAX_POINTS
    assert set(found.seconds[:300]) == {256.0}
    assert set(found.seconds[-RECENT:]) == {1.0}


def test_seconds_that_are_not_quite_one_are_joined_as_well() -> None:
    """A busy loop samples a millisecond late, and would double the width too early."""
    points = history()
    for second in range(1, 13):
        points.add(second + 0.01 * (second % 2), {"pushes": 1})

    assert whole(points.snapshot().series["pushes"]) == [2, 2, 2, 2, 1, 1, 1, 1]


def test_a_series_may_begin_late_and_have_gaps() -> None:
    """What did not happen is 0 times; what nobody measured is no number."""
    points = history()
    points.add(1.0, {})
    points.add(2.0, {"pushes": 5, "memory": 7})
    points.add(3.0, {"memory": None})
    found = points.snapshot()

    assert column_json(found.series["pushes"]) == [0, 5, 0]
    assert column_json(found.series["memory"]) == [None, 7, None]


def test_a_gap_does_not_hide_what_is_beside_it() -> None:
    """A control plane that could not be read for a second would lose two."""
    points = history(recent=1, most=2)
    for second, memory in enumerate((None, 7.0, 9.0, None, 1.0), 1):
        points.add(float(second), {"memory": memory})

    assert column_json(points.snapshot().series["memory"]) == [9, 1]


@pytest.mark.parametrize(
    ("value", "shown"), [(3.0, "3"), (0.1234567, "0.123457"), (float("nan"), "None")]
)
def test_a_column_is_short_in_json(value: float, shown: str) -> None:
    """900 points of 60 series have to stay small."""
    points = history()
    points.add(1.0, {"wanted": value})

    assert str(column_json(points.snapshot().series["wanted"])) == f"[{shown}]"


def test_a_snapshot_stays_as_it_is() -> None:
    """The file is written in a thread, while the run goes on."""
    points = history()
    points.add(1.0, {"wanted": 1})
    before = points.snapshot()
    points.add(2.0, {"wanted": 2})

    assert whole(before.at) == [1]
    assert len(points) == 2
