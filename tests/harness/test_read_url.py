"""Reading a page over HTTP, from servers that do what they should not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from pyload.harness.read_url import read_url

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = [pytest.mark.anyio, pytest.mark.socket]


@contextlib.asynccontextmanager
async def server(*answers: bytes) -> AsyncIterator[str]:
    """Serve pieces of an answer, and yield its URL; an empty piece is a long silence."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in answers:
            if not piece:
                await reader.read()
            writer.write(piece)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        ended.set()

    ended = asyncio.Event()
    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/metrics?a=b"
        await ended.wait()


async def test_a_page_may_come_in_pieces() -> None:
    """Go's server sends a page of some length in chunks."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with server(head, b"3\r\nabc\r\n", b"2\r\nde\r\n0\r\n\r\n") as url:
        assert await read_url(url, seconds=5, at_most=5) == b"abcde"
        with pytest.raises(OSError, match="more than 4 bytes"):
            await read_url(url, seconds=5, at_most=4)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"\x00\x00\x12\x04", "not an answer of HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", "the page broke off"),
    ],
)
async def test_what_is_no_page_is_an_error(text: bytes, problem: str) -> None:
    """Port 15010 speaks gRPC, and half a page would be a control plane that forgot the rest."""
    async with server(text) as url:
        with pytest.raises(OSError, match=problem):
            await read_url(url, seconds=5, at_most=100)


async def test_a_server_that_falls_silent_is_given_up() -> None:
    """The thread that waits for it has to end some time."""
    async with server(b"HTTP/1.1 200 OK\r\n\r\nab", b"") as url:
        with pytest.raises(TimeoutError):
            await read_url(url, seconds=0.05, at_most=100)
