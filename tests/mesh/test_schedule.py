"""When changes are due: at the rate that the user asked for, and never twice at once."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.mesh.schedule import Schedule, pause


@given(st.floats(1e-3, 1e5), st.integers())
def test_moments_come_at_the_average_distance(interval: float, seed: int) -> None:
    """A rate that drifts with the time that the work takes is another load."""
    rng = Random(seed)
    schedule = Schedule.starting(interval, now=0.0, rng=rng)
    for _ in range(400):
        # The work takes a tenth of the interval, which must not add up.
        assert schedule.drop(schedule.due) == 0
        schedule.advance(rng)

    assert schedule.due == pytest.approx(401 * interval, rel=0.1)


@given(st.floats(1e-6, 1e3), st.floats(0, 1e6), st.integers())
def test_moments_that_have_passed_are_counted_once(interval: float, late: float, seed: int) -> None:
    """Churn that falls behind would catch up in a burst, or hide that it did not."""
    schedule = Schedule.starting(interval, now=0.0, rng=Random(seed))
    due = schedule.due
    now = due + late
    dropped = schedule.drop(now)

    assert dropped == pytest.approx(late / interval, rel=1e-6, abs=1)
    assert schedule.due == pytest.approx(due + dropped * interval)
    assert schedule.due >= now or schedule.due == pytest.approx(now)


@given(st.floats(0, 1e5), st.integers())
def test_pauses_are_never_negative(interval: float, seed: int) -> None:
    """The loop would be told to sleep for a negative time."""
    rng = Random(seed)

    assert all(pause(interval, rng) >= 0 for _ in range(100))
