"""The record of messages as a tree: each stream must read back the message that it received."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.prefix_cache import (
    IDLE_MESSAGES,
    KEY_BYTES,
    RETRIAL_MESSAGES,
    SHORT_TRIAL_MESSAGES,
    TRIAL_MESSAGES,
    PrefixCache,
    PrefixNode,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

START = b"v" * KEY_BYTES


class Stream:
    """A stream that follows one message, some bytes at a time."""

    def __init__(self, cache: PrefixCache, message: bytes) -> None:
        node = cache.begin(message[:KEY_BYTES], len(message))
        assert node is not None
        self.node: PrefixNode = node
        self.message = message
        self.place = KEY_BYTES
        self.new = 0

    def go(self, size: int) -> bool:
        """Receive some bytes, and return whether there are more."""
        piece = self.message[self.place : self.place + size]
        self.node = self.node.follow(self.place, memoryview(piece))
        self.place += len(piece)
        return self.place < len(self.message)

    def end(self) -> None:
        """Receive the rest of the message."""
        before = self.node.tree.recorded
        self.go(len(self.message))
        self.node.tree.end(len(self.message), self.node.tree.recorded - before)

    def check(self) -> None:
        """Compare what is recorded with what was sent."""
        assert self.node.until(self.place, b"tail") == self.message[: self.place] + b"tail"


def pieces(node: PrefixNode) -> Iterator[PrefixNode]:
    """Return all nodes of a subtree."""
    yield node
    for one in (node.following or {}).values():
        yield from pieces(one)


@given(
    messages=st.lists(st.text("ab", max_size=30), min_size=1, max_size=8),
    turns=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 9)), max_size=60),
    limit=st.sampled_from([10, 200, 1 << 20]),
)
def test_every_message_is_read_back_wherever_messages_part(
    messages: list[str], turns: list[tuple[int, int]], limit: int
) -> None:
    """A proxy would act on another's resources, or on half of its own."""
    cache = PrefixCache(limit=limit)
    cache.limit = limit
    streams: dict[int, Stream] = {}
    for number, size in [*turns, *((number, 99) for number in range(len(messages)))]:
        if number < len(messages):
            if number not in streams:
                streams[number] = Stream(cache, START + messages[number].encode())
                cache.limit = limit
            streams[number].go(size)
            for one in streams.values():
                one.check()
    for one in streams.values():
        ended = one.node.at(one.place)
        assert ended.start < one.place <= ended.start + len(ended.data)


@given(messages=st.lists(st.text("ab", min_size=1, max_size=30), min_size=1, max_size=8))
def test_what_messages_have_in_common_is_kept_once(messages: list[str]) -> None:
    """A record for each kind of proxy would be half a megabyte for each service of a mesh."""
    cache = PrefixCache()
    for message in messages:
        Stream(cache, START + message.encode()).go(99)
    prefixes = {message[:end] for message in messages for end in range(1, len(message) + 1)}
    tree = next(iter(cache._trees.values()))
    assert cache.size == tree.size == KEY_BYTES + len(prefixes)
    assert sum(len(one.data) for one in pieces(tree.first)) == tree.size
    for one in pieces(tree.first):
        for first, after in (one.following or {}).items():
            assert (after.before, after.data[0]) == (one, first)
            assert after.start == one.start + len(one.data)


def test_annotations_stay_with_the_place_when_a_piece_is_cut() -> None:
    """The response of one message would be taken for that of a longer one."""
    cache = PrefixCache()
    short, long = Stream(cache, START + b"aaaa"), Stream(cache, START + b"aaaaaaaa")
    for stream, fact in ((short, "short"), (long, "long")):
        stream.go(99)
        node = stream.node.at(stream.place)
        node.annotations = (node.annotations or {}) | {stream.place: fact}
    Stream(cache, START + b"aaaaab").go(99)
    found = [one.node.at(one.place).annotations for one in (short, long)]
    assert found == [{short.place: "short"}, {long.place: "long"}]


