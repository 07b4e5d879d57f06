"""The life of one proxy: no state may be reached that the table does not list."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import LocalProtocolError, StreamError
from pyload.xds.session import (
    TRANSITIONS,
    Input,
    Session,
    State,
    ZtunnelSession,
    reason_ended,
    reason_failed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS: dict[Input, Callable[[Session], object]] = {
    Input.DIAL: lambda session: session.dial(0.0),
    Input.OPENED: lambda session: session.opened(0.0),
    Input.FAILED: lambda session: session.failed(),
    Input.UPDATED: lambda session: session.updated(),
    Input.CONFIGURED: lambda session: session.configured(0.0),
    Input.ENDED: lambda session: session.ended("unavailable"),
    Input.CLOSE: lambda session: session.close(),
}
ROUTES: dict[State, list[Input]] = {
    State.IDLE: [],
    State.CONNECTING: [Input.DIAL],
    State.CONNECTED: [Input.DIAL, Input.OPENED],
    State.CONFIGURED: [Input.DIAL, Input.OPENED, Input.CONFIGURED],
    State.BACKOFF: [Input.DIAL, Input.FAILED],
    State.CLOSED: [Input.CLOSE],
}


def session(seed: int = 0) -> Session:
    """Return a new session."""
    return Session(rng=Random(seed))


@pytest.mark.parametrize("happened", Input)
@pytest.mark.parametrize("state", State)
def test_every_pair_is_listed_or_an_error(state: State, happened: Input) -> None:
    """A proxy could dial twice or wait after its end without any error."""
    one = session()
    for step in ROUTES[state]:
        INPUTS[step](one)
    assert one.state is state

    if (state, happened) in TRANSITIONS:
        INPUTS[happened](one)
        assert one.state is TRANSITIONS[state, happened]
    else:
        with pytest.raises(LocalProtocolError, match=f"{happened.name} .* {state.name}"):
            INPUTS[happened](one)
        assert one.state is state


@given(st.lists(st.sampled_from(Input), max_size=30), st.integers())
def test_no_sequence_leads_out_of_the_table(inputs: list[Input], seed: int) -> None:
    """Some rare order of events would leave a proxy in a state that cannot be."""
    one = session(seed)
    for happened in inputs:
        expected = TRANSITIONS.get((one.state, happened), one.state)
        try:
            INPUTS[happened](one)
        except LocalProtocolError:
            assert (one.state, happened) not in TRANSITIONS
        assert one.state is expected


def test_waits_grow_to_thirty_seconds_and_spread_from_zero_on() -> None:
    """A restarted istiod would be stormed by all proxies at the same moments."""
    interval = 0.5
    waits: list[tuple[float, float]] = []
    one = session()
    for _ in range(20):
        one.dial(0.0)
        waits.append((interval, one.failed()))
        interval = min(interval * 2, 30.0)

    assert one.failures == 20
    assert interval == 30.0
    assert all(0 <= wait <= base for base, wait in waits)
    assert len({wait / base for base, wait in waits}) > 10


def test_a_good_response_makes_the_next_wait_short_again() -> None:
    """After one bad hour every later reconnect would take half a minute (D7)."""
    one = session()
    for _ in range(20):
        one.dial(0.0)
        one.failed()
    one.dial(0.0)
    one.opened(0.0)
    one.updated()

    assert one.ended("unavailable") <= 0.5


def test_a_connection_closed_for_its_age_is_opened_again_at_once() -> None:
    """Every half hour each proxy would be without its control plane for a while."""
    one = session()
    one.dial(0.0)
    one.opened(0.0)
    one.updated()

    assert one.ended("max_age") == 0.0


def test_an_open_stream_without_a_response_does_not_shorten_the_wait() -> None:
    """A server that accepts and refuses would be dialled twice a second by every proxy."""
    one, waits = session(), list[float]()
    for _ in range(20):
        one.dial(0.0)
        one.opened(0.0)
        waits.append(one.ended("unavailable"))

    assert max(waits[-10:]) >= 15.0


def ztunnel() -> Session:
    """Return the session of a ztunnel whose stream is open."""
    one = ZtunnelSession(rng=Random(1))
    one.dial(0.0)
    one.opened(0.0)
    one.updated()
    return one


def test_a_ztunnel_doubles_its_wait_from_ten_milliseconds_to_fifteen_seconds() -> None:
    """A fleet of ztunnels comes back in step after an outage, and ours would come back spread."""
    one = ztunnel()
    waits = [one.ended("unavailable")]
    for _ in range(13):
        one.dial(0.0)
        waits.append(one.failed())

    assert [round(wait * 1000) for wait in waits] == [
        10, 20, 40, 80, 160, 320, 640, 1280, 2560, 5120, 10240, 15000, 15000, 15000,
    ]  # fmt: skip
    assert one.waited == waits[-1]


@pytest.mark.parametrize(
    ("reason", "waits"),
    [
        ("max_age", [0.0, 0.0]),
        ("server_closed", [0.0, 0.0]),
        ("goaway", [0.01, 0.01]),
        ("unavailable", [0.01, 0.01]),
        ("resource_exhausted", [0.02, 0.04]),
        ("unauthenticated", [0.02, 0.04]),
    ],
)
def test_a_ztunnel_waits_longer_after_errors_alone(reason: str, waits: list[float]) -> None:
    """Istiod's limiter would be stormed, or a restart be waited out that a ztunnel does not."""
    one = ztunnel()
    found = []
    for _ in waits:
        found.append(one.ended(reason))
        one.dial(0.0)
        one.opened(0.0)
        one.updated()
    assert found == waits


def test_a_ztunnel_tells_a_broken_connection_from_an_answer_that_nothing_is_there() -> None:
    """A gateway without an istiod behind it would be asked a hundred times a second."""
    one = ztunnel()
    found = []
    for _ in range(3):
        found.append(one.ended("unavailable", refused=True))
        one.dial(0.0)
        one.opened(0.0)

    assert found == [0.02, 0.04, 0.08]


def test_durations_count_from_the_dial() -> None:
    """Times to connect and to the first config would be measured from different moments."""
    one = session()
    one.dial(10.0)

    assert one.opened(10.5) == 0.5
    assert one.elapsed(11.0) == 1.0
    assert one.configured(12.0) == 2.0


@pytest.mark.parametrize(
    ("name", "message", "failed", "ended"),
    [
        ("OK", "", "server_closed", "server_closed"),
        ("UNAVAILABLE", "connection refused", "connect", "unavailable"),
        ("UNAVAILABLE", "GOAWAY received; Debug Text: max_age", "max_age", "max_age"),
        ("UNAVAILABLE", "max connection age", "max_age", "max_age"),
        ("UNAVAILABLE", "GOAWAY received", "goaway", "goaway"),
        ("UNAVAILABLE", "keepalive: no answer", "keepalive", "keepalive"),
        ("UNAVAILABLE", "no keepalive here", "connect", "unavailable"),
        ("UNAUTHENTICATED", "", "unauthenticated", "unauthenticated"),
        ("PERMISSION_DENIED", "", "permission_denied", "permission_denied"),
        ("RESOURCE_EXHAUSTED", "limit", "resource_exhausted", "resource_exhausted"),
        ("INVALID_ARGUMENT", "", "invalid_argument", "invalid_argument"),
    ],
)
def test_reasons_are_few_and_stable(name: str, message: str, failed: str, ended: str) -> None:
    """A refused token would be counted as a broken connection, or each text as its own reason."""
    error = StreamError(code=0, name=name, message=message)

    assert (reason_failed(error), reason_ended(error)) == (failed, ended)
