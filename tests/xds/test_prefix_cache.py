"""Records of messages as a tree: what is read back must be what was written."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.prefix_cache import AGE, ENOUGH, FEW, HEAD, PATIENCE, Bodies, Body

if TYPE_CHECKING:
    from collections.abc import Iterator

START = b"v" * HEAD


class Stream:
    """Follows one message, so many bytes at a time."""

    def __init__(self, bodies: Bodies, message: bytes) -> None:
        body = bodies.begin(message[:HEAD], len(message))
        assert body is not None
        self.body: Body = body
        self.message = message
        self.place = HEAD
        self.new = 0

    def go(self, size: int) -> bool:
        """Take bytes; tell whether there are more."""
        piece = self.message[self.place : self.place + size]
        self.body = self.body.follow(self.place, memoryview(piece))
        self.place += len(piece)
        return self.place < len(self.message)

    def end(self) -> None:
        """Take all of the message."""
        before = self.body.tree.recorded
        self.go(len(self.message))
        self.body.tree.end(len(self.message), self.body.tree.recorded - before)

    def check(self) -> None:
        """Compare what is recorded with what was sent."""
        assert self.body.until(self.place, b"tail") == self.message[: self.place] + b"tail"


def pieces(body: Body) -> Iterator[Body]:
    """Give all pieces of a tree."""
    yield body
    for one in (body.following or {}).values():
        yield from pieces(one)


@given(
    messages=st.lists(st.text("ab", max_size=30), min_size=1, max_size=8),
    turns=st.lists(st.tuples(st.integers(0, 7), st.integers(1, 9)), max_size=60),
    limit=st.sampled_from([10, 200, 1 << 20]),
)
def test_every_message_is_what_it_was_however_they_part(
    messages: list[str], turns: list[tuple[int, int]], limit: int
) -> None:
    """A proxy would be told of another's resources, or of half of its own."""
    bodies = Bodies(limit=limit)
    bodies.limit = limit
    streams: dict[int, Stream] = {}
    for number, size in [*turns, *((number, 99) for number in range(len(messages)))]:
        if number < len(messages):
            if number not in streams:
                streams[number] = Stream(bodies, START + messages[number].encode())
                bodies.limit = limit
            streams[number].go(size)
            for one in streams.values():
                one.check()
    for one in streams.values():
        ended = one.body.at(one.place)
        assert ended.start < one.place <= ended.start + len(ended.data)


@given(messages=st.lists(st.text("ab", min_size=1, max_size=30), min_size=1, max_size=8))
def test_what_messages_have_in_common_is_kept_once(messages: list[str]) -> None:
    """A record for each kind of proxy would be half a megabyte for each service of a mesh."""
    bodies = Bodies()
    for message in messages:
        Stream(bodies, START + message.encode()).go(99)
    prefixes = {message[:end] for message in messages for end in range(1, len(message) + 1)}
    tree = next(iter(bodies._trees.values()))
    assert bodies.size == tree.size == HEAD + len(prefixes)
    assert sum(len(one.data) for one in pieces(tree.first)) == tree.size
    for one in pieces(tree.first):
        for first, after in (one.following or {}).items():
            assert (after.before, after.data[0]) == (one, first)
            assert after.start == one.start + len(one.data)


def test_facts_stay_with_the_place_when_a_piece_is_cut() -> None:
    """What is known of one message would be taken for knowledge of a longer one."""
    bodies = Bodies()
    short, long = Stream(bodies, START + b"aaaa"), Stream(bodies, START + b"aaaaaaaa")
    for stream, fact in ((short, "short"), (long, "long")):
        stream.go(99)
        body = stream.body.at(stream.place)
        body.facts = (body.facts or {}) | {stream.place: fact}
    Stream(bodies, START + b"aaaaab").go(99)
    found = [one.body.at(one.place).facts for one in (short, long)]
    assert found == [{short.place: "short"}, {long.place: "long"}]


