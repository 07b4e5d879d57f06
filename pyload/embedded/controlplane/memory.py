"""Streams to the control plane without sockets, for one process and for virtual time."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Final

from pyload.errors import StreamError
from pyload.xds.messages import Message
from pyload.xds.transport import CANCELLED, DELTA_METHOD, SOTW_METHOD, Status

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.embedded.controlplane.connection import StreamPeer
    from pyload.xds.transport import Metadata, Sink


class MemoryXdsStream:
    """One stream: the proxy's end, see `pyload.xds.transport.Stream`, and the control plane's."""

    __slots__ = ("_reading", "_requests", "_status", "_task", "_wanted", "sink")

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        # Requests never wait: the control plane reads them while a response is stuck.
        self._requests: deque[bytes] = deque()
        self._wanted = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._task: asyncio.Task[None] | None = None
        self._status: Status | None = None

    # The proxy's end.

    def send(self, message: bytes) -> None:
        """Send one message."""
        if self._status is None:
            self._requests.append(message)
            self._wanted.set()

    def close(self, status: Status = CANCELLED) -> None:
        """End the stream."""
        if self._status is None and self._task is not None:
            self._status = status
            self._task.cancel()

    def pause(self) -> None:
        """Stop reading responses."""
        self._reading.clear()

    def resume(self) -> None:
        """Continue to read responses."""
        self._reading.set()

    # The control plane's end.

    async def recv(self) -> bytes | None:
        """Wait for the next request."""
        while not self._requests:
            self._wanted.clear()
            await self._wanted.wait()
        return self._requests.popleft()

    async def deliver(self, message: bytes) -> None:
        """Deliver a response to the proxy as soon as it reads."""
        await self._reading.wait()
        # Not in the middle of the control plane's work, just as a socket would not.
        await asyncio.sleep(0)
        self.sink.message(Message(message))

    def run(self, serving: Awaitable[None], tasks: set[asyncio.Task[None]]) -> None:
        """Start the task that serves the stream, and add it to ``tasks`` until it ends."""
        self._task = asyncio.create_task(self._serve(serving), name="xds-in-memory")
        tasks.add(self._task)
        self._task.add_done_callback(tasks.discard)
        self._task.add_done_callback(self._ended)

    async def _serve(self, serving: Awaitable[None]) -> None:
        status = _UNAVAILABLE
        try:
            self.sink.opened()
            await serving
            status = _OK
        except StreamError as error:
            status = Status(error.code, error.name, error.message)
        finally:
            if self._status is None:
                self._status = status

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()
        self.sink.closed(self._status or _UNAVAILABLE)


class _MemoryPeer:
    """The control plane's view of a stream."""

    __slots__ = ("_stream",)

    def __init__(self, stream: MemoryXdsStream) -> None:
        self._stream = stream

    async def recv(self) -> bytes | None:
        return await self._stream.recv()

    async def send(self, message: bytes) -> None:
        await self._stream.deliver(message)


class MemoryXdsTransport:
    """Opens streams to a control plane in this process.

    Args:
        serve: Serves one stream until it ends: peer, headers, and whether it is delta.
        tasks: Collects the tasks that serve, which the control plane cancels when it ends.
    """

    def __init__(
        self,
        serve: Callable[[StreamPeer, dict[str, str], bool], Awaitable[None]],
        tasks: set[asyncio.Task[None]],
    ) -> None:
        self._serve = serve
        self._tasks = tasks

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> MemoryXdsStream:
        """Open a stream; see `pyload.xds.transport.Transport`."""
        stream = MemoryXdsStream(sink)
        stream.run(self._answer(stream, method, dict(metadata)), self._tasks)
        return stream

    async def aclose(self) -> None:
        """Do nothing: streams own all there is to close."""

    async def _answer(self, stream: MemoryXdsStream, method: str, headers: dict[str, str]) -> None:
        if method not in (DELTA_METHOD, SOTW_METHOD):
            raise StreamError(code=12, name="UNIMPLEMENTED", message=f"unknown method {method}")
        await self._serve(_MemoryPeer(stream), headers, method == DELTA_METHOD)


_OK: Final = Status(0, "OK", "")
_UNAVAILABLE: Final = Status(14, "UNAVAILABLE", "the control plane is shutting down")
