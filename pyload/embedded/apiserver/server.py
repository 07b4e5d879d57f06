"""The API server's HTTP port.

Each connection has one task, which reads a request, answers it and reads the next one. Nothing else
is created for a request: clients that write thousands of objects are what this server is for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pyload.descriptors import warn_when_exhausted
from pyload.embedded.apiserver import http_messages, refusals
from pyload.embedded.apiserver.access.users import EVERYBODY, User, impersonated
from pyload.embedded.apiserver.http_messages import Head, parse_head, reply_bytes
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.requests import Reply, read_request, refused_reply
from pyload.embedded.apiserver.watch_plan import WatchPlan
from pyload.errors import PyloadError

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Awaitable, Callable
    from ssl import SSLContext

    from pyload.embedded.apiserver.access.authentication import Authenticator
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.requests import Request
    from pyload.embedded.apiserver.watch import Watcher

OVERFLOW_SECONDS: Final = 10.0
"""How long the client of a watch that is closed for its slowness has to read what is left."""
MAX_BODY: Final = 3 << 20
"""Bytes of a request's body that kube-apiserver takes."""

_MAX_HEAD: Final = 64 << 10
_BACKLOG: Final = 128
_GRACE_SECONDS: Final = 1.0
_PIECE: Final = 64 << 10

log = logging.getLogger("pyload")


