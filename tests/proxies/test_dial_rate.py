"""How fast proxies connect."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.proxies.dial_rate import SLOWEST, DialRate


def dials(dial_rate: DialRate, *, seconds: float, start: float = 0.0) -> list[float]:
    """Dial as often as a rate allows, and return the times."""
    now, times = start, list[float]()
    while now < start + seconds:
        wait = dial_rate.wait(now)
        if wait == 0:
            times.append(now)
        now += max(wait, 0.0001) if wait else 0.0001
    return times


@given(st.floats(1, 200), st.integers(0, 1000))
def test_no_second_has_more_dials_than_the_rate(rate: float, seed: int) -> None:
    """Istiod refuses what is beyond its limit, and the storm goes on."""
    times = dials(DialRate(rate, rng=Random(seed)), seconds=3)
    for first in times:
        within = [one for one in times if first <= one < first + 1]
        # The spread of half an interval lets one or two more in at times, never a burst.
        assert len(within) <= rate * 1.5 + 2
    assert len(times) >= rate * 3 * 0.7


def test_without_a_limit_everybody_dials_at_once() -> None:
    """A test of how istiod takes a storm needs one."""
    dial_rate = DialRate(None, rng=Random(1))
    assert [dial_rate.wait(0.0) for _ in range(1000)] == [0.0] * 1000


def test_time_that_was_not_used_is_not_saved_up() -> None:
    """A hundred proxies that churn brings after a quiet hour must not dial at once."""
    dial_rate = DialRate(10, rng=Random(1))
    dials(dial_rate, seconds=1)
    assert len(dials(dial_rate, seconds=1, start=3600)) <= 13


@pytest.mark.parametrize("limit", [None, 500.0])
def test_the_rate_settles_near_what_the_control_plane_admits(limit: float | None) -> None:
    """With istiod's 25 streams a second, a thousand dials at once would mostly be refused."""
    dial_rate = DialRate(limit, rng=Random(2))
    now, admitted_until, refused, served = 0.0, 0.0, 0, 0
    rates = []
    for _ in range(60_000):
        now += 0.002
        if dial_rate.wait(now) > 0:
            continue
        if admitted_until > now + 1:
            refused += 1
            dial_rate.refused(now)
        else:
            admitted_until = max(admitted_until, now) + 1 / 25
            served += 1
            dial_rate.served()
        if now > 30 and dial_rate.rate is not None:
            rates.append(dial_rate.rate)
    assert 12 < sum(rates) / len(rates) < 40
    assert served > 25 * 120 * 0.7
    assert refused < served
    assert dial_rate.refusals == refused


def test_a_wave_of_refusals_lowers_the_rate_once() -> None:
    """A thousand refusals of one storm would bring the rate to its floor."""
    dial_rate = DialRate(100, rng=Random(1))
    for _ in range(50):
        dial_rate.refused(5.0)
    assert dial_rate.rate == pytest.approx(70)
    dial_rate.refused(7.0)
    assert dial_rate.rate == pytest.approx(49)


def test_the_rate_has_a_floor_and_never_exceeds_the_limit() -> None:
    """Refusals for an hour would stop the fleet; successes would break the user's limit."""
    dial_rate = DialRate(100, rng=Random(1))
    for second in range(1000):
        dial_rate.refused(second * 2.0)
    assert dial_rate.rate == SLOWEST
    for _ in range(100_000):
        dial_rate.served()
    assert dial_rate.rate == 100
