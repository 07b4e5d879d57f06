"""Streams without sockets: how they begin and end."""

from __future__ import annotations

import pytest

from pyload.xds.types import CDS
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import (
    proxy_node,
    sotw,
)
from tests.xds.dialogue import Dialogue

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
