"""Answers that are not gRPC's, quoted: what a proxy, a gateway or another kind of server said.

A balancer in front of the control plane answers for itself when it reaches none: with a page, a
redirect or a line of text over HTTP/2, with an answer of HTTP/1, or, where the port speaks TLS,
with an alert. Its own words say more than any status, so that the beginning of them goes into the
stream's status, without what a terminal or a log could not show.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyload.xds.transport import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

QUOTED: Final = 200
"""Bytes of an answer that are quoted."""
MAX_HEAD: Final = 4096
"""Bytes of an HTTP/1 answer's head that are read to find its body."""

_HTTP1: Final = re.compile(rb"HTTP/1\.[01] [0-9]{3}[^\r\n]*")
_BODY: Final = re.compile(rb"\r?\n\r?\n")
_ALERT: Final = 21
_ALERTS: Final = {
    0: "close notify",
    10: "unexpected message",
    22: "record overflow",
    40: "handshake failure",
    47: "illegal parameter",
    50: "decode error",
    70: "protocol version",
    80: "internal error",
}


class Quote:
    """The beginning of an answer, which is still coming.

    Args:
        status: How the stream ends; the quote is added to its message.
        http1: Whether the bytes are those of the connection, in HTTP/1, rather than of a body.
    """

    __slots__ = ("_http1", "_seen", "_status")

    def __init__(self, status: Status, *, http1: bool = False) -> None:
        self._status = status
        self._http1 = http1
        self._seen = bytearray()

    def add(self, pieces: Iterable[bytes | memoryview]) -> bool:
        """Add bytes of the answer; return whether there are enough."""
        most = MAX_HEAD if self._http1 else QUOTED
        for piece in pieces:
            self._seen += piece[: most - len(self._seen)]
        return len(self._seen) >= most or (self._http1 and _is_whole(bytes(self._seen)))

    def status(self) -> Status:
        """Return how the stream ends, as far as the answer has come."""
        seen = bytes(self._seen)
        text = _of_http1(seen) if self._http1 else shown(seen)
        if not text:
            return self._status
        return Status(self._status.code, self._status.name, f"{self._status.message}: {text}")


def is_http1(data: bytes) -> bool:
    """Return whether bytes begin an answer of HTTP/1."""
    return data.startswith(b"HTTP/1.")


def is_text(data: bytes) -> bool:
    """Return whether bytes are those of a text."""
    return bool(data) and all(byte >= 32 or byte in b"\r\n\t" for byte in data[:QUOTED])


def in_words(data: bytes) -> str:
    """Describe the first bytes of a server that was expected to speak another protocol.

    Empty if they mean nothing to a reader.
    """
    if is_http1(data):
        return _of_http1(data)
    if data[:1] == bytes([_ALERT]) and data[1:2] == b"\3":
        number = data[6] if len(data) > 6 else -1
        return f"a TLS alert ({_ALERTS.get(number, number)}), so the port speaks TLS"
    return shown(data) if is_text(data) else ""


def shown(data: bytes) -> str:
    """Return the beginning of a text in quotes, on one line and printable; empty for none."""
    # A character that the cut splits is left out.
    text = data[:QUOTED].decode("utf-8", "ignore")
    words = "".join(one if one.isprintable() else " " for one in text).split()
    return repr(" ".join(words)) if words else ""


def _of_http1(data: bytes) -> str:
    """Return the status line of an HTTP/1 answer, and the beginning of its body."""
    line = _HTTP1.match(data)
    if line is None:
        return shown(data)
    said = shown(line[0])
    head = _BODY.search(data)
    body = shown(data[head.end() :]) if head else ""
    return f"{said}: {body}" if body else said


def _is_whole(data: bytes) -> bool:
    """Return whether as much of an HTTP/1 answer has come as is quoted."""
    head = _BODY.search(data)
    if head is None:
        return False
    length = re.search(rb"(?i)\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r?\n", data[: head.end()])
    wanted = min(int(length[1]), QUOTED) if length else QUOTED
    return len(data) - head.end() >= wanted
