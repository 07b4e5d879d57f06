"""What is peculiar to bare sockets; the rest of a transport is in `test_transport`."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from pyload.proxies.behavior import ProxyBehavior
from pyload.proxies.local_fleet import LocalFleet
from pyload.proxies.spec import ProxySpec
from pyload.report.metrics import Metrics
from pyload.timer_heap import TimerHeap
from pyload.xds import lean, tcp
from pyload.xds.http2.frames import ACK, DATA, GOAWAY, PING, PREFACE, frame
from pyload.xds.lean import LeanTransport
from pyload.xds.tcp import LoopResources
from pyload.xds.tls import TlsConfig
from pyload.xds.transport import CANCELLED, DELTA_METHOD, Status
from tests.proxies.resolvers import resolver_of
from tests.xds.http2.frames import GREETING, answer, framed, trailers
from tests.xds.streams import Recorder

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = [pytest.mark.anyio, pytest.mark.socket]

DONE = trailers(("grpc-status", "0"))


def spec(number: int) -> ProxySpec:
    """Describe a proxy."""
    return ProxySpec(
        key=f"p{number}", type="sidecar", ip="10.0.0.1", name=f"p{number}", namespace="mesh"
    )


class Server(asyncio.Protocol):
    """A server that sends what a test lets it send.

    Attributes:
        greeting: Is sent on each new connection.
        connections: All that there ever were.
    """

    def __init__(self, greeting: bytes = GREETING) -> None:
        self.greeting = greeting
        self.connections: list[ServerConnection] = []
        self.changed = asyncio.Event()

    def new(self) -> ServerConnection:
        """Make a protocol."""
        self.connections.append(ServerConnection(self))
        return self.connections[-1]

    async def until(self, done: Callable[[], object]) -> None:
        """Wait until something is true after something has come."""
        while not done():
            self.changed.clear()
            await self.changed.wait()


class ServerConnection(asyncio.Protocol):
    """One connection.

    Attributes:
        received: All that has come.
        transport: Its socket.
        ended: Whether it is over.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self.received = b""
        self.transport: Any = None
        self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self.transport = transport
        self.transport.write(self._server.greeting)

    def data_received(self, data: bytes) -> None:
        """Keep what comes."""
        self.received += data
        self._server.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end."""
        self.ended = True
        self._server.changed.set()


@contextlib.asynccontextmanager
async def listen(
    server: Server | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[tuple[Server, str]]:
    """Run a server on a free port."""
    server = server or Server()
    listener = await asyncio.get_running_loop().create_server(server.new, host, 0, ssl=tls)
    try:
        yield server, f"{host}:{listener.sockets[0].getsockname()[1]}"
    finally:
        for one in server.connections:
            if one.transport is not None:
                one.transport.abort()
        listener.close()
        await listener.wait_closed()


async def open_stream(transport: LeanTransport) -> tuple[lean.LeanStream, Recorder]:
    """Open a stream and wait for that."""
    sink = Recorder()
    stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
    await sink.open()
    return stream, sink


async def test_the_connection_is_closed_with_the_stream() -> None:
    """Istiod would keep a proxy that is gone."""
    async with listen() as (server, address):
        stream, sink = await open_stream(LeanTransport(address))
        stream.close()
        assert await sink.end() == CANCELLED
        (connection,) = server.connections
        await server.until(lambda: connection.ended)
        assert connection.received.startswith(PREFACE)
        assert connection.received.endswith(frame(3, 0, 1, b"\0\0\0\x08"))


async def test_a_server_that_does_not_read_cannot_hold_a_closed_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run would not end while a control plane hangs."""
    monkeypatch.setattr(lean, "CLOSE_SECONDS", 0.02)
    window = frame(8, 0, 0, b"\x7f\0\0\0") + frame(4, 0, 0, b"\0\4\x7f\0\0\0")
    async with listen(Server(GREETING + window)) as (server, address):
        transport = LeanTransport(address)
        stream, sink = await open_stream(transport)
        (connection,) = server.connections
        connection.transport.pause_reading()
        stream.send(bytes(24 << 20))
        await asyncio.sleep(0.005)
        assert stream._connection.out.waiting
        assert stream._socket is not None
        assert stream._socket.get_write_buffer_size() < 1 << 20
        stream.close()
        assert await sink.end() == CANCELLED


