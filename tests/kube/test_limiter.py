"""The rate of requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.kube.limiter import Limiter


@given(
    rate=st.floats(0.1, 1000),
    burst=st.floats(1, 100),
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=80),
)
def test_no_window_holds_more_than_its_rate_and_one_burst(
    rate: float, burst: float, gaps: list[float]
) -> None:
    """A user's API server would be overrun in spite of --qps."""
    limiter = Limiter(rate, burst)
    now = 0.0
    sent = []
    for gap in gaps:
        now += gap
        sent.append(now + limiter.reserve(now))

    assert sent == sorted(sent)
    for first in range(len(sent)):
        for last in range(first, len(sent)):
            allowed = burst + rate * (sent[last] - sent[first])
            assert last - first + 1 <= allowed + 1e-6 * (1 + allowed)


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    """A start would crawl if the first requests had to wait too."""
    limiter = Limiter(10, 20)

    waits = [limiter.reserve(100.0) for _ in range(22)]

    assert waits[:20] == [0.0] * 20
    assert waits[20:] == pytest.approx([0.1, 0.2])


def test_rest_earns_no_more_than_a_burst() -> None:
    """After an idle hour, a whole hour's requests would hit the server at once."""
    limiter = Limiter(1, 2)
    limiter.reserve(0.0)

    waits = [limiter.reserve(3600.0) for _ in range(3)]

    assert waits == pytest.approx([0, 0, 1])


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (-1, 1), (1, 0.5)])
def test_a_limiter_that_would_stand_still_is_refused(rate: float, burst: float) -> None:
    """Requests would wait for ever, with no word why."""
    with pytest.raises(ValueError, match="rate > 0"):
        Limiter(rate, burst)
