"""One proxy's stream: requests in their order, pushes merged while it is slow."""

from __future__ import annotations

import asyncio

import pytest

from pyload.xds.transport import Status
from pyload.xds.types import CDS, RDS
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import (
    HTTP,
    service,
    sotw,
)
from tests.xds.dialogue import UNREAD_LIMIT

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


async def test_a_slow_proxy_skips_pushes_and_holds_nobody_up() -> None:
    """Memory per connection stays bounded, and other proxies are told at once."""
    async with running_mesh() as mesh:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(1)
        slow = await mesh.sidecar(delta=False, name="other-1")
        quick = await mesh.sidecar(delta=False, name="other-2")

        for number in range(20):
            changing = {"name": "tcp", "port": 1000 + number}
            await mesh.replace(service("app", ports=[HTTP, changing]))
            for _ in range(4):
                response = await quick.get()
            assert response.type_url == RDS
        received = []
        while True:
            try:
                async with asyncio.timeout(1):
                    received.append(await slow.get())
            except TimeoutError:
                break

        assert mesh.plane.stats.rounds >= 21
        # One push unread, one being sent, and all others merged into one.
        assert len(received) == 2 * 4 + UNREAD_LIMIT
        assert b"outbound|1019||app" in b"".join(received[-4].resources)


async def test_a_closed_stream_is_forgotten() -> None:
    """Connections that come and go for days must not add up."""
    async with running_mesh() as mesh:
        script = await mesh.sidecar(delta=False)
        assert mesh.plane.stats.connections == 1

        await script.stream.aclose()

        assert mesh.plane.stats.connections == 0
        assert script.stream.status is not None
        assert script.stream.status.name == "CANCELLED"


async def test_a_stream_ends_with_the_reason() -> None:
    """A client must be able to tell a refusal from a restart."""
    async with running_mesh() as mesh:
        script = await mesh.dial(delta=False)
        await script.ask(sotw(CDS))

        assert await script.stream.recv() is None
        assert script.stream.status == Status(3, "INVALID_ARGUMENT", "missing node information")