async def test_an_answering_server_that_is_not_read_by_its_own_side_is_cut_off() -> None:
    """A control plane that asks without end and reads nothing would fill the memory."""
    async with listen() as (server, address):
        stream, sink = await open_stream(LeanTransport(address))
        connection = server.connections[0]
        connection.transport.pause_reading()
        # As when the socket's buffer is full.
        stream.pause_writing()
        connection.transport.write(frame(PING, 0, 0, bytes(8)) * 10_000)
        status = await sink.end()
        assert (status.name, status.message.split(":")[0]) == (
            "INTERNAL",
            "HTTP/2 ENHANCE_YOUR_CALM",
        )


async def test_writing_goes_on_when_the_socket_takes_more() -> None:
    """A proxy's requests would be stuck after one full buffer."""
    async with listen() as (server, address):
        stream, sink = await open_stream(LeanTransport(address))
        stream.pause_writing()
        stream.send(b"hello")
        await asyncio.sleep(0.005)
        connection = server.connections[0]
        assert framed(b"hello") not in connection.received
        stream.resume_writing()
        await server.until(lambda: framed(b"hello") in connection.received)
        stream.close()
        await sink.end()


async def test_a_server_that_closes_says_why() -> None:
    """A drained istiod would look like a crashed one."""
    goaway = frame(GOAWAY, 0, 0, b"\0\0\0\1" + bytes(4) + b"max_age")
    async with listen() as (server, address):
        _, sink = await open_stream(LeanTransport(address))
        server.connections[0].transport.write(goaway)
        server.connections[0].transport.close()
        text = "the server closed the connection, received GOAWAY NO_ERROR, debug data: 'max_age'"
        assert await sink.end() == Status(14, "UNAVAILABLE", text)


async def test_a_broken_connection_says_why() -> None:
    """A killed istiod would look like one that closed in order."""
    async with listen() as (server, address):
        _, sink = await open_stream(LeanTransport(address))
        sock = server.connections[0].transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        server.connections[0].transport.abort()
        text = "the connection broke: Connection reset by peer"
        assert await sink.end() == Status(14, "UNAVAILABLE", text)


async def test_a_port_that_speaks_something_else_is_a_failed_dial() -> None:
    """Nobody would find out that the port is the wrong one."""
    async with listen(Server(b"220 mail.example ESMTP\r\n")) as (_, address):
        sink = Recorder()
        LeanTransport(address).open(DELTA_METHOD, metadata=(), sink=sink)
        status = await sink.end()
        assert status.name == "UNAVAILABLE"
        assert "not that of an HTTP/2 server" in status.message
        assert sink.calls == ["closed"]


async def test_messages_before_the_end_are_given_after_a_pause() -> None:
    """The last push of a drained istiod would be lost for slow proxies."""
    async with listen() as (server, address):
        stream, sink = await open_stream(LeanTransport(address))
        stream.pause()
        data = answer() + frame(DATA, 0, 1, framed(b"a") + framed(b"b")) + DONE
        server.connections[0].transport.write(data)
        await server.until(lambda: server.connections[0].ended)
        await asyncio.sleep(0.005)
        assert sink.calls == ["opened"]
        stream.resume()
        assert await sink.end() == Status(0, "OK", "")
        assert sink.messages == [b"a", b"b"]


async def test_a_sink_may_close_and_send_while_it_is_called() -> None:
    """Answers are sent from there, and broken streams closed."""
    async with listen() as (server, address):
        transport = LeanTransport(address)

        def react(message: bytes) -> None:
            stream.send(b"ack " + message)
            if message == b"b":
                stream.close()

        sink = Recorder(react)
        stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
        await sink.open()
        messages = b"".join(map(framed, [b"a", b"b", b"c"]))
        server.connections[0].transport.write(answer() + frame(DATA, 0, 1, messages[:6]))
        await server.until(lambda: framed(b"ack a") in server.connections[0].received)
        server.connections[0].transport.write(frame(DATA, 0, 1, messages[6:]))
        assert await sink.end() == CANCELLED
        assert sink.messages == [b"a", b"b"]


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


async def test_all_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """``localhost`` is ::1 too, where a port-forward may not listen."""
    tried: list[str] = []

    class Addresses(list[str]):
        def __iter__(self) -> Iterator[str]:
            for ip in super().__iter__():
                tried.append(ip)
                yield ip

    async def ask(_: object) -> list[str]:
        return Addresses(["127.0.0.9", "127.0.0.1"])

    monkeypatch.setattr(tcp, "_ask", ask)
    async with listen() as (_, address):
        port = address.rpartition(":")[2]
        transport = LeanTransport(f"istiod.example:{port}")
        await open_stream(transport)
        await transport.aclose()
    assert tried == ["127.0.0.9", "127.0.0.1"]


