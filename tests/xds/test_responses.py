"""Responses read once: what is shared among proxies must be what each of them was sent."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.xds.graph import NO_RESOURCES
from pyload.xds.messages import LARGE, Assembler, Bodies, Message
from pyload.xds.resources import Decoder
from pyload.xds.responses import Reader
from pyload.xds.types import CDS, EDS
from pyload.xds.wire import discovery_pb2
from tests.xds.messages import cluster, delta_response, sotw_response

if TYPE_CHECKING:
    from collections.abc import Callable


def received(data: bytes, bodies: Bodies) -> Message:
    """Receive a message from a stream that shares its bodies."""
    got: list[Message] = []
    Assembler(bodies).feed(memoryview(b"\0" + len(data).to_bytes(4, "big") + data), got.append)
    return got[0]


def clusters(count: int) -> dict[str, bytes]:
    """Encode so many clusters."""
    return {f"c{number}": cluster(f"c{number}") for number in range(count)}


@pytest.mark.parametrize("count", [1, 400], ids=["small", "large"])
@pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"])
def test_responses_that_differ_in_the_nonce_are_one_object(count: int, *, delta: bool) -> None:
    """Each of ten thousand proxies would parse and keep the same half megabyte."""
    bodies, reader = Bodies(), Reader()
    read = []
    for number in range(3):
        data = (
            delta_response(CDS, clusters(count), nonce=f"nonce-{number}")
            if delta
            else sotw_response(CDS, *clusters(count).values(), nonce=f"nonce-{number}")
        )
        read.append(reader.read(received(data, bodies), delta=delta))

    assert len({id(response) for response, _ in read}) == 1
    assert [nonce for _, nonce in read] == ["nonce-0", "nonce-1", "nonce-2"]
    assert read[0][0].count == count


@given(
    contents=st.lists(
        st.tuples(
            st.sets(st.sampled_from(["a", "b", "c", "nn"]), max_size=3),
            st.sets(st.sampled_from(["x", "y"]), max_size=2),
            st.sampled_from(["n", "nn", "c", "x1", "v1", "ü"]),
            st.sampled_from([0, LARGE]),
        ),
        max_size=8,
    )
)
def test_what_is_read_is_what_was_sent(
    contents: list[tuple[set[str], set[str], str, int]],
) -> None:
    """A proxy would take another's configuration, because a nonce looks like a name."""
    bodies, reader = Bodies(), Reader(limit=2000)
    for names, removed, nonce, padding in contents:
        resources = {name: cluster(name + "p" * padding) for name in sorted(names)}
        data = delta_response(EDS, resources, removed=sorted(removed), nonce=nonce)
        response, got = reader.read(received(data, bodies), delta=True)
        assert got == nonce
        assert [one.name for one in response.resources] == sorted(names)
        assert sorted(response.removed) == sorted(removed)
        assert response.size == len(data)


def test_a_nonce_that_also_stands_behind_itself_is_read_right() -> None:
    """The control_plane field follows the nonce, and may repeat it."""
    message = discovery_pb2.DiscoveryResponse(type_url=EDS, nonce="same", version_info="same")
    # An unknown field behind the nonce, as the control plane's identifier is to us.
    data = message.SerializeToString() + b"\x32\x06\x0a\x04same"
    reader = Reader()
    for number in (1, 2):
        other = data.replace(b"\x2a\x04same", b"\x2a\x04sam%d" % number)
        assert reader.read(Message(other), delta=False)[1] == f"sam{number}"


@pytest.mark.parametrize("delta", [True, False])
@given(data=st.binary(max_size=80))
def test_random_bytes_are_read_or_refused(data: bytes, *, delta: bool) -> None:
    """Garbage must end the stream with the protocol's error."""
    reader = Reader()
    try:
        reader.read(Message(data), delta=delta)
    except RemoteProtocolError:
        return


def test_states_after_the_same_response_are_computed_once() -> None:
    """A thousand proxies in the same state would each copy it at each push."""
    reader = Reader()
    first, _ = reader.read(Message(delta_response(CDS, clusters(50), nonce="1")), delta=True)
    second, _ = reader.read(Message(delta_response(CDS, removed=["c1"], nonce="2")), delta=True)
    state = first.after(NO_RESOURCES)
    assert first.after(NO_RESOURCES) is state
    later = second.after(state)
    assert second.after(state) is later
    assert "c1" not in later.resources


def test_states_that_nobody_is_in_are_forgotten() -> None:
    """A long run would remember every state of every proxy."""
    reader = Reader()
    response, _ = reader.read(Message(delta_response(CDS, clusters(5))), delta=True)
    response.after(NO_RESOURCES)
    gc.collect()
    known = response._after[NO_RESOURCES]
    assert known() is None


def many(make: Callable[[int], bytes], count: int) -> Reader:
    """Read so many different small responses with little room."""
    reader = Reader(Decoder(limit=1000), limit=1000)
    for number in range(count):
        reader.read(Message(make(number)), delta=True)
    return reader


def test_what_is_remembered_is_bounded() -> None:
    """A mesh that churns for days must not fill the memory."""
    reader = many(lambda n: delta_response(CDS, {f"c{n}": cluster(f"c{n}")}), 300)
    assert reader._size <= 1000
    assert reader.decoder.size <= 1000


def test_what_is_used_stays_remembered() -> None:
    """The configuration of every proxy would be forgotten for the churn of a few."""
    decoder = Decoder(limit=1000)
    kept = cluster("kept")
    resource = decoder.decode(CDS, kept)
    for number in range(300):
        decoder.decode(CDS, cluster(f"c{number}"))
        assert decoder.decode(CDS, kept) is resource
