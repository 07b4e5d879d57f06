"""How figures have moved, as it is drawn."""

from __future__ import annotations

import math

import pytest

from pyload.report.courses import (
    SECONDS,
    last,
    means_and_maxima,
    rates,
    spread_over,
    states,
)
from pyload.report.history import History, TimeSeries
from pyload.report.series import join_of


def recorded(*points: dict[str, float | None], seconds: float = 1.0) -> TimeSeries:
    """Return the history of points."""
    history = History(join_of)
    for index, point in enumerate(points, 1):
        history.add(index * seconds, point)
    return history.snapshot()


def test_what_happened_is_a_rate_over_all_its_kinds() -> None:
    """A panel that shows clusters alone, or the sum of two seconds, would be wrong by a factor."""
    history = recorded({"pushes.cds": 4.0, "pushes.eds": 2.0, "push_bytes.cds": 9.0}, seconds=2.0)

    assert rates(history, "pushes") == (3.0,)
    assert rates(history, "nothing") == ()


def test_states_are_those_of_the_newest_points() -> None:
    """A day's history would be drawn again four times a second."""
    points: list[dict[str, float | None]] = [
        {"generator.rss_bytes": float(index)} for index in range(200)
    ]

    assert states(recorded(*points), "generator.rss_bytes")[-2:] == (198.0, 199.0)
    assert len(states(recorded(*points), "generator.rss_bytes")) == SECONDS
    assert last(states(recorded(), "generator.rss_bytes")) is None
    assert last((1.0, math.nan)) is None


@pytest.mark.parametrize(
    ("course", "spread"),
    [
        ((0, 0, 0, 0, 5, 0, 0, 0, 0, 10), (1, 1, 1, 1, 1, 2, 2, 2, 2, 2)),
        ((5, 0, 0), (5, 5, 5)),
        ((0, 0), (0, 0)),
        ((), ()),
        ((0, 4, 0, 4, 0), (2, 2, 2, 2, 2)),
    ],
)
def test_what_is_read_every_few_seconds_has_no_gaps(
    course: tuple[float, ...], spread: tuple[float, ...]
) -> None:
    """Istiod's CPU time would be drawn as a comb, five times too high."""
    assert spread_over(course) == spread


def test_times_are_drawn_for_the_seconds_that_measured_some() -> None:
    """Between probes there is nothing to see, least of all that changes take no time."""
    history = recorded(
        {"convergence.count": 2.0, "convergence.sum": 3.0, "convergence.max": 2.0},
        {"convergence.count": 0.0, "convergence.sum": 0.0, "convergence.max": None},
        {"convergence.count": 1.0, "convergence.sum": 4.0, "convergence.max": 4.0},
    )

    assert means_and_maxima(history, "convergence") == ((1.5, 4.0), (2.0, 4.0))
    assert means_and_maxima(history, "nothing") == ((), ())
