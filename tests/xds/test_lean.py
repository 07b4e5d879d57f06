"""From where and how many at a time the lean transport dials."""

from __future__ import annotations

import asyncio
import socket
import sys
from random import Random

import pytest

from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.xds.lean import LeanTransport
from pyload.xds.transport import DELTA_METHOD
from tests.proxies.resolvers import resolver_of
from tests.xds.http2.frames import GREETING
from tests.xds.scripted import Server, listen, open_stream
from tests.xds.streams import Recorder

pytestmark = [pytest.mark.anyio, pytest.mark.socket]


def spec(number: int) -> ProxySpec:
    """Describe a proxy."""
    return ProxySpec(
        key=f"p{number}", type="sidecar", ip="10.0.0.1", name=f"p{number}", namespace="mesh"
    )


async def test_a_fleet_dials_no_more_at_a_time_than_it_is_to() -> None:
    """Ten thousand handshakes at once would time out, each for the others."""
    async with listen(Server(b"")) as (server, address):
        transport = LeanTransport(address)
        fleet = LocalFleet(
            resolver_of(transport),
            delta=True,
            metrics=Metrics(),
            rng=Random(1),
            behavior=ProxyBehavior(dialling=3),
        )
        async with fleet:
            for number in range(5):
                fleet.start(spec(number))
            await server.until(lambda: sum(bool(one.received) for one in server.connections) == 3)
            await asyncio.sleep(0.005)
            assert len(server.connections) == 3
            server.connections[0].transport.write(GREETING)
            await server.until(lambda: len(server.connections) == 4)
            await fleet.stop("p1")
            await server.until(lambda: len(server.connections) == 5)
        await transport.aclose()


async def test_the_transport_limits_no_dials() -> None:
    """A second limit below the fleet's would keep it from dialling as fast as it is to."""
    many = 520  # more than `pyload.proxies.behavior.DIALLING`
    with socket.create_server(("127.0.0.1", 0), backlog=2 * many) as server:
        transport = LeanTransport(f"127.0.0.1:{server.getsockname()[1]}")
        sinks = [Recorder() for _ in range(many)]
        streams = [transport.open(DELTA_METHOD, metadata=(), sink=sink) for sink in sinks]
        async with asyncio.timeout(4):
            while any(stream._socket is None for stream in streams):  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.005)
        await transport.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="127.0.0.0/8 is local on Linux only")
async def test_sources_are_used_in_turn() -> None:
    """More proxies than one address has ports need several."""
    async with listen() as (server, address):
        transport = LeanTransport(address, sources=("127.0.0.2", "127.0.0.3"))
        streams = [await open_stream(transport) for _ in range(4)]
        peers = [one.transport.get_extra_info("peername")[0] for one in server.connections]
        assert sorted(peers) == ["127.0.0.2", "127.0.0.2", "127.0.0.3", "127.0.0.3"]
        await transport.aclose()
        assert len(streams) == 4


async def test_a_source_that_is_not_here_is_a_failed_dial() -> None:
    """A wrong address would end the process."""
    sink = Recorder()
    transport = LeanTransport("127.0.0.1:1", sources=("192.0.2.1",))
    transport.open(DELTA_METHOD, metadata=(), sink=sink)
    assert (await sink.end()).name == "UNAVAILABLE"
