"""HTTP/1.1 as the API server reads and writes it."""

from __future__ import annotations

import pytest

from pyload.embedded.apiserver.http_messages import chunk, parse_head, reply_bytes, stream_head
from pyload.embedded.apiserver.requests import Reply


def test_a_head_is_read() -> None:
    """Clients write names of headers as they like, and encode what a path cannot hold."""
    head = parse_head(
        b"POST /api/v1/pods%20x?a=1&b=&a=2&c=%2F HTTP/1.1\r\nHost: h\r\n"
        b"CONTENT-length: 12\r\nAccept:  a/b \r\naccept: c/d\r\n\r\n"
    )

    assert (head.method, head.path, head.version) == ("POST", "/api/v1/pods x", "HTTP/1.1")
    assert head.query == {"a": "1", "b": "", "c": "/"}
    assert head.header("accept") == "a/b\nc/d"
    assert (head.header("cookie"), head.length, head.is_chunked) == ("", 12, False)


def test_a_head_of_a_proxied_request_is_read() -> None:
    """A client that takes the server for its proxy names it in each request."""
    head = parse_head(b"GET http://127.0.0.1:1/api?x=y HTTP/1.1\r\n\r\n")

    assert (head.path, head.query) == ("/api", {"x": "y"})


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET / \r\n\r\n",
        b"GET / HTTP/2\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nName : x\r\n\r\n",
    ],
)
def test_other_heads_are_refused(raw: bytes) -> None:
    """What comes to the port by mistake, such as TLS, must end in an answer, not in a traceback."""
    with pytest.raises(ValueError, match=r"\w"):
        parse_head(raw)


@pytest.mark.parametrize("length", ["-1", "+1", "1_0", "x", "²", ""])
def test_lengths_are_numbers(length: str) -> None:
    """A length that is read otherwise than by others lets one request hide in another."""
    head = parse_head(f"PUT / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode("latin-1"))

    with pytest.raises(ValueError, match="is no length"):
        _ = head.length


@pytest.mark.parametrize(
    ("version", "connection", "expected"),
    [
        ("HTTP/1.1", "keep-alive", True),
        ("HTTP/1.1", "Close", False),
        ("HTTP/1.0", "", False),
    ],
)
def test_connections_stay_open(version: str, connection: str, *, expected: bool) -> None:
    """Clients use a connection again, unless one of the two closes it."""
    head = parse_head(f"GET / {version}\r\nConnection: {connection}\r\n\r\n".encode())

    assert head.keeps_open is expected


def test_answers_are_written() -> None:
    """The bytes are what any client of HTTP reads."""
    reply = Reply(200, b"{}", 1.5, warnings=('say "x"',))

    assert reply_bytes(reply, keeps_open=True) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b'Warning: 299 - "say \\"x\\""\r\nRetry-After: 1.5\r\nContent-Length: 2\r\n\r\n{}'
    )
    assert reply_bytes(Reply(404, b"{}"), keeps_open=False, without_body=True) == (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nConnection: close\r\n"
        b"Content-Length: 2\r\n\r\n"
    )


def test_streams_are_written() -> None:
    """A watch has no length, so that it comes in chunks where the client knows of them."""
    assert stream_head(is_chunked=True) == (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert stream_head(is_chunked=False).endswith(b"Connection: close\r\n\r\n")
    assert chunk(b"x" * 17) == b"11\r\n" + b"x" * 17 + b"\r\n"
