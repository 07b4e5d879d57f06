"""Messages put together from chunks, with large ones recorded once for all streams."""

from __future__ import annotations

import gzip
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.xds.messages import LARGE, TAIL, Assembler
from pyload.xds.prefix_cache import KEY_BYTES, TRIAL_MESSAGES, PrefixCache
from tests.xds.messages import Kept


def framed(message: bytes, *, flag: int = 0) -> bytes:
    """Put gRPC's prefix before a message."""
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


def fed(
    cache: PrefixCache, data: bytes, cuts: list[int] | None = None, *, compressed: bool = False
) -> list[bytes]:
    """Feed bytes, cut at some places, to a new stream, and return its messages."""
    kept = Kept()
    assembler = Assembler(kept, cache)
    assembler.gzip = compressed
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts or ())})
    for start, stop in pairwise(edges):
        # A shared receive buffer is overwritten after each call.
        buffer = bytearray(data[start:stop])
        assembler.feed([memoryview(buffer)])
        buffer[:] = bytes(len(buffer))
    return [one.whole() for one in kept.messages]


def large(fill: bytes, *, size: int = LARGE * 3, nonce: bytes = b"n") -> bytes:
    """Return a message that differs from others of its size and fill only at the end."""
    return (b"head" * KEY_BYTES + fill * size)[: size - len(nonce)] + nonce


SIZES = (0, 1, 100, LARGE - 1, LARGE, LARGE + 1, LARGE * 3)


@given(
    streams=st.lists(
        st.tuples(
            st.lists(
                st.tuples(st.sampled_from(SIZES), st.sampled_from([b"a", b"ab", b"abc"])),
                max_size=4,
            ),
            st.lists(st.integers(0, 1 << 20), max_size=12),
        ),
        min_size=1,
        max_size=6,
    ),
    limit=st.sampled_from([0, LARGE * 4, 1 << 20]),
)
def test_every_stream_gets_its_own_messages_whatever_the_others_receive(
    streams: list[tuple[list[tuple[int, bytes]], list[int]]], limit: int
) -> None:
    """Proxies would act on each other's config if a record were mixed up."""
    cache = PrefixCache(limit=limit)
    for number, (shapes, cuts) in enumerate(streams):
        sent = [
            large(fill, size=size, nonce=b"%d" % number) if size else b"" for size, fill in shapes
        ]
        got = fed(cache, b"".join(map(framed, sent)), cuts)
        assert got == sent


@given(
    fills=st.lists(st.binary(min_size=1, max_size=3), min_size=2, max_size=5),
    order=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5000)), max_size=40),
)
def test_streams_that_receive_at_the_same_time_do_not_disturb_each_other(
    fills: list[bytes], order: list[tuple[int, int]]
) -> None:
    """After a push all proxies are in the middle of the same message, each at its own place."""
    cache = PrefixCache()
    sent = [large(fill, size=LARGE * 2, nonce=b"%d" % n) for n, fill in enumerate(fills)]
    left = [framed(one) for one in sent]
    kept = [Kept() for _ in sent]
    streams = [Assembler(one, cache) for one in kept]
    for number, size in [*order, *((n, 1 << 20) for n in range(len(sent)))]:
        if number < len(sent):
            streams[number].feed([memoryview(left[number][:size])])
            left[number] = left[number][size:]
    assert [[one.whole() for one in each.messages] for each in kept] == [[one] for one in sent]


def test_a_large_message_is_kept_once() -> None:
    """Five hundred proxies in the middle of a push would hold five hundred copies of it."""
    cache = PrefixCache()
    kept = Kept()
    for number in range(5):
        data = framed(large(b"x", nonce=b"%d" % number))
        Assembler(kept, cache).feed([memoryview(data)])
    assert [len(one.tail) for one in kept.messages] == [TAIL] * 5
    assert cache.size == LARGE * 3 - TAIL


def test_an_annotation_is_that_of_equal_messages_only() -> None:
    """A proxy would ask for the names in another's configuration."""
    cache = PrefixCache()
    kept = Kept()
    begin = b"head" * KEY_BYTES + b"x" * LARGE
    for middle, rest in ((b"a", 2000), (b"b", 2000), (b"a", 3000), (b"a", 2000)):
        data = framed(begin + middle + b"y" * rest)
        Assembler(kept, cache).feed([memoryview(data)])
        if kept.messages[-1].annotation is None:
            kept.messages[-1].annotate(f"{middle!r} {rest}", 1)
    assert [one.annotation for one in kept.messages] == [
        "b'a' 2000",
        "b'b' 2000",
        "b'a' 3000",
        "b'a' 2000",
    ]


def test_messages_that_have_nothing_in_common_are_not_recorded() -> None:
    """Istiod sends endpoints in another order each time: records of them would fill the memory."""
    cache = PrefixCache()
    rng = Random(1)
    for _ in range(200):
        message = b"head" * KEY_BYTES + rng.randbytes(LARGE * 3)
        assert fed(cache, framed(message), [100, 5000]) == [message]
    assert cache.size <= (TRIAL_MESSAGES + 1) * LARGE * 3


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (framed(b"x", flag=1), "compressed"),
        (framed(b"x", flag=2), "compressed"),
        (b"\0\xff\xff\xff\xff", "too long"),
    ],
)
def test_broken_framing_is_an_error(data: bytes, said: str) -> None:
    """Garbage must close the stream, not wait for four gigabytes."""
    with pytest.raises(RemoteProtocolError, match=said):
        fed(PrefixCache(), data)


def test_a_compressed_message_is_read_where_the_headers_announced_it() -> None:
    """A proxy in front of istiod may compress."""
    message = large(b"z")
    data = framed(gzip.compress(message), flag=1) + framed(b"p")
    assert fed(PrefixCache(), data, [9], compressed=True) == [message, b"p"]


@pytest.mark.parametrize("data", [b"no gzip", gzip.compress(b"x" * 99)[:-4]], ids=["no", "cut"])
def test_a_compressed_message_that_cannot_be_read_is_an_error(data: bytes) -> None:
    """A truncated node must not pass for a shorter message."""
    with pytest.raises(RemoteProtocolError, match="compressed message"):
        fed(PrefixCache(), framed(data, flag=1), compressed=True)
