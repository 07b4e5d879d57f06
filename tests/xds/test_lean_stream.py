"""What is peculiar to bare sockets; the rest of a transport is in `test_transport`."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from typing import TYPE_CHECKING

import pytest
import trustme

from pyload.timer_heap import TimerHeap
from pyload.xds import lean_stream, tcp
from pyload.xds.http2.frames import (
    ACK,
    DATA,
    GOAWAY,
    MAX_CONCURRENT_STREAMS,
    PING,
    PREFACE,
    frame,
    settings,
)
from pyload.xds.lean import LeanTransport
from pyload.xds.tcp import LoopResources
from pyload.xds.tls import TlsConfig
from pyload.xds.transport import CANCELLED, DELTA_METHOD, Status
from tests.xds.http2.frames import GREETING, answer, framed, head, trailers
from tests.xds.scripted import Server, listen, open_stream
from tests.xds.streams import Recorder

if TYPE_CHECKING:
    import ssl

pytestmark = [pytest.mark.anyio, pytest.mark.socket]

DONE = trailers(("grpc-status", "0"))


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
    monkeypatch.setattr(lean_stream, "CLOSE_SECONDS", 0.02)
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


async def resolved(*addresses: str) -> list[str]:
    """Answer as a name server would."""
    return list(addresses)


async def test_all_addresses_of_a_name_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """``localhost`` is ::1 too, where a port-forward may not listen."""
    monkeypatch.setattr(tcp, "_ask", lambda _: resolved("127.0.0.9", "127.0.0.1"))
    async with listen() as (_, address):
        transport = LeanTransport(f"istiod.example:{address.rpartition(':')[2]}")
        stream, _ = await open_stream(transport)
        assert stream._socket is not None
        sock = stream._socket.get_extra_info("socket")
        assert sock.getpeername()[0] == "127.0.0.1"
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        await transport.aclose()


async def test_a_name_none_of_whose_addresses_answers_is_a_failed_dial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The texts of all attempts would be listed, or the dial never end."""
    monkeypatch.setattr(tcp, "_ask", lambda _: resolved("127.0.0.9", "127.0.0.8"))
    sink = Recorder()
    LeanTransport("istiod.example:1").open(DELTA_METHOD, metadata=(), sink=sink)
    text = "no connection to istiod.example:1: Connection refused"
    assert await sink.end() == Status(14, "UNAVAILABLE", text)


async def test_an_address_that_was_silent_is_tried_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of two istiods behind a balancer that is dead would be dialled for ever."""
    monkeypatch.setattr(lean_stream, "DIAL_SECONDS", 0.1)
    monkeypatch.setattr(tcp, "_ask", lambda _: resolved("127.0.0.3", "127.0.0.1"))
    async with listen() as (_, address):
        port = int(address.rpartition(":")[2])
        with socket.create_server(("127.0.0.3", port)):
            transport = LeanTransport(f"istiod.example:{port}")
            sink = Recorder()
            transport.open(DELTA_METHOD, metadata=(), sink=sink)
            assert "in 0.1 s" in (await sink.end()).message
            await open_stream(transport)
            await transport.aclose()


async def test_a_dead_server_is_noticed_by_the_kernel() -> None:
    """Proxies of a machine that lost its power would wait for hours."""
    async with listen() as (_, address):
        transport = LeanTransport(address)
        stream, _ = await open_stream(transport)
        assert stream._socket is not None
        sock = stream._socket.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if sys.platform == "linux":
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
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


async def test_an_answer_in_plain_text_is_quoted_where_tls_is_wanted() -> None:
    """A proxy of HTTP/1 in front of istiod would be a "wrong version number"."""
    async with listen(Server(b"HTTP/1.1 400 Bad Request\r\n\r\nplain HTTP sent")) as (_, address):
        sink = Recorder()
        LeanTransport(address, tls=TlsConfig().context()).open(DELTA_METHOD, metadata=(), sink=sink)
        assert (await sink.end()).message == (
            f"no connection to {address}: TLS: wrong version number,"
            " as the answer is 'HTTP/1.1 400 Bad Request': 'plain HTTP sent'"
        )


async def test_a_server_that_allows_streams_late_is_connected_to() -> None:
    """Some raise their limit only when they are ready, and every proxy would fail till then."""
    async with listen(Server(settings({MAX_CONCURRENT_STREAMS: 0}))) as (server, address):
        sink = Recorder()
        stream = LeanTransport(address).open(DELTA_METHOD, metadata=(), sink=sink)
        await server.until(lambda: server.connections and server.connections[0].received)
        assert sink.calls == []
        server.connections[0].transport.write(settings({MAX_CONCURRENT_STREAMS: 100}))
        await sink.open()
        stream.close()
        await sink.end()


async def test_the_wait_for_a_stream_is_as_long_as_a_dial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never allows one would hold up its proxies without a word."""
    monkeypatch.setattr(lean_stream, "DIAL_SECONDS", 0.05)
    async with listen(Server(settings({MAX_CONCURRENT_STREAMS: 0}))) as (_, address):
        sink = Recorder()
        LeanTransport(address).open(DELTA_METHOD, metadata=(), sink=sink)
        text = f"no connection to {address} in 0.05 s: the server allows no streams"
        assert await sink.end() == Status(14, "UNAVAILABLE", text)


async def test_a_page_that_does_not_end_is_quoted_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gateway that leaves its answer open would keep a proxy that counts as connected."""
    monkeypatch.setattr(lean_stream, "QUOTE_SECONDS", 0.05)
    page = head((":status", "503"), ("content-type", "text/plain")) + frame(DATA, 0, 1, b"no one")
    async with listen() as (server, address):
        _, sink = await open_stream(LeanTransport(address))
        server.connections[0].transport.write(page)
        assert await sink.end() == Status(
            14,
            "UNAVAILABLE",
            "the answer is HTTP 503, not gRPC: content-type 'text/plain': 'no one'",
        )


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
