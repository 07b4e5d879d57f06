"""What is peculiar to grpc.aio; the rest of a transport is in `test_transport`."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import grpc.aio
import pytest
from grpc._cython import cygrpc

from pyload.xds.grpc_transport import GrpcStream, GrpcTransport
from pyload.xds.transport import CANCELLED, DELTA_METHOD, Status
from tests.xds.streams import Recorder, echo

pytestmark = pytest.mark.grpc


async def test_failed_and_cancelled_dials_close_their_channel() -> None:
    """Each would go on dialling in the background, until the ports run out (D15)."""
    transport = GrpcTransport("127.0.0.1:1")
    for turns in (0, 1, 2, 100):
        sink = Recorder()
        stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
        for _ in range(turns):
            await asyncio.sleep(0)
        stream.close()
        await sink.end()
    failed = await echo(transport)

    assert failed is not None
    assert failed.name == "UNAVAILABLE"
    channels: list[Any] = [one for one in gc.get_objects() if isinstance(one, grpc.aio.Channel)]
    assert [one for one in channels if not one._channel.closed()] == []


class LostWrite:
    """A call of grpc.aio whose write meets the end of the stream on its way.

    Its own ``write`` then forgets the status that the server gave.
    """

    def __init__(self) -> None:
        self._cython_call = self
        self._code = grpc.StatusCode.RESOURCE_EXHAUSTED
        self._written = asyncio.Event()

    def done(self) -> bool:
        """The end has not been seen yet."""
        return False

    async def wait_for_connection(self) -> None:
        """There is one."""

    async def send_serialized_message(self, message: bytes) -> None:
        """Fail, as gRPC's core does."""
        self._written.set()
        raise cygrpc.InternalError("Internal error from Core")

    async def write(self, message: bytes) -> None:
        """Fail, and forget the status."""
        self._code = grpc.StatusCode.INTERNAL
        self._written.set()
        raise asyncio.InvalidStateError

    async def read(self) -> object:
        """End after the write."""
        await self._written.wait()
        return vars(grpc.aio)["EOF"]

    async def code(self) -> grpc.StatusCode:
        """Return the status."""
        return self._code

    async def details(self) -> str:
        """Return its text."""
        return "request rate limit exceeded"


class LostChannels:
    """Makes channels whose calls are `LostWrite`."""

    async def new(self) -> LostChannels:
        """Be a channel."""
        return self

    def stream_stream(self, method: str) -> Any:
        """Be a method."""
        return lambda **_: LostWrite()

    async def close(self) -> None:
        """Nothing is open."""

    def forget(self) -> None:
        """Nothing is known."""


async def test_a_write_that_is_lost_gives_the_servers_status() -> None:
    """A third of what istiod's limiter refuses was counted as an internal error of gRPC."""
    transport = GrpcTransport("127.0.0.1:1")
    channels: Any = LostChannels()
    transport.channels = channels
    sink = Recorder()
    transport.open(DELTA_METHOD, metadata=(), sink=sink).send(b"x")

    assert await sink.end() == Status(8, "RESOURCE_EXHAUSTED", "request rate limit exceeded")


async def test_a_stream_that_never_ran_can_be_closed() -> None:
    """The task of a stream that is closed in the same turn never begins."""
    sink = Recorder()
    stream: GrpcStream = GrpcTransport("127.0.0.1:1").open(DELTA_METHOD, metadata=(), sink=sink)
    stream.send(b"x")
    stream.close()
    assert await sink.end() == CANCELLED
