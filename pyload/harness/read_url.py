"""Reads a page over HTTP, in a thread and with the standard library.

For a page of metrics every few seconds that will do. The client of the API server would take a
quarter of a second to import, in runs that have no API server.
"""

from __future__ import annotations

import http.client
import time
from typing import Final
from urllib.parse import urlsplit

from pyload.tasks import in_detached_thread
from pyload.version import USER_AGENT

_PIECE: Final = 256 * 1024


async def read_url(url: str, *, seconds: float, at_most: int) -> bytes:
    """Read a URL, without the proxies of the environment: what is read is near.

    Args:
        url: The URL, of HTTP or HTTPS.
        seconds: How long it may take.
        at_most: How many bytes the page may have.

    Raises:
        OSError: There was no answer, or no page; `TimeoutError` is one.
    """
    return await in_detached_thread(lambda: _read(url, seconds, at_most))


def _read(url: str, seconds: float, at_most: int) -> bytes:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    deadline = time.monotonic() + seconds
    connection = kind(str(parts.hostname), parts.port, timeout=seconds)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"User-Agent": USER_AGENT})
        # A connection does not close what it has left to its answer.
        with connection.getresponse() as answer:
            return _body(answer, deadline, at_most)
    except http.client.HTTPException as error:
        raise OSError(f"not an answer of HTTP: {error!r}") from error
    finally:
        connection.close()


def _body(answer: http.client.HTTPResponse, deadline: float, at_most: int) -> bytes:
    if answer.status != 200:
        raise OSError(f"status {answer.status}")
    page = bytearray()
    while piece := answer.read1(_PIECE):
        page += piece
        if len(page) > at_most:
            raise OSError(f"a page of more than {at_most:,} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError
    if answer.length:
        raise OSError("the page broke off")
    return bytes(page)
