"""The API server as a transport, without sockets."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from pyload.embedded.apiserver.requests import read_request
from pyload.embedded.apiserver.watch_plan import WatchPlan
from pyload.kube.transport import Response

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping

    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.requests import Reply, Request
    from pyload.embedded.apiserver.watch import Watcher


class MemoryApiTransport:
    """Carries requests to an API server in the same process.

    Bodies are encoded and decoded as over a socket, so no object is ever shared.

    Args:
        answer: Answers a request.
        begin: Begins a watch.
        kinds: The kinds that the server serves.
    """

    def __init__(
        self,
        answer: Callable[[Request], Awaitable[Reply | WatchPlan]],
        begin: Callable[[WatchPlan], Watcher],
        kinds: KindRegistry,
    ) -> None:
        self._answer = answer
        self._begin = begin
        self._kinds = kinds

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
    ) -> Response:
        """Send one request and read its whole answer."""
        # Others get their turn, as they would while a real request is under way.
        await asyncio.sleep(0)
        asked = read_request(method, path, query or {}, body, content_type, kinds=self._kinds)
        answer = await self._answer(asked)
        if not isinstance(answer, WatchPlan):
            return answer
        async with _reading(self._begin(answer)) as stream:
            return Response(200, await stream.body())

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str]
    ) -> AsyncIterator[MemoryApiStream]:
        """Open a GET whose answer is read line by line."""
        await asyncio.sleep(0)
        answer = await self._answer(read_request("GET", path, query, None, kinds=self._kinds))
        if isinstance(answer, WatchPlan):
            async with _reading(self._begin(answer)) as stream:
                yield stream
        else:
            yield MemoryApiStream(answer.status, _once(answer.body))

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""


@contextlib.asynccontextmanager
async def _reading(watcher: Watcher) -> AsyncIterator[MemoryApiStream]:
    batches = watcher.batches()
    try:
        yield MemoryApiStream(200, batches)
    finally:
        watcher.close()
        await batches.aclose()


async def _once(body: bytes) -> AsyncGenerator[list[bytes]]:
    yield body.splitlines(keepends=True)


class MemoryApiStream:
    """An answer that is read line by line.

    Attributes:
        status: HTTP status code.
    """

    def __init__(self, status: int, batches: AsyncGenerator[list[bytes]]) -> None:
        self.status = status
        self._batches = batches

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield each line without its newline, until the server ends the answer."""
        async for batch in self._batches:
            for line in batch:
                yield line.removesuffix(b"\n")

    async def body(self) -> bytes:
        """Read the whole body instead."""
        return b"".join([line async for batch in self._batches for line in batch])
