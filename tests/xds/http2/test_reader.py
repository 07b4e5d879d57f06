"""Frames of bytes that come in any pieces, and how much of them a connection accepts."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pyload.xds.http2 import reader
from pyload.xds.http2.frames import DATA, END_STREAM, HEADERS, PADDED, PING, frame
from pyload.xds.http2.reader import WINDOW
from pyload.xds.transport import Status
from tests.xds.http2.frames import answer, framed, opened, trailers

DONE: Final = trailers(("grpc-status", "0"))


def test_an_idle_connection_counts_no_more_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message starts the count anew, or a long run would end itself."""
    monkeypatch.setattr(reader, "MAX_IDLE_FRAMES", 10)
    client = opened(answer())
    for _ in range(5):
        client.receive(frame(PING, 0, 0, bytes(8)) * 8, frame(DATA, 0, 1, framed(b"x")))
        client.receive(frame(DATA, PADDED, 1, b"\1" + framed(b"x") + b"\0"))
    assert not client.ended
    assert len(client.messages) == 10


@pytest.mark.parametrize("size", [1000, 16_384 + 9, 2 * WINDOW])
def test_more_than_the_window_is_refused(size: int) -> None:
    """A server that ignores the window would fill the memory of all that read slowly."""
    message = framed(bytes(2 * WINDOW))
    cuts = range(0, WINDOW, 16_384)
    data = b"".join(frame(DATA, 0, 1, message[at : at + 16_384]) for at in cuts)
    for more in (b"", frame(DATA, 0, 1, message[:1])):
        client = opened(answer())
        client.connection.pause()
        client.receive(data + more, size=size)
        assert client.ended == bool(more)
    assert client.connection.status == Status(
        13, "INTERNAL", "HTTP/2 FLOW_CONTROL_ERROR: more DATA than the window"
    )


LAST: Final = frame(DATA, END_STREAM, 1, framed(b"the last"))
SEQUENCE: Final = [
    frame(DATA, 0, 1, framed(b"a")),
    frame(DATA, 0, 1, framed(b"long" * 2000)),
    frame(DATA, 0, 1, framed(b"cut")[:3]),
    frame(DATA, 0, 1, framed(b"cut")[3:]),
    frame(DATA, 0, 1),
    frame(DATA, PADDED, 1, b"\2" + framed(b"padded") + bytes(2)),
    frame(DATA, 0x40, 1, framed(b"a flag of an extension")),
    frame(DATA, 0, 1 | 1 << 31, framed(b"a reserved bit")),
    frame(PING, 0, 0, bytes(8)),
    frame(DATA, 0, 3, b"of another stream"),
    frame(DATA, 0, 1, bytes(16_385)),
    frame(DATA, 0, 1, b"\2bad prefix"),
    LAST,
    frame(HEADERS, END_STREAM, 1),
    DONE,
]


@given(
    sequence=st.lists(st.sampled_from(SEQUENCE), max_size=9),
    size=st.integers(1, 4000),
    counted=st.booleans(),
)
@example(sequence=[LAST, SEQUENCE[0]], size=1, counted=False)
@example(sequence=SEQUENCE[:2], size=9, counted=True)
def test_how_the_bytes_are_cut_changes_nothing(
    sequence: list[bytes], size: int, *, counted: bool
) -> None:
    """A proxy whose messages depended on what one read of the socket brings is no reproduction."""
    begin = answer(("content-length", "40")) if counted else answer()
    whole, cut = opened(begin, *sequence), opened(begin)
    cut.receive(*sequence, size=size)
    assert (whole.messages, whole.connection.status) == (cut.messages, cut.connection.status)
    assert whole.written() == cut.written()
