"""Tests of requests and answers as bytes."""

from __future__ import annotations

import pytest

from pyload.report.answers import Answer, Request, answer_bytes, is_addressed, parse_request


def page(request: Request) -> Answer:
    """Answer with the query."""
    return Answer(request.query.encode(), "text/plain", headers={"ETag": '"1"'})


def test_a_request_is_read_with_its_headers() -> None:
    """A browser would get figures again that it has."""
    request = parse_request(b'GET /a?b=c HTTP/1.1\r\nHost: x\r\nIf-None-Match: "a:b"\r\n\r\n')
    assert request == Request("GET", "/a", "b=c", {"host": "x", "if-none-match": '"a:b"'})


def test_an_answer_has_the_headers_of_its_page() -> None:
    """The policy of a page would not reach the browser."""
    head, _, body = answer_bytes(Request("GET", "/", "abc"), page).partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"HTTP/1.1 200 OK",
        b"Content-Type: text/plain",
        b"Content-Length: 3",
        b"Connection: close",
        b'ETag: "1"',
    ]
    assert body == b"abc"


def test_head_has_the_length_and_no_content() -> None:
    """A client that only asks would wait for what comes after the answer."""
    answer = answer_bytes(Request("HEAD", "/", "abc"), page)
    assert b"Content-Length: 3\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_pages_are_only_read() -> None:
    """Another site could post to the page of a reader."""
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "get", ""):
        answer = answer_bytes(Request(method, "/"), page)
        assert answer.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n")
        assert b"Allow: GET, HEAD\r\n" in answer


def test_what_is_no_request_is_not_found() -> None:
    """Bytes of another protocol would end in a traceback."""
    for text in (b"\r\n\r\n", b"\xff\x00 \x80\r\n\r\n", b"GET\r\n\r\n"):
        request = parse_request(text)
        assert answer_bytes(request, {"/": page}.get(request.path)).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8765", True),
        ("[::1]:8765", True),
        ("10.1.2.3", True),
        ("localhost:8765", True),
        ("LocalHost", True),
        ("", True),
        ("evil.example:8765", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[::1", False),
        ("user@evil.example", False),
    ],
)
def test_another_sites_name_is_not_ours(host: str, *, expected: bool) -> None:
    """A page whose own name resolves to this machine would read the figures of a run."""
    request = Request("GET", "/", headers={"host": host} if host else {})

    assert is_addressed(request, {"localhost"}) is expected
