"""The states of a worker, and when its deaths are too many."""

from __future__ import annotations

from itertools import product

import pytest

from pyload.errors import RemoteProtocolError
from pyload.proxies.pool.lifecycle import TRANSITIONS, Event, Lifecycle, State

ALL = list(product(State, Event))


@pytest.mark.parametrize(("state", "event"), ALL, ids=lambda one: one.name)
def test_each_event_leads_where_the_table_says_or_is_an_error(state: State, event: Event) -> None:
    """A message at the wrong time would pass unnoticed, or end a run that is all right."""
    lifecycle = Lifecycle()
    lifecycle.state = state
    if (state, event) in TRANSITIONS:
        lifecycle.advance(event)
        assert lifecycle.state is TRANSITIONS[state, event]
    else:
        with pytest.raises(RemoteProtocolError, match=f"{event.name} while it is {state.name}"):
            lifecycle.advance(event)
        assert lifecycle.state is state


def test_no_event_leads_back_from_the_end() -> None:
    """A run that ends would start a process that nobody ends."""
    over = {State.ENDING, State.ENDED}
    for (state, event), after in TRANSITIONS.items():
        assert (event is Event.END) <= (after in over)
        assert (state in over) <= (after in over)


def test_the_end_is_possible_in_every_state() -> None:
    """A second signal, or an early one, would be an error."""
    assert all((state, Event.END) in TRANSITIONS for state in State)


@pytest.mark.parametrize(
    ("seconds", "ready", "excess"),
    [
        (1.0, True, "has died 4 times within 60s"),
        (19.9, True, "has died 4 times within 60s"),
        (20.0, True, ""),
        (1.0, False, "has died 4 times within 60s"),
        (60.0, False, "has failed to start 4 times in a row"),
    ],
)
def test_the_fourth_death_is_too_many_within_a_minute_or_without_a_start(
    seconds: float,
    ready: bool,  # noqa: FBT001 - a parameter
    excess: str,
) -> None:
    """A broken machine would restart processes for ever, or a long run end for nothing."""
    lifecycle = Lifecycle()
    actual = []
    for number in range(4):
        lifecycle.advance(Event.SPAWN)
        if ready:
            lifecycle.advance(Event.READY)
        actual.append(lifecycle.record_death(number * seconds))
    assert actual == ["", "", "", excess]


def test_a_death_at_the_end_does_not_count() -> None:
    """Four workers' processes that are killed at the end would turn a good run into an error."""
    lifecycle = Lifecycle()
    for _ in range(3):
        lifecycle.advance(Event.SPAWN)
        lifecycle.record_death(0.0)
    lifecycle.advance(Event.SPAWN)
    lifecycle.advance(Event.END)
    assert lifecycle.record_death(0.0) == ""
    assert lifecycle.is_over()
