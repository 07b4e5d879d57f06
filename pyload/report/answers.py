"""Requests and answers of the small HTTP server, as bytes and as records.

A page is a function from a request to its answer. Pages are only read: what is not GET or HEAD is
refused, and a path without a page is not found, in Go's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    Page = Callable[["Request"], "Answer"]
    """Answers requests for one path."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Attributes:
        method: Its method.
        path: Its path, without the query.
        query: The query; empty without one.
        headers: The headers, by their names in lower case.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer.

    Attributes:
        body: Its content.
        content_type: Type of the content.
        status: Status code and reason.
        headers: Other headers.
    """

    body: bytes
    content_type: str
    status: str = "200 OK"
    headers: Mapping[str, str] = field(default_factory=dict)


_NOT_FOUND: Final = Answer(b"404 page not found\n", "text/plain", "404 Not Found")
_NOT_ALLOWED: Final = Answer(
    b"use GET\n", "text/plain", "405 Method Not Allowed", {"Allow": "GET, HEAD"}
)


def parse_request(request: bytes) -> Request:
    """Parse a request with all of its headers; of something else the path is empty."""
    first, *lines = request.decode("latin-1").split("\r\n")
    method, _, rest = first.partition(" ")
    path, _, query = rest.partition(" ")[0].partition("?")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): text.strip() for name, colon, text in pairs if colon}
    return Request(method, path, query, headers)


def is_addressed(request: Request, names: Collection[str]) -> bool:
    """Return whether a request names the server by an IP address or by one of its names.

    A page of somebody else's can have its own name resolve to this machine, and would then read
    what only this machine may read: the browser takes both for the same site.

    Args:
        request: The request; one without the header ``Host`` comes from no browser.
        names: Names of the server, in lower case.
    """
    host = request.headers.get("host", "")
    try:
        name = urlsplit(f"//{host}").hostname or ""
        if name in names or not host:
            return True
        ip_address(name)
    except ValueError:
        return False
    return True


def answer_bytes(request: Request, page: Page | None) -> bytes:
    """Return the answer to a request, as it goes over the wire.

    Args:
        request: The request.
        page: The page at its path; None if there is none.
    """
    if page is None:
        answer = _NOT_FOUND
    elif request.method not in ("GET", "HEAD"):
        answer = _NOT_ALLOWED
    else:
        answer = page(request)
    headers = {
        "Content-Type": answer.content_type,
        "Content-Length": str(len(answer.body)),
        "Connection": "close",
        **answer.headers,
    }
    lines = (f"HTTP/1.1 {answer.status}", *(f"{name}: {text}" for name, text in headers.items()))
    head = "\r\n".join((*lines, "", ""))
    return head.encode("latin-1") + (b"" if request.method == "HEAD" else answer.body)