class HttpServer:
    """Serves requests over HTTP.

    Args:
        answer: Answers a request. If it raises a `PyloadError`, the connection is cut.
        begin: Begins a watch.
        close_watches: Ends all watches.
        kinds: The kinds that the server serves.
        tls: How the server shows itself; None for no TLS.
        authenticator: Finds the users of requests; None lets everybody in.
    """

    def __init__(
        self,
        answer: Callable[[Request], Awaitable[Reply | WatchPlan]],
        begin: Callable[[WatchPlan], Watcher],
        close_watches: Callable[[], None],
        kinds: KindRegistry,
        *,
        tls: SSLContext | None = None,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._answer = answer
        self._begin = begin
        self._close_watches = close_watches
        self._kinds = kinds
        self._tls = tls
        self._authenticator = authenticator
        self._closing = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self._idle: set[asyncio.Task[Any] | None] = set()
        """Tasks whose clients have no request under way."""

    @contextlib.asynccontextmanager
    async def run(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen until the context is left, and yield the base URL."""
        server = await asyncio.start_server(
            self._connected, host, port, limit=_MAX_HEAD, backlog=_BACKLOG, ssl=self._tls
        )
        watch = asyncio.create_task(warn_when_exhausted(), name="descriptors")
        try:
            bound = server.sockets[0].getsockname()[1]
            scheme = "http" if self._tls is None else "https"
            yield f"{scheme}://{host}:{bound}"
        finally:
            watch.cancel()
            self._closing = True
            server.close()
            self._close_watches()
            await self._end_connections()

    async def _end_connections(self) -> None:
        """Let answers that are under way end, but not for ever."""
        for task in self._tasks & self._idle:
            task.cancel()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="api-connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one request after the other."""
        try:
            while not self._closing and await self._exchange(reader, writer):
                pass
        except PyloadError:
            # A fault put in on purpose: the client sees its connection break.
            return
        except (ConnectionError, asyncio.IncompleteReadError):
            # The client went away.
            return
        except RuntimeError:
            # What uvloop raises when more is written to a connection that was cut.
            if not writer.transport.is_closing():
                raise
        except MemoryError:
            log.error("no memory is left for an answer")
        finally:
            writer.close()

    async def _exchange(self, reader: StreamReader, writer: StreamWriter) -> bool:
        """Answer one request; return whether the connection stays open."""
        task = asyncio.current_task()
        self._idle.add(task)
        try:
            head = parse_head(await reader.readuntil(b"\r\n\r\n"))
            length = head.length
        except (ValueError, asyncio.LimitOverrunError) as error:
            refused = refused_reply(refusals.bad_request(f"this is not HTTP: {error}"))
            writer.write(reply_bytes(refused, keeps_open=False))
            return False
        finally:
            self._idle.discard(task)
        answer, keeps_open = await self._respond(head, length, reader, writer)
        if isinstance(answer, WatchPlan):
            return await self._stream(head, answer, reader, writer)
        is_head = head.method == "HEAD"
        writer.write(reply_bytes(answer, keeps_open=keeps_open, without_body=is_head))
        await writer.drain()
        return keeps_open

    async def _respond(
        self, head: Head, length: int, reader: StreamReader, writer: StreamWriter
    ) -> tuple[Reply | WatchPlan, bool]:
        """Return the answer to a request, and whether the connection may stay open."""
        waits = bool(head.header("expect"))
        try:
            # Nobody may send a large body before it is known who they are.
            user = self._user(head)
        except Refused as error:
            if not waits:
                await _body(reader, head, length, limit=0)
            return refused_reply(error), head.keeps_open and not waits
        if waits:
            writer.write(http_messages.CONTINUE)
        try:
            raw = await _body(reader, head, length, limit=MAX_BODY)
            if raw is None:
                return refused_reply(refusals.body_too_large(MAX_BODY)), head.keeps_open
            return await self._answer_to(head, raw, user), head.keeps_open
        except MemoryError:
            log.error("no memory is left for %s %s", head.method, head.path)
            return refused_reply(refusals.out_of_memory()), False

    async def _answer_to(self, head: Head, raw: bytes, user: User) -> Reply | WatchPlan:
        asked = read_request(
            head.method,
            head.path,
            head.query,
            raw,
            head.header("content-type"),
            kinds=self._kinds,
            accept=head.header("accept").replace("\n", ","),
            user_agent=head.header("user-agent"),
            user=user,
        )
        try:
            return await self._answer(asked)
        except (PyloadError, MemoryError):
            raise
        except Exception as error:
            if refusals.is_out_of_memory(error):
                raise MemoryError from error
            log.exception("cannot answer %s %s", head.method, head.path)
            return refused_reply(refusals.internal_error(error))

    def _user(self, head: Head) -> User:
        """Return whom a request is from.

        Raises:
            Refused: The user is unknown.
        """
        user = EVERYBODY
        if self._authenticator is not None:
            authorization = head.header("authorization")
            user = self._authenticator.user(head.method, head.path, authorization)
        if "impersonate-user" not in head.headers:
            return user
        groups = head.header("impersonate-group")
        return impersonated(
            head.header("impersonate-user"),
            groups.split("\n") if groups else (),
            head.header("impersonate-uid"),
        )

    async def _stream(
        self, head: Head, plan: WatchPlan, reader: StreamReader, writer: StreamWriter
    ) -> bool:
        """Send a watch's events until it ends; return whether the connection stays open."""
        is_chunked = head.version == "HTTP/1.1"
        watcher = self._begin(plan)
        # A client that has a watch sends nothing more until it hangs up.
        hung_up = asyncio.ensure_future(reader.read(1))
        hung_up.add_done_callback(lambda _: watcher.close())
        overflow = contextlib.ExitStack()
        watcher.on_overflow = partial(_let_go, head, plan, writer, overflow)
        batches = watcher.batches()
        try:
            writer.write(http_messages.stream_head(is_chunked=is_chunked))
            async for batch in batches:
                data = b"".join(batch)
                writer.write(http_messages.chunk(data) if is_chunked else data)
                await writer.drain()
            if is_chunked:
                writer.write(http_messages.LAST_CHUNK)
            return is_chunked and head.keeps_open and not hung_up.done()
        finally:
            overflow.close()
            hung_up.cancel()
            watcher.close()
            await batches.aclose()
            await asyncio.gather(hung_up, return_exceptions=True)


def _let_go(head: Head, plan: WatchPlan, writer: StreamWriter, until: contextlib.ExitStack) -> None:
    """Cut the connection of a client that reads too slowly, unless it catches up in time."""
    log.warning(
        "a client is too far behind in its watch of %s, which is ended: %s",
        plan.kind.plural,
        head.header("user-agent") or "it does not say what it is",
    )
    loop = asyncio.get_running_loop()
    until.callback(loop.call_later(OVERFLOW_SECONDS, writer.transport.abort).cancel)


async def _body(reader: StreamReader, head: Head, length: int, *, limit: int) -> bytes | None:
    """Read a body; None if it is longer than the limit, when nothing of it is kept."""
    if head.is_chunked:
        return await _chunks(reader, limit)
    return await _piece(reader, length, limit) if length else b""


async def _piece(reader: StreamReader, length: int, limit: int) -> bytes | None:
    if length <= limit:
        return await reader.readexactly(length)
    while length:
        length -= len(await reader.readexactly(min(length, _PIECE)))
    return None


async def _chunks(reader: StreamReader, limit: int) -> bytes | None:
    """Read a body that comes in chunks.

    Raises:
        ConnectionError: There is no length where one must be.
    """
    pieces: list[bytes] = []
    size = 0
    while True:
        try:
            text = (await reader.readuntil(b"\r\n")).partition(b";")[0].strip()
            length = int(text if text.isalnum() else b"", 16)
        except (ValueError, asyncio.LimitOverrunError) as error:
            raise ConnectionError("a chunk without a length") from error
        size += length
        piece = await _piece(reader, length, limit - size + length)
        end = await reader.readuntil(b"\r\n")
        if not length:
            while end != b"\r\n":
                # Trailers, after the last chunk.
                end = await reader.readuntil(b"\r\n")
            return b"".join(pieces) if size <= limit else None
        if end != b"\r\n":
            raise ConnectionError("a chunk of another length")
        if piece is not None:
            pieces.append(piece)
