"""The bytes of frames: those that a client writes, and those that it takes apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.http2 import frames
from pyload.xds.http2.frames import Code, Http2Error


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


def _plain(sizes: list[int]) -> bytes:
    return b"".join(
        frames.frame(frames.DATA, 0, frames.STREAM, bytes([at % 251]) * size)
        for at, size in enumerate(sizes)
    )


@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=6),
    st.integers(0, 2_000),
    st.integers(0, 400),
    st.booleans(),
)
def test_payloads_of_data_are_those_of_a_reader_that_goes_frame_by_frame(
    sizes: list[int],
    window: int,
    cut: int,
    alone: bool,  # noqa: FBT001
) -> None:
    """Configuration would be garbled, or a server that overruns its window not be noticed."""
    whole = _plain(sizes)
    data = whole[: max(frames.HEAD_SIZE, len(whole) - cut)]

    pieces, at, left, rest = frames.payloads(
        memoryview(data), frames.HEAD_SIZE, sizes[0], window, alone=alone
    )

    expected, place, credit, missing = b"", 0, window, 0
    for number, size in enumerate(sizes):
        fits = number == 0 or (size <= credit and not alone and not missing)
        if not fits or len(data) - place < frames.HEAD_SIZE:
            break
        credit -= size if number else 0
        place += frames.HEAD_SIZE
        expected += data[place : place + size]
        missing = max(0, place + size - len(data))
        place = min(place + size, len(data))
    assert (b"".join(pieces), at, left, rest) == (expected, place, missing, credit)


@given(st.binary(max_size=20), st.integers(0, 255))
def test_padding_is_taken_off_or_refused(payload: bytes, length: int) -> None:
    """Bytes of padding would be read as a message."""
    padded = bytes([length]) + payload
    if length > len(payload):
        with pytest.raises(Http2Error, match="padding"):
            frames.unpadded(memoryview(padded), frames.PADDED)
    else:
        found = frames.unpadded(memoryview(padded), frames.PADDED)
        assert found == payload[: len(payload) - length]
    assert frames.unpadded(memoryview(padded), 0) == padded


def test_what_is_cut_off_is_refused() -> None:
    """It would be read out of the frame that follows."""
    for cut in (
        lambda: frames.unpadded(memoryview(b""), frames.PADDED),
        lambda: frames.without_priority(memoryview(bytes(4)), frames.WITH_PRIORITY),
        lambda: frames.read_goaway(memoryview(bytes(7))),
    ):
        with pytest.raises(Http2Error) as error:
            cut()
        assert error.value.code is Code.FRAME_SIZE_ERROR


@given(st.sampled_from(Code), st.text(max_size=60))
def test_the_reason_of_an_end_is_read_as_it_was_written(code: Code, text: str) -> None:
    """Nobody could tell from a log why a connection was given up."""
    written = frames.goaway(code, text)

    last, said = frames.read_goaway(memoryview(written)[frames.HEAD_SIZE :])

    assert last == 0
    assert code.name in said
    if len(text.encode()) <= 60:
        assert repr(text) in said


def test_codes_of_extensions_have_a_name_too() -> None:
    """A proxy in between may use one that the standard has not."""
    assert frames.code_name(11) == "ENHANCE_YOUR_CALM"
    assert frames.code_name(4711) == "error code 4711"
