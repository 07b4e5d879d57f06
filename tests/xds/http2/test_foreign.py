"""Answers of other servers, in words that a terminal can show."""

from __future__ import annotations

import pytest

from pyload.xds.http2.foreign import QUOTED, in_words, shown


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", ""),
        (b" \r\n\t\0", ""),
        (b"no healthy\r\n  upstream\n", "'no healthy upstream'"),
        ("Größe".encode(), "'Größe'"),
        # The last character is cut in two.
        (b"x" * (QUOTED - 1) + "ö".encode(), repr("x" * (QUOTED - 1))),
        (b"\x1b[31mred\x07\x7f", "'[31mred'"),
        ("a\u202eb\u2028c".encode(), "'a b c'"),
        (b"\xff\xfeok", "'ok'"),
    ],
)
def test_what_is_shown_is_printable_and_on_one_line(data: bytes, said: str) -> None:
    """A server could write into the user's terminal, or forge lines of the log."""
    assert shown(data) == said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"220 mail.example ESMTP\r\n", "'220 mail.example ESMTP'"),
        (
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent HTTP",
            "'HTTP/1.0 400 Bad Request': 'Client sent HTTP'",
        ),
        (b"HTTP/1.x", "'HTTP/1.x'"),
        (b"\x15\3\1\0\2\2\x28", "a TLS alert (handshake failure), so the port speaks TLS"),
        (b"\x15\3\1\0\2\2\xc8", "a TLS alert (200), so the port speaks TLS"),
        (b"\0\0\0\4\1\0\0\0\0", ""),
    ],
)
def test_the_answer_of_another_protocol_is_described(data: bytes, said: str) -> None:
    """Nobody would see from a protocol error of HTTP/2 what listens there."""
    assert in_words(data) == said
