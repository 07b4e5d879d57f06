"""The states of the stream: where each input leads, from each state."""

from __future__ import annotations

import pytest

from pyload.xds.http2.state import TRANSITIONS, Input, State


@pytest.mark.parametrize("state", State)
def test_the_stream_can_end_in_every_state(state: State) -> None:
    """A socket that breaks early would raise an error instead of ending the stream."""
    assert TRANSITIONS[state, Input.END] is State.ENDED


def test_nothing_leads_out_of_the_end() -> None:
    """A stream that has ended would deliver messages again."""
    after = {to for (state, _), to in TRANSITIONS.items() if state is State.ENDED}

    assert after == {State.ENDED}


def test_the_answer_begins_once() -> None:
    """A second SETTINGS or header block would open the stream again."""
    ways = {
        state: {to for (begin, _), to in TRANSITIONS.items() if begin is state} for state in State
    }

    assert State.GREETING not in set().union(*ways.values())
    assert [state for state in State if State.HEAD in ways[state]] == [
        State.GREETING,
        State.WAITING,
    ]
    assert [state for state in State if State.BODY in ways[state]] == [State.HEAD]
    assert ways[State.FOREIGN] == {State.ENDED}
