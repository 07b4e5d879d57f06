"""Peers that are gone behind something which goes on accepting bytes."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.xds.http2.frames import DATA, frame
from pyload.xds.keepalive import ENDED, TURNS, Keepalive
from pyload.xds.lean import LeanTransport
from pyload.xds.transport import DELTA_METHOD, Status
from tests.proxies.resolvers import resolver_of
from tests.xds.http2.frames import answer, framed
from tests.xds.streams import Recorder
from tests.xds.tunnel import Tunnel

if TYPE_CHECKING:
    from pyload.xds.lean_stream import LeanStream

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]

LOST = Status(14, "UNAVAILABLE", "keepalive: the server has answered no PING in 10 s")


@pytest.fixture
def tunnel(monkeypatch: pytest.MonkeyPatch) -> Tunnel:
    """Have every dial of the lean transport end in a tunnel."""
    made = Tunnel()
    made.replace_sockets(monkeypatch)
    return made


async def open_stream() -> tuple[LeanStream, Recorder]:
    """Open a stream through the tunnel."""
    sink = Recorder()
    stream = LeanTransport("127.0.0.1:15010").open(DELTA_METHOD, metadata=(), sink=sink)
    await sink.open()
    return stream, sink


async def test_a_silent_server_is_asked_every_30_seconds(tunnel: Tunnel) -> None:
    """More often, istiod would end the connection for too many PINGs: it allows one in 15 s."""
    await open_stream()
    await asyncio.sleep(200)
    (socket,) = tunnel.sockets
    assert not socket.closed
    gaps = [later - earlier for earlier, later in pairwise([0.0, *socket.pings])]
    assert len(gaps) == 6
    assert all(30 <= gap <= 32.1 for gap in gaps), gaps


async def test_a_server_that_talks_is_not_asked(tunnel: Tunnel) -> None:
    """A busy control plane would have to answer PINGs too, which the agent spares it."""
    await open_stream()
    (socket,) = tunnel.sockets
    socket.deliver(answer())
    for _ in range(10):
        await asyncio.sleep(25)
        socket.deliver(frame(DATA, 0, 1, framed(b"push")))
    assert socket.pings == []


async def test_a_tunnel_that_passes_nothing_on_ends_the_stream(tunnel: Tunnel) -> None:
    """A port-forward whose pod is gone would keep proxies that count as connected for ever."""
    stream, sink = await open_stream()
    await asyncio.sleep(5)
    tunnel.passes_on = False
    stream.send(b"into the void")
    began = asyncio.get_running_loop().time()
    assert await sink.end() == LOST
    assert 35 <= asyncio.get_running_loop().time() - began <= 45
    assert tunnel.sockets[0].closed


async def test_any_byte_after_the_ping_is_a_sign_of_life(tunnel: Tunnel) -> None:
    """A push under way on a slow line, behind which the answer waits, would be cut off."""
    _, sink = await open_stream()
    (socket,) = tunnel.sockets
    socket.deliver(answer())
    piece = frame(DATA, 0, 1, framed(bytes(1000)))
    tunnel.passes_on = False
    await asyncio.sleep(35)
    assert len(socket.pings) == 1
    tunnel.passes_on = True
    socket.deliver(piece[:100])
    tunnel.passes_on = False
    await asyncio.sleep(29)
    assert sink.status is None
    assert await sink.end() == LOST


async def test_a_socket_that_takes_nothing_is_no_sign_of_life(tunnel: Tunnel) -> None:
    """A peer that neither reads nor writes would never be noticed, as no PING can be sent."""
    stream, sink = await open_stream()
    stream.pause_writing()
    assert await sink.end() == LOST
    assert tunnel.sockets[0].pings == []


async def test_a_slow_reader_hears_its_server_all_the_same(tunnel: Tunnel) -> None:
    """A proxy that stops reading for a minute would blame the control plane for it."""
    stream, sink = await open_stream()
    tunnel.sockets[0].deliver(answer())
    stream.pause()
    await asyncio.sleep(90)
    assert sink.status is None
    assert len(tunnel.sockets[0].pings) == 2


async def test_a_proxy_connects_again_and_says_why(tunnel: Tunnel) -> None:
    """Summary, metrics and result would not tell a dead tunnel from a crashed istiod."""
    metrics = Metrics()
    fleet = LocalFleet(
        resolver_of(LeanTransport("127.0.0.1:15010")),
        delta=True,
        metrics=metrics,
        rng=Random(1),
        behavior=ProxyBehavior(),
    )
    async with fleet:
        fleet.start(ProxySpec(key="a", type="sidecar", ip="10.0.0.1", name="a", namespace="b"))
        await asyncio.sleep(5)
        tunnel.sockets[0].dead = True
        await asyncio.sleep(60)
        assert metrics.snapshot().disconnects == {"keepalive": 1}
        assert [one.closed for one in tunnel.sockets] == [True, False]


async def test_one_sweep_serves_all_and_stops_with_the_last(tunnel: Tunnel) -> None:
    """A timer for each of fifty thousand idle proxies would cost more than their protocol."""
    streams = [await open_stream() for _ in range(3 * TURNS)]
    shared = streams[0][0]._owner.shared
    assert len(shared.keepalive) == 3 * TURNS
    assert len(shared.timers) == 0
    await asyncio.sleep(33)
    # Those of one moment are asked in turn, so that no single one waits for all the others.
    assert len({socket.pings[0] for socket in tunnel.sockets}) == TURNS
    for stream, sink in streams:
        stream.close()
        await sink.end()
    await asyncio.sleep(3)
    assert len(shared.keepalive) == 0
    assert shared.keepalive._timer is None


class Sleeper:
    """A connection of which nothing is heard.

    Attributes:
        passes: See `pyload.xds.keepalive.Idle`.
        asked: How often it was asked.
    """

    def __init__(self) -> None:
        self.passes = 0
        self.asked = 0

    def ask(self) -> None:
        """Count."""
        self.asked += 1

    def give_up(self) -> None:
        """End."""
        self.passes = ENDED


async def test_a_process_that_was_stopped_gives_nothing_up() -> None:
    """After a laptop has slept, all proxies would connect again at the same moment."""
    sleeper = Sleeper()
    watching = Keepalive()
    watching.add(sleeper)
    await asyncio.sleep(33)
    assert sleeper.asked == 1
    loop = asyncio.get_running_loop()
    loop._jumping.now += 3600  # type: ignore[attr-defined]
    await asyncio.sleep(1)
    assert sleeper.passes < ENDED
    # As when the answer has been read.
    sleeper.passes = 0
    await asyncio.sleep(20)
    assert sleeper.passes < ENDED


async def test_a_fault_of_one_connection_does_not_end_the_sweep() -> None:
    """All others would count as connected for ever."""

    class Faulty(Sleeper):
        def ask(self) -> None:
            raise ValueError("a bug")

    errors = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    faulty, sleeper = Faulty(), Sleeper()
    watching = Keepalive()
    watching.add(faulty)
    watching.add(sleeper)
    await asyncio.sleep(60)
    assert errors[0]["exception"].args == ("a bug",)
    assert sleeper.passes == ENDED
