"""Responses that many proxies have received: what depends on the receiver is computed once."""

from __future__ import annotations

import gc

from pyload.xds.messages import Message
from pyload.xds.resource_set import NO_RESOURCES
from pyload.xds.response_cache import ResponseCache
from pyload.xds.types import CDS
from tests.xds.messages import clusters, delta_response


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
