"""Streams over grpc.aio: the reference transport.

Every stream has its own channel and so its own TCP connection, as every real proxy has. Messages
pass as bytes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
from grpc._cython import cygrpc

from pyload.errors import RemoteProtocolError, StreamError
from pyload.tasks import cancel
from pyload.xds.grpc_channels import DIAL_SECONDS, GrpcChannels, stream_error, unavailable
from pyload.xds.http2.outbox import MAX_WAITING, OVERHEAD
from pyload.xds.messages import Message
from pyload.xds.transport import CANCELLED, NO_SIGN_OF_LIFE, Status

if TYPE_CHECKING:
    from pyload.xds.tls import TlsConfig
    from pyload.xds.transport import Metadata, Sink

_EOF: Final[Any] = vars(grpc.aio)["EOF"]


class GrpcTransport:
    """Opens streams to one xDS server.

    Args:
        target: ``HOST:PORT``.
        tls: How to speak TLS; None for plaintext.
    """

    def __init__(self, target: str, *, tls: TlsConfig | None = None) -> None:
        self.target = target
        self.channels = GrpcChannels(target, tls)
        self._streams: dict[asyncio.Task[Status], GrpcStream] = {}

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> GrpcStream:
        """Begin to open a connection and a stream; see `pyload.xds.transport.Transport`."""
        stream = GrpcStream(self, sink)
        task = asyncio.create_task(stream.run(method, metadata), name=f"stream {self.target}")
        stream.task = task
        self._streams[task] = stream
        task.add_done_callback(self._ended)
        return stream

    async def aclose(self) -> None:
        """Close all streams that are still open, and wait until their connections are gone."""
        streams = dict(self._streams)
        for stream in streams.values():
            stream.close()
        if streams:
            await asyncio.wait(streams)

    def _ended(self, task: asyncio.Task[Status]) -> None:
        self._streams.pop(task).ended(task)


class GrpcStream:
    """One stream with its own channel; see `pyload.xds.transport.Stream`.

    Attributes:
        task: Runs it.
    """

    __slots__ = (
        "_call",
        "_owner",
        "_queue",
        "_resumed",
        "_sink",
        "_status",
        "_waiting",
        "_writer",
        "task",
    )

    def __init__(self, owner: GrpcTransport, sink: Sink) -> None:
        self._owner = owner
        self._sink = sink
        # A call of grpc.aio: its type stubs, where there are some, do not fit it.
        self._call: Any = None
        self._queue: deque[bytes] = deque()
        self._waiting = 0
        self._writer: asyncio.Task[None] | None = None
        self._resumed: asyncio.Event | None = None
        # How this side has closed the stream.
        self._status: Status | None = None
        self.task: asyncio.Task[Status] | None = None

    def send(self, message: bytes) -> None:
        """Send one message as soon as the peer takes it; dropped once the stream has ended."""
        if self._status is not None:
            return
        if self._waiting > MAX_WAITING:
            text = f"{MAX_WAITING >> 20} MiB of requests wait, and the control plane takes none"
            self.close(_status(grpc.StatusCode.RESOURCE_EXHAUSTED, text))
            return
        self._queue.append(message)
        self._waiting += max(len(message), OVERHEAD)
        if self._call is not None and self._writer is None:
            self._write_on()

    def close(self, status: Status = CANCELLED) -> None:
        """End the stream and its connection; `Sink.closed` follows with this status."""
        if self._status is None and self.task is not None and not self.task.done():
            self._status = status
            self.task.cancel()

    def pause(self) -> None:
        """Read no further."""
        if self._resumed is None:
            self._resumed = asyncio.Event()

    def resume(self) -> None:
        """Read on."""
        if self._resumed is not None:
            self._resumed.set()
            self._resumed = None

    def ended(self, task: asyncio.Task[Status]) -> None:
        """Report to the sink how the task has ended; for the transport."""
        if self._status is None and not task.cancelled():
            error = task.exception()
            if error is None:
                self._status = task.result()
            else:
                self._status = _status(grpc.StatusCode.INTERNAL, str(error))
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "an xDS stream failed", "exception": error, "task": task}
                )
        elif not task.cancelled():
            # The error is one of a sink that has closed its stream.
            task.exception()
        self._sink.closed(self._status or CANCELLED)

    async def run(self, method: str, metadata: Metadata) -> Status:
        """Open the stream and read it to its end; for the transport.

        Returns:
            How it ended.
        """
        channel: Any = None
        channels = self._owner.channels
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                channel = await channels.new()
                call = channel.stream_stream(method)(metadata=metadata, wait_for_ready=False)
                await call.wait_for_connection()
            self._call = call
            return await self._read()
        except TimeoutError:
            channels.forget()
            return _of(unavailable(f"no connection to {self._owner.target} in {DIAL_SECONDS:g} s"))
        except grpc.aio.AioRpcError as error:
            channels.forget()
            return _of(stream_error(error))
        except StreamError as error:
            return _of(error)
        except RemoteProtocolError as error:
            return _status(grpc.StatusCode.INTERNAL, str(error))
        finally:
            if self._writer is not None:
                await cancel([self._writer])
            # An unclosed channel would go on dialling for ever.
            if channel is not None:
                await channel.close()

    async def _read(self) -> Status:
        call = self._call
        self._sink.opened()
        if self._queue and self._writer is None:
            self._write_on()
        while (message := await self._next()) is not None:
            self._sink.message(message)
            # While the next one is awaited, nothing may hold this one: it can be large.
            del message
            if self._resumed is not None:
                await self._resumed.wait()
        return _ended(await call.code(), await call.details())

    async def _next(self) -> Message | None:
        """Wait for a message; None is the end."""
        try:
            message: Any = await self._call.read()
        except grpc.aio.AioRpcError:
            return None
        return None if message is _EOF else Message(bytes(message))

    def _write_on(self) -> None:
        self._writer = asyncio.create_task(self._write(), name=f"write {self._owner.target}")

    async def _write(self) -> None:
        """Write the messages that wait; after an error, reading yields the server's status."""
        try:
            while self._queue and not self._call.done():
                message = self._queue.popleft()
                # Not `write`: when that fails, it puts INTERNAL in the place of the status that
                # the server gave, and istiod's limiter could no longer be told from a broken
                # server.
                await self._call._cython_call.send_serialized_message(message)  # noqa: SLF001
                self._waiting -= max(len(message), OVERHEAD)
        except (cygrpc.InternalError, asyncio.InvalidStateError):
            self._queue.clear()
        self._writer = None


def _status(code: grpc.StatusCode, message: str | None) -> Status:
    return Status(
        code=code.value[0],
        name=code.name,
        message=message or "",
        # grpc.aio does not tell what broke from what the server said.
        broken=code is grpc.StatusCode.UNAVAILABLE,
    )


def _ended(code: grpc.StatusCode, message: str | None) -> Status:
    """Return how an open stream ended."""
    if code is grpc.StatusCode.UNAVAILABLE and message and "ping timeout" in message:
        message = f"{NO_SIGN_OF_LIFE}{message}"
    return _status(code, message)


def _of(error: StreamError) -> Status:
    return Status(code=error.code, name=error.name, message=error.message)
