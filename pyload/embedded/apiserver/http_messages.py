"""HTTP/1.1 as the API server needs it: the head of a request, and the bytes of an answer.

A general server spends more on a request than this one does on handling it, so that there is no
more here than what clients of an API server send: bodies with a length or in chunks, and
connections that stay open.
"""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.requests import Reply

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"


class Head(NamedTuple):
    """The head of a request.

    Attributes:
        method: HTTP method.
        path: Path, decoded and without the query.
        query: The first value of each query parameter.
        headers: Headers by their names in lower case; values of the same name are joined with
            newlines, which no value has.
        version: Such as ``HTTP/1.1``.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    version: str

    def header(self, name: str) -> str:
        """Return a header's value, or nothing; the name is in lower case."""
        return self.headers.get(name, "")

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks."""
        return "chunked" in self.header("transfer-encoding").lower()

    @property
    def length(self) -> int:
        """Bytes of a body that does not come in chunks.

        Raises:
            ValueError: The client names no number.
        """
        text = self.headers.get("content-length", "0")
        if not (text.isascii() and text.isdecimal()):
            raise ValueError(f"{text!r} is no length")
        return int(text)

    @property
    def keeps_open(self) -> bool:
        """Whether the client sends its next request over the same connection."""
        connection = self.header("connection").lower()
        return "close" not in connection and self.version == "HTTP/1.1"


def parse_head(raw: bytes) -> Head:
    """Read the head of a request, with the empty line that ends it.

    Raises:
        ValueError: It is none.
    """
    lines = raw.decode("latin-1").split("\r\n")
    method, target, version = lines[0].split(" ")
    if not version.startswith("HTTP/1."):
        raise ValueError(f"{version!r} is not spoken here")
    headers: dict[str, str] = {}
    for line in lines[1:-2]:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise ValueError(f"{line!r} is no header")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    if not target.startswith("/"):
        # A client that takes the server for its proxy sends the whole URL.
        parts = urlsplit(target)
        path, query = parts.path or "/", parts.query
    else:
        path, _, query = target.partition("?")
    return Head(method, unquote(path), _query(query) if query else {}, headers, version)


@lru_cache(maxsize=256)
def _query(text: str) -> Mapping[str, str]:
    # The first of several values counts.
    return dict(reversed(parse_qsl(text, keep_blank_values=True)))


def reply_bytes(reply: Reply, *, keeps_open: bool, without_body: bool = False) -> bytes:
    """Return a whole answer."""
    head = _head(reply.status, reply.content_type, keeps_open)
    for text in reply.warnings:
        head += b"Warning: 299 - %b\r\n" % orjson.dumps(text)
    if reply.retry_after is not None:
        head += b"Retry-After: %b\r\n" % f"{reply.retry_after:g}".encode()
    body = b"" if without_body else reply.body
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(reply.body), body)


def stream_head(*, is_chunked: bool) -> bytes:
    """Return the head of an answer whose end is not known yet."""
    how = b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else b"\r\n"
    return _head(200, "application/json", is_chunked) + how


def chunk(data: bytes) -> bytes:
    """Return a piece of such an answer."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=256)
def _head(status: int, content_type: str, keeps_open: bool) -> bytes:  # noqa: FBT001 - a key of the cache
    reason = HTTPStatus(status).phrase
    text = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n"
    return (text if keeps_open else text + "Connection: close\r\n").encode()
