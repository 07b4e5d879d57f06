"""The control plane dies under a whole run: the log, the summary and the result name the outage."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.commands.cluster.command import ClusterCommand
from pyload.commands.cluster.planning import plan_run
from pyload.embedded.stack import start_kwok
from pyload.harness.servers import Servers
from pyload.kube.client import Client
from pyload.tasks import Shutdown, Supervisor
from tests.mesh.meshes import options
from tests.proxies.resolvers import resolver_of
from tests.xds.peer import GONE, Peer

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome
    from pyload.mesh.cluster_types import ClusterType
    from pyload.xds.transport import Metadata, Sink, Stream, Transport
    from tests.mesh.conftest import World

pytestmark = pytest.mark.anyio


class Forwarder:
    """Stands between the proxies and a control plane, and can be killed."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._nowhere = Peer(lambda _number, _name: GONE)
        self._streams: list[Stream] = []
        self.down = False

    def open(self, method: str, *, metadata: Metadata, sink: Sink) -> Stream:
        """Open a stream to the control plane, or to nowhere."""
        if self.down:
            return self._nowhere.open(method, metadata=metadata, sink=sink)
        stream = self._transport.open(method, metadata=metadata, sink=sink)
        self._streams.append(stream)
        return stream

    async def aclose(self) -> None:
        """Close what is shared."""
        await self._transport.aclose()

    def kill(self) -> None:
        """End all streams, and refuse others."""
        self.down = True
        for stream in self._streams:
            stream.close(GONE)


async def run(world: World, cluster_type: ClusterType, *, back_after: float | None) -> Outcome:
    """Run a mesh for a minute; kill the control plane after 10 s."""
    forwarder = Forwarder(world.nodes)
    chosen = replace(options(cluster_type), duration=60.0)
    servers = Servers(Client(world.recorder), "memory", resolver_of(forwarder))
    async with Supervisor() as background:
        if cluster_type == "kwok":
            start_kwok(world.server, background, stages="fast")
        command = ClusterCommand(chosen, plan_run(chosen), servers)
        task = asyncio.create_task(command.run(Shutdown()), name="run")
        await asyncio.sleep(10)
        forwarder.kill()
        if back_after is not None:
            await asyncio.sleep(back_after)
            forwarder.down = False
        return await task


@pytest.mark.parametrize("cluster_type", ["fake-node", "kwok"])
async def test_a_control_plane_that_was_killed_and_came_back_is_in_log_summary_and_result(
    world: World, cluster_type: ClusterType, caplog: pytest.LogCaptureFixture
) -> None:
    """After a kill -9 of istiod the result did not say that there had been an outage (R3)."""
    result = (await run(world, cluster_type, back_after=5.0)).result

    assert (result.proxies.connected, result.outages.count) == (4, 1)
    (outage,) = result.to_json()["outages"]["first"]
    assert (outage["lost"], outage["open"]) == (4, False)
    assert 4.5 <= outage["first_back"] <= outage["half_back"] <= outage["last_back"]
    assert outage["disconnects"]["unavailable"] == 4
    assert "  outages" in result.to_text()
    lines = [record.message for record in caplog.records if "control plane: " in record.message]
    assert lines[0].startswith("control plane: 0 of 4 proxies connected since 2s (")
    assert lines[1].startswith("control plane: 4 of 4 proxies connected again after ")
    assert len(lines) == 2


async def test_a_control_plane_that_stays_away_is_an_outage_that_is_not_over(world: World) -> None:
    """`pyload` ended with success although its proxies had been without a stream (A1)."""
    outcome = await run(world, "fake-node", back_after=None)

    (outage,) = outcome.result.outages.first
    assert outage.open
    assert outage.last_back is None
    assert "not over at the end" in outcome.result.to_text()
    assert outcome.result.objects.left == 0
