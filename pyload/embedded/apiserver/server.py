"""The API server's HTTP port."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web
from multidict import CIMultiDict

from pyload.descriptors import warn_when_exhausted
from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.requests import read_request, refused_reply
from pyload.embedded.apiserver.users import EVERYBODY, User, impersonated
from pyload.embedded.apiserver.watch_plan import WatchPlan
from pyload.errors import PyloadError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from ssl import SSLContext

    from pyload.embedded.apiserver.authentication import Authenticator
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.requests import Reply, Request
    from pyload.embedded.apiserver.watch import Watcher

OVERFLOW_SECONDS: Final = 10.0
"""How long the client of a watch that is closed for its slowness has to read what is left."""
MAX_BODY: Final = 3 << 20
"""Bytes of a request's body that kube-apiserver takes."""

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

    @contextlib.asynccontextmanager
    async def run(self, host: str, port: int) -> AsyncIterator[str]:
        """Listen until the context is left, and yield the base URL."""
        server = web.Server(
            self._handle, request_factory=_request, handler_cancellation=True, access_log=None
        )
        runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await runner.setup()
        watch = asyncio.create_task(warn_when_exhausted(), name="descriptors")
        try:
            site = web.TCPSite(runner, host, port, ssl_context=self._tls)
            await site.start()
            bound = runner.addresses[0][1]
            scheme = "http" if self._tls is None else "https"
            yield f"{scheme}://{host}:{bound}"
        finally:
            watch.cancel()
            self._close_watches()
            await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one HTTP request, with an error where there is no answer."""
        try:
            return await self._respond(request)
        except web.HTTPRequestEntityTooLarge:
            refused = refusals.body_too_large(MAX_BODY)
        except Refused as error:
            refused = error
        except MemoryError:
            log.error("no memory is left for %s %s", request.method, request.path)
            refused = refusals.out_of_memory()
        except PyloadError:
            # A fault put in on purpose: the client sees its connection break.
            if request.transport is not None:
                request.transport.close()
            return web.Response()
        return _response(refused_reply(refused))

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        # Nobody may send a large body before it is known who they are.
        user = self._user(request)
        raw = await request.read() if request.can_read_body else None
        headers = request.headers
        asked = read_request(
            request.method,
            request.path,
            dict(request.query),
            raw,
            headers.get("Content-Type", ""),
            kinds=self._kinds,
            accept=headers.get("Accept", ""),
            user_agent=headers.get("User-Agent", ""),
            user=user,
        )
        answer = await self._answer(asked)
        if isinstance(answer, WatchPlan):
            return await self._stream(request, answer)
        return _response(answer)

    def _user(self, request: web.BaseRequest) -> User:
        """Return whom a request is from.

        Raises:
            Refused: The user is unknown.
        """
        headers = request.headers
        user = EVERYBODY
        if self._authenticator is not None:
            authorization = headers.get("Authorization", "")
            user = self._authenticator.user(request.method, request.path, authorization)
        if "Impersonate-User" not in headers:
            return user
        groups = headers.getall("Impersonate-Group", ())
        return impersonated(headers["Impersonate-User"], groups, headers.get("Impersonate-Uid", ""))

    async def _stream(self, request: web.BaseRequest, plan: WatchPlan) -> web.StreamResponse:
        watcher = self._begin(plan)
        overflow = contextlib.ExitStack()
        watcher.on_overflow = partial(_let_go, request, plan, overflow)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        batches = watcher.batches()
        try:
            response.enable_chunked_encoding()
            await response.prepare(request)
            async for batch in batches:
                await response.write(b"".join(batch))
            await response.write_eof()
        except ConnectionError:
            # The client went away; its handler ends with it.
            return response
        finally:
            overflow.close()
            watcher.close()
            await batches.aclose()
        return response


def _let_go(request: web.BaseRequest, plan: WatchPlan, until: contextlib.ExitStack) -> None:
    """Cut the connection of a client that reads too slowly, unless it catches up in time."""
    log.warning(
        "a client is too far behind in its watch of %s, which is ended: %s",
        plan.kind.plural,
        request.headers.get("User-Agent", "it does not say what it is"),
    )
    if request.transport is not None:
        loop = asyncio.get_running_loop()
        until.callback(loop.call_later(OVERFLOW_SECONDS, request.transport.abort).cancel)


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    """Return aiohttp's request, with kube-apiserver's limit in place of its own."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=MAX_BODY)


def _response(reply: Reply) -> web.Response:
    headers = CIMultiDict({"Content-Type": reply.content_type})
    for text in reply.warnings:
        headers.add("Warning", f"299 - {orjson.dumps(text).decode()}")
    if reply.retry_after is not None:
        headers["Retry-After"] = f"{reply.retry_after:g}"
    return web.Response(status=reply.status, body=reply.body, headers=headers)
