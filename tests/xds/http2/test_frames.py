"""The bytes of frames: those that a client writes, and those that it takes apart."""

from __future__ import annotations

from pyload.xds.http2 import frames


def test_a_long_header_block_is_cut() -> None:
    """A token can be longer than a frame."""
    data = frames.headers(bytes(40_000), 16_384)
    kinds = []
    while data:
        word, flags, _ = frames.HEAD.unpack_from(data)
        kinds.append((word & 0xFF, flags, word >> 8))
        data = data[frames.HEAD_SIZE + (word >> 8) :]
    assert kinds == [
        (frames.HEADERS, 0, 16_384),
        (frames.CONTINUATION, 0, 16_384),
        (frames.CONTINUATION, frames.END_HEADERS, 7_232),
    ]
