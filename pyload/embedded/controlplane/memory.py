"""Streams to the control plane without sockets, for one process and for virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from pyload.errors import StreamError
from pyload.xds.transport import DELTA_METHOD, SOTW_METHOD, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.embedded.controlplane.connection import Peer
    from pyload.xds.transport import Metadata

# Responses that a proxy may leave unread before the control plane waits, as on a socket.
UNREAD_LIMIT: Final = 4


class _Pipe:
    """Messages in one direction."""

    __slots__ = ("_items", "_limit", "_readable", "_writable", "closed")

    def __init__(self, limit: int | None) -> None:
        self._items: deque[bytes] = deque()
        self._limit = limit
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self.closed = False

    async def put(self, message: bytes) -> bool:
        """Append a message; False if nobody will read it."""
        while not self.closed and self._limit is not None and len(self._items) >= self._limit:
            self._writable.clear()
            await self._writable.wait()
        if self.closed:
            return False
        self._items.append(message)
        self._readable.set()
        return True

    async def get(self) -> bytes | None:
        """Take the first message; None once there will be none."""
        while not self._items:
            if self.closed:
                return None
            self._readable.clear()
            await self._readable.wait()
        self._writable.set()
        return self._items.popleft()

    def close(self, *, drop: bool) -> None:
        """Take no more messages, and forget those not yet read if asked to."""
        self.closed = True
        if drop:
            self._items.clear()
        self._readable.set()
        self._writable.set()


class MemoryStream:
    """The proxy's end of a stream; see `pyload.xds.transport.Stream`."""

    __slots__ = ("_requests", "_responses", "_task", "status")

    def __init__(self) -> None:
        # Requests never wait: the control plane reads them while a response is stuck.
        self._requests = _Pipe(None)
        self._responses = _Pipe(UNREAD_LIMIT)
        self._task: asyncio.Task[None] | None = None
        self.status: Status | None = None

    async def send(self, message: bytes) -> None:
        """Send one message.

        Raises:
            StreamError: The stream has ended.
        """
        if not await self._requests.put(message):
            status = self.status or _CANCELLED
            raise StreamError(code=status.code, name=status.name, message=status.message)

    async def recv(self) -> bytes | None:
        """Wait for the next message; None once the stream has ended."""
        return await self._responses.get()

    async def aclose(self) -> None:
        """Close the stream."""
        self.end(_CANCELLED, drop=True)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def end(self, status: Status, *, drop: bool = False) -> None:
        """End the stream with a status, unless it has ended already."""
        if self.status is None:
            self.status = status
        self._requests.close(drop=True)
        self._responses.close(drop=drop)

    def start(self, task: asyncio.Task[None]) -> None:
        """Take note of the task that serves the stream."""
        self._task = task

    async def take_request(self) -> bytes | None:
        """Give the control plane the next request."""
        return await self._requests.get()

    async def give_response(self, message: bytes) -> bool:
        """Take a response from the control plane; False if the proxy is gone."""
        return await self._responses.put(message)


class _MemoryPeer:
    """The control plane's end of a stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: MemoryStream) -> None:
        self._stream = stream

    async def recv(self) -> bytes | None:
        return await self._stream.take_request()

    async def send(self, message: bytes) -> None:
        if not await self._stream.give_response(message):
            raise StreamError(code=1, name="CANCELLED", message="the proxy closed the stream")


class MemoryTransport:
    """Opens streams to a control plane in this process.

    Args:
        serve: Serves one stream until it ends: peer, headers, and whether it is delta.
        tasks: Owns the tasks that do so, and ends them when the control plane ends.
    """

    def __init__(
        self,
        serve: Callable[[Peer, dict[str, str], bool], Awaitable[None]],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._serve = serve
        self._tasks = tasks

    async def open(self, method: str, *, metadata: Metadata) -> MemoryStream:
        """Open a stream.

        Raises:
            StreamError: The method is not served.
        """
        if method not in (DELTA_METHOD, SOTW_METHOD):
            raise StreamError(code=12, name="UNIMPLEMENTED", message=f"unknown method {method}")
        stream = MemoryStream()
        task = asyncio.create_task(
            self._run(stream, dict(metadata), delta=method == DELTA_METHOD), name="xds-in-memory"
        )
        stream.start(task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return stream

    async def _run(self, stream: MemoryStream, headers: dict[str, str], *, delta: bool) -> None:
        status = _UNAVAILABLE
        try:
            await self._serve(_MemoryPeer(stream), headers, delta)
            status = _OK
        except StreamError as error:
            status = Status(error.code, error.name, error.message)
        finally:
            stream.end(status)


_OK: Final = Status(0, "OK", "")
_CANCELLED: Final = Status(1, "CANCELLED", "the proxy closed the stream")
_UNAVAILABLE: Final = Status(14, "UNAVAILABLE", "the control plane is shutting down")