def test_a_tree_is_freed_as_soon_as_it_is_forgotten() -> None:
    """Megabytes would wait for the garbage collector at every push."""
    gc.disable()
    try:
        bodies = Bodies(limit=4000)
        going = Stream(bodies, START + b"a" * 500 + b"b" * 200)
        going.go(550)
        for end in (b"c", b"d"):
            Stream(bodies, START + b"a" * 500 + end * 200).go(999)
        (tree,) = bodies._trees.values()
        for number in range(20):
            Stream(bodies, bytes([number]) * HEAD + b"z" * 400).go(999)
        assert bodies.size <= 4000 + HEAD + 400
        left = [one for one in gc.get_objects() if isinstance(one, Body) and one.tree is tree]
        assert len(left) <= 2
        going.go(999)
        going.check()
    finally:
        gc.enable()


def test_one_tree_cannot_grow_for_ever() -> None:
    """A control plane whose versions never change would fill the memory."""
    bodies = Bodies(limit=8000)
    for number in range(200):
        for _ in range(2):
            Stream(bodies, START + b"%04d" % number + b"x" * 200).end()
        assert bodies.size <= 8000


def test_an_old_version_is_forgotten_long_before_the_limit() -> None:
    """Fifty pushes to a few proxies would keep fifty megabytes."""
    bodies = Bodies()
    for version in range(100):
        for _ in range(50):
            Stream(bodies, b"%064d" % version + b"x" * 1000).end()
    assert 2 * 1064 < bodies.size < (AGE // 50 + 10) * 1064


def test_many_kinds_that_differ_from_the_start_are_still_recognized() -> None:
    """The first of each would look as if no two proxies were alike."""
    bodies, rng = Bodies(), Random(1)
    views = [rng.randbytes(2000) for _ in range(300)]
    for _ in range(3000):
        Stream(bodies, START + rng.choice(views)).end()
    # Some have their first byte in common.
    assert 299 * 2000 < bodies.size <= HEAD + 300 * 2000


def test_long_messages_are_judged_sooner() -> None:
    """Endpoints of a big mesh would drive everything else out before they are judged."""
    bodies, rng = Bodies(limit=100_000), Random(1)
    for _ in range(FEW):
        Stream(bodies, START + rng.randbytes(5_000)).end()
    assert bodies.begin(START, 5_000) is None


def test_messages_that_come_at_the_same_time_are_not_judged_before_they_have_come() -> None:
    """A control plane sends to a hundred proxies at a time: all would copy what all receive."""
    bodies = Bodies()
    streams = [Stream(bodies, START + b"x" * 5000) for _ in range(3 * ENOUGH)]
    for _ in range(5):
        for one in streams:
            before = one.body.tree.recorded
            one.go(1000)
            one.new += one.body.tree.recorded - before
    for one in streams:
        one.body.tree.end(one.place, one.new)
    assert bodies.begin(START, 5000) is not None
    assert bodies.size == HEAD + 5000


def test_longer_messages_get_more_room() -> None:
    """A mesh with 20,000 clusters sends 28 MB, which would be recorded anew for each proxy."""
    bodies = Bodies(limit=1000)
    first = Stream(bodies, START + b"x" * 5000)
    first.go(9999)
    second = Stream(bodies, START + b"x" * 5000)
    assert second.body is first.body.tree.first
    assert bodies.size == HEAD + 5000


def test_messages_without_likeness_are_tried_again_later() -> None:
    """What is scattered once need not be so for ever."""
    bodies, rng = Bodies(), Random(1)
    refused = 0
    for _ in range(PATIENCE + 2):
        message = START + rng.randbytes(1000)
        body = bodies.begin(START, len(message))
        refused += body is None
        if body is not None:
            body.follow(HEAD, memoryview(message[HEAD:])).tree.end(len(message), 1000)
    assert refused == PATIENCE - ENOUGH + 1


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_likeness_is_found_to_the_byte(size: int) -> None:
    """A cut at the wrong place would mix two messages up."""
    for place in range(min(size, 40)):
        bodies = Bodies()
        for last in (b"x", b"y"):
            message = START + b"a" * place + last + b"a" * (size - place - 1)
            stream = Stream(bodies, message)
            stream.go(size)
            stream.check()
