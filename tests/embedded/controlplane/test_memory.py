"""Streams without sockets: how they begin and end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.controlplane.memory import MemoryXdsTransport
from pyload.errors import StreamError
from pyload.xds.transport import CANCELLED, DELTA_METHOD, SOTW_METHOD, Status
from pyload.xds.types import CDS
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import (
    proxy_node,
    sotw,
)
from tests.xds.dialogue import Dialogue
from tests.xds.streams import Recorder

if TYPE_CHECKING:
    from pyload.embedded.controlplane.connection import StreamPeer

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_shutdown_ends_all_streams() -> None:
    """No proxy may keep the program from ending, and none may wait for ever."""
    async with running_mesh() as mesh:
        idle = await mesh.sidecar(delta=True)
        silent = await mesh.dial(delta=True)

    for script in (idle, silent):
        assert await script.stream.recv() is None
        assert script.stream.status is not None
        assert script.stream.status.name == "UNAVAILABLE"
    late = await mesh.dial(delta=False)
    await late.ask(sotw(CDS, node=proxy_node()))
    assert await late.stream.recv() is None


async def test_unknown_methods_are_refused() -> None:
    """The control plane serves aggregated streams only."""
    async with running_mesh() as mesh:
        stream = Dialogue(mesh.plane.transport(), "/other.Service/Stream")
        assert await stream.recv() is None
        assert stream.status is not None
        assert stream.status.name == "UNIMPLEMENTED"


async def test_a_proxy_that_pauses_gets_its_responses_when_it_reads_on() -> None:
    """The control plane would believe that a slow proxy is as fast as the others."""
    sink, delivered = Recorder(), asyncio.Event()

    async def serve(peer: StreamPeer, headers: dict[str, str], is_delta: bool) -> None:  # noqa: FBT001
        while (request := await peer.recv()) is not None:
            await peer.send(request)
            delivered.set()

    tasks: set[asyncio.Task[None]] = set()
    stream = MemoryXdsTransport(serve, tasks).open(SOTW_METHOD, metadata=(), sink=sink)
    stream.pause()
    stream.send(b"a")
    await asyncio.sleep(60)
    assert (sink.messages, delivered.is_set()) == ([], False)

    stream.resume()
    await delivered.wait()
    assert sink.messages == [b"a"]
    stream.close()
    stream.send(b"late")
    stream.close(Status(14, "UNAVAILABLE", "too late"))
    assert await sink.end() == CANCELLED
    assert (sink.messages, tasks) == ([b"a"], set())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, Status(0, "OK", "")),
        (StreamError(code=8, name="RESOURCE_EXHAUSTED", message="full"), None),
        (RuntimeError("a bug"), Status(14, "UNAVAILABLE", "the control plane is shutting down")),
    ],
)
async def test_a_stream_ends_as_its_server_does(
    error: Exception | None, status: Status | None
) -> None:
    """A proxy would wait for ever on a stream that nobody serves any more."""
    seen: list[tuple[dict[str, str], bool]] = []

    async def serve(peer: StreamPeer, headers: dict[str, str], is_delta: bool) -> None:  # noqa: FBT001
        seen.append((headers, is_delta))
        if error is not None:
            raise error

    sink = Recorder()
    MemoryXdsTransport(serve, set()).open(DELTA_METHOD, metadata=(("a", "b"),), sink=sink)

    assert await sink.end() == (status or Status(8, "RESOURCE_EXHAUSTED", "full"))
    assert seen == [({"a": "b"}, True)]