async def test_a_dead_server_is_noticed_by_the_kernel() -> None:
    """Proxies of a machine that lost its power would wait for hours."""
    async with listen() as (_, address):
        transport = LeanTransport(address)
        stream, _ = await open_stream(transport)
        assert stream._socket is not None
        sock = stream._socket.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        await transport.aclose()


def server_context(*alpn: str) -> ssl.SSLContext:
    """Make a server's context."""
    import ssl  # noqa: PLC0415 - elsewhere it is a type only

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("istiod.svc").configure_cert(context)
    context.set_alpn_protocols(list(alpn))
    return context


async def test_a_server_without_http2_over_tls_is_a_failed_dial() -> None:
    """Istiod's web hook port speaks TLS too."""
    async with listen(tls=server_context("http/1.1")) as (_, address):
        sink = Recorder()
        LeanTransport(address, tls=TlsConfig().context()).open(DELTA_METHOD, metadata=(), sink=sink)
        text = f"no connection to {address}: TLS: the server does not choose HTTP/2 (ALPN h2)"
        assert await sink.end() == Status(14, "UNAVAILABLE", text)


async def test_a_certificate_that_is_not_trusted_is_told_in_words() -> None:
    """A user must know what to mend."""
    async with listen(tls=server_context("h2")) as (_, address):
        sink = Recorder()
        tls = TlsConfig(trustme.CA().cert_pem.bytes(), "istiod.svc")
        transport = LeanTransport(address, tls=tls.context(), server_hostname="istiod.svc")
        transport.open(DELTA_METHOD, metadata=(), sink=sink)
        status = await sink.end()
        assert status.name == "UNAVAILABLE"
        assert status.message == (
            f"no connection to {address}: TLS: certificate verify failed:"
            " unable to get local issuer certificate"
        )


async def test_the_end_of_tls_ends_the_stream() -> None:
    """A server may say that it ends and leave the socket open."""
    async with listen(tls=server_context("h2")) as (server, address):
        transport = LeanTransport(address, tls=TlsConfig().context())
        _, sink = await open_stream(transport)
        server.connections[0].transport.close()
        assert await sink.end() == Status(14, "UNAVAILABLE", "the server closed the connection")


async def test_a_plaintext_port_is_told_from_tls() -> None:
    """Ports 15010 and 15012 are easily mixed up."""
    async with listen() as (_, address):
        sink = Recorder()
        LeanTransport(address, tls=TlsConfig().context()).open(DELTA_METHOD, metadata=(), sink=sink)
        status = await sink.end()
        assert status.name == "UNAVAILABLE"
        assert status.message == f"no connection to {address}: TLS: wrong version number"


async def test_a_stream_that_waits_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand proxies have to fit into one machine."""

    def size(found: object, seen: set[int]) -> int:
        if id(found) in seen or isinstance(
            found, (type, TimerHeap, LoopResources, LeanTransport, Recorder)
        ):
            return 0
        seen.add(id(found))
        shared = type(found).__module__.startswith("uvloop") or callable(found)
        below = [] if shared or isinstance(found, bytes) else gc.get_referents(found)
        own = 0 if isinstance(found, bytes) and len(found) > 64 else sys.getsizeof(found)
        return own + sum(size(one, seen) for one in below)

    async with listen() as (server, address):
        transport = LeanTransport(address)
        await open_stream(transport)
        stream, _ = await open_stream(transport)
        for connection in server.connections:
            connection.transport.write(frame(4, ACK, 0) + answer())
            connection.transport.write(frame(DATA, 0, 1, framed(b"x")))
        await asyncio.sleep(0.01)
        assert {task.get_name() for task in asyncio.all_tasks()} & {f"dial {address}"} == set()
        assert len(transport.shared.timers) == 0
        seen: set[int] = set()
        gc.collect()
        # What both have is not the second one's: classes, constants, the request's header block.
        first = size(next(one for one in transport._streams if one is not stream), seen)
        second = size(stream, seen)
        assert first > 0
        assert second < 3000, second
        await transport.aclose()
