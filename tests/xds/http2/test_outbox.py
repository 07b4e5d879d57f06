"""What is written, and when."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.http2 import frames, outbox
from pyload.xds.http2.frames import Http2Error
from pyload.xds.http2.outbox import Outbox
from tests.xds.http2.frames import framed


def payloads(data: bytes, *, largest: int = 16_384) -> bytes:
    """Return the payload of DATA frames."""
    found = b""
    while data:
        word, _, stream = frames.HEAD.unpack_from(data)
        assert (word & 0xFF, stream) == (frames.DATA, frames.STREAM)
        assert word >> 8 <= largest
        end = frames.HEAD_SIZE + (word >> 8)
        found += data[frames.HEAD_SIZE : end]
        data = data[end:]
    return found


def opened() -> Outbox:
    """Make one whose stream is open."""
    box = Outbox()
    box.open(b"block")
    box.take()
    return box


@given(
    messages=st.lists(st.integers(0, 70_000), max_size=6),
    credits_=st.lists(
        st.tuples(st.sampled_from([0, 1]), st.integers(1, 100_000)), min_size=1, max_size=12
    ),
    largest=st.sampled_from([16_384, 50_000]),
)
def test_messages_leave_whole_and_never_beyond_a_window(
    messages: list[int], credits_: list[tuple[int, int]], largest: int
) -> None:
    """A server closes the connection of a client that sends more than it may."""
    box = opened()
    box.set_frame(largest)
    sent = b""
    windows = [frames.DEFAULT_WINDOW, frames.DEFAULT_WINDOW]
    for size in messages:
        box.put(b"m" * size)
    for stream, size in credits_:
        while data := box.take():
            sent += payloads(data, largest=largest)
        assert len(sent) <= min(windows)
        box.credit(stream, size)
        windows[stream] += size
    while data := box.take():
        sent += payloads(data, largest=largest)
    expected = b"".join(framed(b"m" * size) for size in messages)
    assert sent == expected[: min(windows)]
    assert bool(box.waiting) is (len(sent) < len(expected))


def test_a_smaller_initial_window_can_leave_less_than_nothing() -> None:
    """Section 6.9.2: what was sent already counts against the new size."""
    box = opened()
    box.put(bytes(60_000))
    assert len(payloads(box.take())) == 60_005
    box.set_window(10_000)
    box.put(b"next")
    box.credit(1, 50_004)
    assert box.take() == b""
    box.credit(1, 4)
    assert payloads(box.take()) == framed(b"next")[:3]


def test_nothing_is_written_while_the_socket_takes_nothing() -> None:
    """The loop would buffer what the queue bounds."""
    box = opened()
    box.blocked = True
    box.put(b"x")
    box.control(b"frame")
    assert box.take() == b""
    box.blocked = False
    assert box.take() == b"frame" + frames.frame(0, 0, 1, framed(b"x"))


def test_a_large_message_is_given_in_parts() -> None:
    """Ten megabytes at once would be copied into the loop's buffer, past its limit."""
    box = opened()
    box.set_window(1 << 30)
    box.credit(0, 1 << 30)
    box.put(bytes(10 << 20))
    first = payloads(box.take())
    assert len(first) == outbox.CHUNK


@pytest.mark.parametrize("size", [30_000, 32_767, 32_768, 63_000])
def test_large_messages_are_not_copied_and_leave_in_full_frames(size: int) -> None:
    """The node of an Envoy, 63 KB, was copied for each of 10,000 dials more than once."""
    message = bytes(size)
    box = opened()
    box.put(message)
    assert box.waiting >= size - 5
    assert box._queue is not None
    views = [one for one in box._queue if isinstance(one, memoryview)]
    assert [one.obj is message for one in views] == ([True] if size >= 32_768 else [])
    sent = box.take()
    assert payloads(sent) == framed(message)
    assert len(sent) == len(framed(message)) + 9 * -(-len(framed(message)) // 16_384)
    assert box.waiting == 0


def test_small_messages_count_for_what_they_cost() -> None:
    """Millions of empty requests would fill the memory, though they hold no bytes."""
    box = opened()
    box.set_window(0)
    while not box.full:
        box.put(b"")
    assert box.waiting == outbox.MAX_WAITING + outbox.OVERHEAD


def test_nothing_but_the_last_frames_is_written_at_the_end() -> None:
    """Requests after a reset would be a protocol error."""
    box = opened()
    box.blocked = True
    box.put(b"x")
    box.end(b"last")
    assert box.take() == b"last"
    assert box.take() == b""


@pytest.mark.parametrize("stream", [0, 1])
def test_a_window_can_be_as_large_as_http2_allows(stream: int) -> None:
    """The largest is allowed, and one more is not."""
    box = opened()
    box.credit(stream, frames.LARGEST_WINDOW - frames.DEFAULT_WINDOW)
    with pytest.raises(Http2Error, match="too large"):
        box.credit(stream, 1)