def test_a_tree_is_freed_as_soon_as_it_is_forgotten() -> None:
    """Megabytes would wait for the garbage collector at every push."""
    gc.disable()
    try:
        cache = PrefixCache(limit=4000)
        going = Stream(cache, START + b"a" * 500 + b"b" * 200)
        going.go(550)
        for end in (b"c", b"d"):
            Stream(cache, START + b"a" * 500 + end * 200).go(999)
        (tree,) = cache._trees.values()
        for number in range(20):
            Stream(cache, bytes([number]) * KEY_BYTES + b"z" * 400).go(999)
        assert cache.size <= 4000 + KEY_BYTES + 400
        left = [one for one in gc.get_objects() if isinstance(one, PrefixNode) and one.tree is tree]
        assert len(left) <= 2
        going.go(999)
        going.check()
    finally:
        gc.enable()


def test_one_tree_cannot_grow_for_ever() -> None:
    """A control plane whose versions never change would fill the memory."""
    cache = PrefixCache(limit=8000)
    for number in range(200):
        for _ in range(2):
            Stream(cache, START + b"%04d" % number + b"x" * 200).end()
        assert cache.size <= 8000


def test_an_old_version_is_forgotten_long_before_the_limit() -> None:
    """Fifty pushes to a few proxies would keep fifty megabytes."""
    cache = PrefixCache()
    for version in range(100):
        for _ in range(50):
            Stream(cache, b"%064d" % version + b"x" * 1000).end()
    assert 2 * 1064 < cache.size < (IDLE_MESSAGES // 50 + 10) * 1064


def test_many_kinds_that_differ_from_the_start_are_still_recognized() -> None:
    """The tree would be judged by the first of each kind, of which no two match."""
    cache, rng = PrefixCache(), Random(1)
    views = [rng.randbytes(2000) for _ in range(300)]
    for _ in range(3000):
        Stream(cache, START + rng.choice(views)).end()
    # Some have their first byte in common.
    assert 299 * 2000 < cache.size <= KEY_BYTES + 300 * 2000


def test_long_messages_are_judged_sooner() -> None:
    """Endpoints of a big mesh would drive everything else out before they are judged."""
    cache, rng = PrefixCache(limit=100_000), Random(1)
    for _ in range(SHORT_TRIAL_MESSAGES):
        Stream(cache, START + rng.randbytes(5_000)).end()
    assert cache.begin(START, 5_000) is None


def test_messages_that_come_at_the_same_time_are_not_judged_before_they_have_come() -> None:
    """A control plane sends to a hundred proxies at a time: all would copy what all receive."""
    cache = PrefixCache()
    streams = [Stream(cache, START + b"x" * 5000) for _ in range(3 * TRIAL_MESSAGES)]
    for _ in range(5):
        for one in streams:
            before = one.node.tree.recorded
            one.go(1000)
            one.new += one.node.tree.recorded - before
    for one in streams:
        one.node.tree.end(one.place, one.new)
    assert cache.begin(START, 5000) is not None
    assert cache.size == KEY_BYTES + 5000


def test_longer_messages_get_more_room() -> None:
    """A mesh with 20,000 clusters sends 28 MB, which would be recorded anew for each proxy."""
    cache = PrefixCache(limit=1000)
    first = Stream(cache, START + b"x" * 5000)
    first.go(9999)
    second = Stream(cache, START + b"x" * 5000)
    assert second.node is first.node.tree.first
    assert cache.size == KEY_BYTES + 5000


def test_a_diverse_tree_is_tried_again_later() -> None:
    """A type would never be shared again once its messages had differed."""
    cache, rng = PrefixCache(), Random(1)
    refused = 0
    for _ in range(RETRIAL_MESSAGES + 2):
        message = START + rng.randbytes(1000)
        node = cache.begin(START, len(message))
        refused += node is None
        if node is not None:
            node.follow(KEY_BYTES, memoryview(message[KEY_BYTES:])).tree.end(len(message), 1000)
    assert refused == RETRIAL_MESSAGES - TRIAL_MESSAGES + 1


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_nodes_are_split_at_the_first_byte_that_differs(size: int) -> None:
    """A cut at the wrong place would mix two messages up."""
    for place in range(min(size, 40)):
        cache = PrefixCache()
        for last in (b"x", b"y"):
            message = START + b"a" * place + last + b"a" * (size - place - 1)
            stream = Stream(cache, message)
            stream.go(size)
            stream.check()
