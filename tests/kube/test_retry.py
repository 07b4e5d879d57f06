"""Which requests are repeated."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.kube.retry import ATTEMPTS, BUDGET_SECONDS, Failure, Lost, pause

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@given(
    method=st.sampled_from(METHODS),
    failures=st.lists(
        st.builds(
            Failure,
            st.sampled_from([429, 500, 502, 503, 504, *Lost]),
            st.none() | st.floats(0, 10_000),
        ),
        min_size=20,
        max_size=20,
    ),
    seed=st.integers(),
)
def test_every_call_ends_soon(method: str, failures: list[Failure], seed: int) -> None:
    """A server in trouble, or one that says `Retry-After: 9999`, would hang the run for ever."""
    rng = Random(seed)
    attempt, paused = 0, 0.0
    for failure in failures:
        attempt += 1
        wait = pause(method, failure, attempt=attempt, paused=paused, rng=rng)
        if wait is None:
            break
        assert wait > 0
        paused += wait

    assert attempt <= ATTEMPTS
    assert paused <= BUDGET_SECONDS


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("cause", "repeated"),
    [
        (429, True),
        (Lost.REFUSED, True),
        (500, "but POST"),
        (502, "but POST"),
        (503, "but POST"),
        (504, "but POST"),
        (Lost.BROKEN, "but POST"),
        (Lost.HOPELESS, False),
        (400, False),
        (401, False),
        (403, False),
        (404, False),
        (409, False),
        (410, False),
        (422, False),
    ],
)
def test_only_what_may_help_and_cannot_harm_is_repeated(
    method: str, cause: int | Lost, repeated: object
) -> None:
    """A repeated POST may create twice; a repeated 403 only hides the real message."""
    wait = pause(method, Failure(cause), attempt=1, paused=0, rng=Random(1))

    assert (wait is not None) == (repeated is True or (bool(repeated) and method != "POST"))


def test_pauses_grow_and_retry_after_is_a_minimum() -> None:
    """Clients that do not wait longer and longer keep an overloaded server down."""
    pauses = [
        pause("GET", Failure(503), attempt=attempt, paused=0, rng=Random(1)) or 0
        for attempt in range(1, ATTEMPTS)
    ]
    asked = pause("GET", Failure(429, 7.0), attempt=1, paused=0, rng=Random(1))

    assert all(later == pytest.approx(2 * earlier) for earlier, later in pairwise(pauses))
    assert asked == 7.0
