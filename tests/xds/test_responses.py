"""Responses that many proxies have received: what depends on the receiver is computed once."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.xds.messages import Message
from pyload.xds.resource_set import NO_RESOURCES, NameSet
from pyload.xds.resources import WRAPPER
from pyload.xds.response_cache import ResponseCache
from pyload.xds.responses import names_of, parse
from pyload.xds.types import CDS, EDS
from pyload.xds.wire import discovery_pb2
from tests.xds.messages import clusters, delta_response, named, packed, sotw_response


def test_states_after_the_same_response_are_computed_once() -> None:
    """A thousand proxies in the same state would each copy it at each push."""
    cache = ResponseCache()
    first, _ = cache.read(Message(delta_response(CDS, clusters(50), nonce="1")), delta=True)
    second, _ = cache.read(Message(delta_response(CDS, removed=["c1"], nonce="2")), delta=True)
    state = first.after(NO_RESOURCES)
    assert first.after(NO_RESOURCES) is state
    later = second.after(state)
    assert second.after(state) is later
    assert "c1" not in later.by_name


def test_states_that_nobody_is_in_are_forgotten() -> None:
    """A long run would remember every state of every proxy."""
    cache = ResponseCache()
    response, _ = cache.read(Message(delta_response(CDS, clusters(5))), delta=True)
    response.after(NO_RESOURCES)
    gc.collect()
    known = response._after[NO_RESOURCES]
    assert known() is None


def test_names_that_nobody_asked_for_are_found_once_for_all_who_ask_for_the_same() -> None:
    """Each of ten thousand proxies would compare every name with every other."""
    response, _ = ResponseCache().read(Message(delta_response(CDS, clusters(3))), delta=True)
    wanted, other = NameSet.of(["c1", "gone"]), NameSet.of(["c0", "c1", "c2"])

    found = response.unmatched(wanted)

    assert found == ("c0", "c2")
    assert response.unmatched(wanted) is found
    assert response.unmatched(other) == ()
    assert response.unmatched(wanted) == found


@pytest.mark.parametrize("delta", [False, True])
def test_details_are_the_same_objects_for_all(*, delta: bool) -> None:
    """A consumer that looks into pushes would hold a copy for each proxy."""
    sent = clusters(3)
    data = delta_response(CDS, sent) if delta else sotw_response(CDS, *sent.values())
    message = Message(data)
    response, _ = ResponseCache().read(message, delta=delta)

    found = response.details(message, delta=delta)

    assert dict(zip(found.names, found.bodies, strict=True)) == sent
    assert response.details(message, delta=delta) is found


@pytest.mark.parametrize("delta", [False, True])
def test_names_that_are_missing_are_found_once_for_all_who_wait_for_the_same(
    *, delta: bool
) -> None:
    """Each of ten thousand proxies that start would compare a thousand names by itself."""
    if delta:
        data = delta_response(EDS, {"a": b"", "b": b""}, removed=["c"])
        expected = {"d"}
    else:
        # Another resource than it should be has a name all the same.
        data = sotw_response(EDS, named(EDS, "a"), named(CDS, "b"), b"\xff")
        expected = {"c", "d"}
    message = Message(data)
    response, _ = ResponseCache().read(message, delta=delta)
    names = frozenset("abcd")
    missing = response.missing(names, message, delta=delta)

    assert missing == expected
    assert response.missing(names, message, delta=delta) is missing
    assert response.missing(frozenset("ab"), message, delta=delta) == set()


def test_the_name_of_a_wrapped_resource_is_read_too() -> None:
    """A time to live would make a proxy wait for endpoints that have come."""
    wrapper = discovery_pb2.Resource(version="v1", name="a", resource=named(EDS, "a"))
    wrapped = packed(WRAPPER, wrapper)
    assert names_of(sotw_response(EDS, wrapped, named(EDS, "b"))) == ["a", "b"]


@given(st.lists(st.text(max_size=8), max_size=5))
def test_names_are_read_without_the_rest_of_the_resources(names: list[str]) -> None:
    """A proxy would wait for endpoints that have come, and never ask for listeners."""
    assert names_of(sotw_response(EDS, *(named(EDS, name) for name in names))) == names


@given(st.binary(max_size=100), st.booleans())
def test_bytes_are_a_response_with_type_and_nonce_or_refused(data: bytes, delta: bool) -> None:  # noqa: FBT001
    """A proxy cannot acknowledge a response without nonce, and would be sent it for ever."""
    try:
        parsed = parse(data, delta=delta)
    except RemoteProtocolError:
        return
    assert parsed.type_url
    assert parsed.nonce
