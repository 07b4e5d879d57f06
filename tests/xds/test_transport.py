"""What every transport must do, against a real server on loopback."""

from __future__ import annotations

import asyncio
import gc
import socket
import tracemalloc
from typing import TYPE_CHECKING

import grpc
import pytest
import trustme

from pyload.errors import RemoteProtocolError, StreamError
from pyload.key_pair import KeyPair
from pyload.xds import grpc_channels, grpc_transport, keepalive, lean_stream
from pyload.xds.grpc_transport import GrpcTransport
from pyload.xds.lean import LeanTransport
from pyload.xds.session import reason_ended, reason_failed
from pyload.xds.tls import TlsConfig
from pyload.xds.transport import CANCELLED, DELTA_METHOD, Status
from tests.xds.scripted import listen
from tests.xds.streams import BIG, Recorder, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.xds.transport import Stream, Transport

    Connect = Callable[..., Transport]

pytestmark = pytest.mark.grpc


def _grpc(target: str, tls: TlsConfig | None = None) -> Transport:
    return GrpcTransport(target, tls=tls)


def _lean(target: str, tls: TlsConfig | None = None) -> Transport:
    if tls is None:
        return LeanTransport(target)
    return LeanTransport(target, tls=tls.context(), server_hostname=tls.server_name)


@pytest.fixture(params=[_grpc, _lean], ids=["grpc", "lean"])
def connect(request: pytest.FixtureRequest) -> Connect:
    """Make a transport to an address, perhaps over TLS."""
    chosen: Connect = request.param
    return chosen


async def opened(transport: Transport, **metadata: str) -> tuple[Stream, Recorder]:
    """Open a stream and wait for that."""
    sink = Recorder()
    stream = transport.open(DELTA_METHOD, metadata=tuple(metadata.items()), sink=sink)
    await sink.open()
    return stream, sink


async def echo(transport: Transport) -> bytes:
    """Open a stream, send a message, take one, and close."""
    stream, sink = await opened(transport)
    stream.send(b"echo")
    answer = await sink.next()
    stream.close()
    await sink.end()
    return answer


def broken(status: Status) -> StreamError:
    """Make the error that a client makes of a status."""
    return StreamError(code=status.code, name=status.name, message=status.message)


async def test_messages_pass_whole_in_both_directions(connect: Connect) -> None:
    """A push of a big mesh is larger than gRPC's default limit of 4 MiB."""
    async with serve() as (_, address):
        transport = connect(address)
        stream, sink = await opened(transport)
        sent = [b"echo", b"", bytes(30_000), bytes(10 << 20)]
        for message in sent:
            stream.send(message)
        await sink.until(lambda: len(sink.messages) == len(sent))
        assert sink.messages == sent
        stream.send(b"big")
        assert await sink.next() == BIG
        await transport.aclose()


async def test_thousands_of_small_messages_pass(connect: Connect) -> None:
    """An EDS push comes as one message per cluster when endpoints change one by one."""
    async with serve() as (_, address):
        transport = connect(address)
        stream, sink = await opened(transport)
        for number in range(3000):
            stream.send(b"%d" % number)
        await sink.until(lambda: len(sink.messages) == 3000)
        stream.send(b"many")
        await sink.until(lambda: len(sink.messages) == 6000)
        assert sink.messages == [b"%d" % number for number in range(3000)] * 2
        await transport.aclose()


async def test_headers_and_user_agent_arrive(connect: Connect) -> None:
    """Istiod would find no token, and its operators not tell who is loading it."""
    async with serve() as (server, address):
        transport = connect(address)
        token = "Bearer " + "t" * 40_000
        for _ in range(2):
            stream, sink = await opened(transport, authorization="Bearer t", clusterid="c")
            stream.send(b"echo")
            await sink.next()
        await transport.aclose()
    async with serve(options=(("grpc.max_metadata_size", 1 << 20),)) as (other, address):
        transport = connect(address)
        stream, sink = await opened(transport, authorization=token)
        stream.send(b"echo")
        await sink.next()
        await transport.aclose()

    for headers in server.metadata:
        assert headers["authorization"] == "Bearer t"
        assert headers["clusterid"] == "c"
        assert headers["user-agent"].startswith("pyload")
    assert other.metadata[0]["authorization"] == token


async def test_metadata_that_cannot_be_sent_ends_the_stream(connect: Connect) -> None:
    """A token with a line feed would end the process."""
    sink = Recorder()
    transport = connect("127.0.0.1:1")
    transport.open(DELTA_METHOD, metadata=(("authorization", "a\nb"),), sink=sink)
    assert sink.calls == []
    assert (await sink.end()).name == "INTERNAL"


async def test_every_stream_has_its_own_connection(connect: Connect) -> None:
    """Proxies that share a connection are cheaper for istiod than real ones."""
    async with serve() as (server, address):
        transport = connect(address)
        for _ in range(3):
            await echo(transport)
        streams = [await opened(transport) for _ in range(3)]
        for stream, sink in streams:
            stream.send(b"echo")
            await sink.next()
        await transport.aclose()

        assert len(server.peers) == 6
        assert [sink.status for _, sink in streams] == [CANCELLED] * 3


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"end", Status(0, "OK", "")),
        (b"refuse", Status(8, "RESOURCE_EXHAUSTED", "Größe % exceeded")),
    ],
    ids=["in order", "refused"],
)
async def test_the_end_of_a_stream_says_why(
    connect: Connect, request_: bytes, expected: Status
) -> None:
    """Refusals by istiod's limiter could not be told from restarts."""
    async with serve() as (_, address):
        stream, sink = await opened(connect(address))
        stream.send(request_)

        assert await sink.end() == expected
        assert sink.calls == ["opened", "closed"]
        stream.send(b"echo")
        stream.pause()
        stream.resume()
        stream.close()
        stream.close()
        await asyncio.sleep(0.01)
        assert sink.calls == ["opened", "closed"]


async def test_a_closed_stream_gives_nothing_more(connect: Connect) -> None:
    """A proxy that was stopped would still count pushes."""
    async with serve() as (_, address):
        transport = connect(address)
        stream, sink = await opened(transport)
        stream.send(b"many")
        await sink.next()
        reason = Status(13, "INTERNAL", "could not be handled")
        stream.close(reason)
        count = len(sink.messages)

        assert sink.status is None, "the sink is not called before `close` returns"
        assert await sink.end() == reason
        assert len(sink.messages) == count


@pytest.mark.parametrize("secure", [False, True], ids=["plaintext", "tls"])
@pytest.mark.parametrize("turns", range(8))
async def test_a_stream_can_be_closed_at_any_moment_of_its_dial(
    connect: Connect, turns: int, *, secure: bool
) -> None:
    """A proxy that is stopped while it connects would never end, or leave its connection open."""
    authority = trustme.CA()
    certificate = authority.issue_cert("istiod.svc") if secure else None
    tls = TlsConfig(authority.cert_pem.bytes(), "istiod.svc") if secure else None
    async with serve(certificate) as (_, address):
        sink = Recorder()
        stream = connect(address, tls).open(DELTA_METHOD, metadata=(), sink=sink)
        for _ in range(turns):
            await asyncio.sleep(0 if turns < 5 else 0.0005)
        stream.close()
        assert await sink.end() == CANCELLED


async def test_a_server_that_goes_away_ends_the_stream(connect: Connect) -> None:
    """A proxy of a restarted istiod would wait for ever."""
    async with serve() as (_, address):
        stream, sink = await opened(connect(address))
        stream.send(b"echo")
        await sink.next()

    assert (await sink.end()).name in ("UNAVAILABLE", "CANCELLED")


async def test_the_end_of_a_connections_age_is_told(connect: Connect) -> None:
    """Proxies would back off every half hour, when real ones connect again at once."""
    options = (("grpc.max_connection_age_ms", 50), ("grpc.max_connection_age_grace_ms", 50))
    async with serve(options=options) as (_, address):
        _, sink = await opened(connect(address))
        status = await sink.end()

    assert status.name == "UNAVAILABLE"
    assert reason_ended(broken(status)) == "max_age"


@pytest.mark.parametrize("tls", [None, TlsConfig()], ids=["plaintext", "tls"])
@pytest.mark.parametrize(
    "target", ["127.0.0.1:1", "no-such-host.invalid:1", "127.0.0.1:x", "x", "[::1]:1"]
)
async def test_a_failed_dial_says_why(connect: Connect, target: str, tls: TlsConfig | None) -> None:
    """A wrong address would look like a broken connection, or raise an unexpected error."""
    sink = Recorder()
    connect(target, tls).open(DELTA_METHOD, metadata=(), sink=sink)
    status = await sink.end()

    assert reason_failed(broken(status)) == "connect"
    assert status.message
    assert sink.calls == ["closed"]


async def test_a_silent_server_is_given_up_in_time(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A firewall that drops packets would hold up a proxy for as long as the kernel likes."""
    for module in (grpc_transport, lean_stream, grpc_channels):
        monkeypatch.setattr(module, "DIAL_SECONDS", 0.05)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for tls in (None, TlsConfig()):
            sink = Recorder()
            connect(f"127.0.0.1:{port}", tls).open(DELTA_METHOD, metadata=(), sink=sink)
            status = await sink.end()
            assert status.name == "UNAVAILABLE"
            assert status.message == f"no connection to 127.0.0.1:{port} in 0.05 s"


async def test_a_server_that_falls_silent_is_given_up(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tunnel whose other end is gone would hold its proxies for ever."""
    for name, seconds in (("PING_SECONDS", 0.05), ("ANSWER_SECONDS", 0.05), ("PASS_SECONDS", 0.01)):
        monkeypatch.setattr(keepalive, name, seconds)

    async with listen() as (_, address):
        transport = connect(address)
        _, sink = await opened(transport)
        status = await sink.end()
        assert (reason_ended(broken(status)), status.name) == ("keepalive", "UNAVAILABLE")
        await transport.aclose()


@pytest.mark.parametrize(
    "names",
    [["istiod.istio-system.svc", "localhost"], ["*.mesh.example"], ["127.0.0.1"]],
    ids=["names", "wildcard", "address"],
)
async def test_an_unknown_certificate_is_accepted_where_nothing_else_is_asked(
    connect: Connect, names: list[str]
) -> None:
    """Istiod's own CA is not always known to pyload, and its names are not the address."""
    async with serve(trustme.CA().issue_cert(*names)) as (_, address):
        assert await echo(connect(address, TlsConfig())) == b"echo"


async def test_a_server_that_is_verified_must_be_the_right_one(connect: Connect) -> None:
    """A run against the wrong control plane would send it everybody's tokens."""
    authority = trustme.CA()
    roots = authority.cert_pem.bytes()
    async with serve(authority.issue_cert("istiod.svc")) as (_, address):
        assert await echo(connect(address, TlsConfig(roots, "istiod.svc"))) == b"echo"
        for tls in (
            TlsConfig(roots, "other.svc"),
            TlsConfig(trustme.CA().cert_pem.bytes(), "istiod.svc"),
        ):
            sink = Recorder()
            connect(address, tls).open(DELTA_METHOD, metadata=(), sink=sink)
            assert (await sink.end()).name == "UNAVAILABLE"


async def test_a_client_certificate_is_shown(connect: Connect) -> None:
    """With mTLS istiod knows a proxy by nothing else."""
    authority = trustme.CA()
    leaf = authority.issue_cert("istiod.svc")
    chain = b"".join(one.bytes() for one in leaf.cert_chain_pems)
    own = KeyPair(leaf.private_key_pem.bytes(), chain)
    async with serve(leaf, clients=authority) as (_, address):
        roots = authority.cert_pem.bytes()
        assert await echo(connect(address, TlsConfig(roots, "istiod.svc", own))) == b"echo"
        sink = Recorder()
        stream = connect(address, TlsConfig(roots, "istiod.svc")).open(
            DELTA_METHOD, metadata=(), sink=sink
        )
        stream.send(b"echo")
        assert (await sink.end()).name == "UNAVAILABLE"
        assert sink.messages == []


async def test_big_messages_pass_over_tls(connect: Connect) -> None:
    """Records of TLS end where frames do not."""
    async with serve(trustme.CA().issue_cert("istiod.svc")) as (_, address):
        transport = connect(address, TlsConfig())
        stream, sink = await opened(transport)
        for message in (bytes(10 << 20), b"big", b"many"):
            stream.send(message)
        await sink.until(lambda: len(sink.messages) == 3002)
        assert sink.messages[:2] == [bytes(10 << 20), BIG]
        await transport.aclose()


async def test_a_stream_that_waits_holds_no_message(connect: Connect) -> None:
    """Ten thousand proxies would each hold their last push, half a megabyte each."""
    sinks: list[Recorder] = []
    async with serve() as (_, address):
        transport = connect(address)
        tracemalloc.start()
        for _ in range(3):
            stream, sink = await opened(transport)
            stream.send(b"big")
            await sink.next()
            sink.messages.clear()
            sinks.append(sink)
        await asyncio.sleep(0.01)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        await transport.aclose()

    # One is recorded, for all of them.
    assert held < 10 << 20


async def test_a_stream_that_is_refused_at_once_keeps_the_servers_status(connect: Connect) -> None:
    """What istiod's limiter refuses would be counted as an internal error of gRPC."""

    async def refused(transport: Transport) -> str:
        sink = Recorder()
        stream = transport.open(DELTA_METHOD, metadata=(("limit", "1"),), sink=sink)
        stream.send(b"echo")
        return (await sink.end()).name

    async with serve() as (_, address):
        transport = connect(address)
        names = await asyncio.gather(*(refused(transport) for _ in range(100)))

    assert set(names) == {"RESOURCE_EXHAUSTED"}


async def test_a_paused_stream_gives_no_message(connect: Connect) -> None:
    """A proxy that is to be slow would handle pushes while it sleeps."""
    async with serve() as (_, address):
        transport = connect(address)
        sink = Recorder(lambda _: stream.pause())
        stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
        stream.send(b"many")
        stream.send(b"end")
        await sink.next()
        for count in range(2, 6):
            await asyncio.sleep(0.002)
            assert len(sink.messages) == count - 1
            stream.resume()
            assert len(sink.messages) == count - 1, "the sink is not called before it returns"
            await sink.next()
        sink._on_message = None
        stream.resume()
        assert await sink.end() == Status(0, "OK", "")
        assert sink.messages == [b"%d" % number for number in range(3000)]


async def test_a_slow_reader_slows_the_server_down(connect: Connect) -> None:
    """Istiod's own back pressure could not be tested: a slow proxy must let its window close."""
    async with serve() as (server, address):
        transport = connect(address)
        stream, sink = await opened(transport)
        stream.pause()
        for _ in range(20):
            stream.send(b"big")
        await asyncio.sleep(0.3)
        assert server.received < 20
        stream.resume()
        await sink.until(lambda: len(sink.messages) == 20)
        await transport.aclose()


async def test_a_message_that_breaks_the_protocol_ends_only_its_stream(connect: Connect) -> None:
    """One odd response would take all proxies of the process down."""

    def odd(_: bytes) -> None:
        raise RemoteProtocolError("a response without a type")

    async with serve() as (_, address):
        transport = connect(address)
        healthy, other = await opened(transport)
        sink = Recorder(odd)
        stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
        stream.send(b"many")
        assert await sink.end() == Status(13, "INTERNAL", "a response without a type")
        assert sink.messages == [b"0"]
        healthy.send(b"echo")
        assert await other.next() == b"echo"
        await transport.aclose()


async def test_a_fault_of_a_sink_ends_only_its_stream(connect: Connect) -> None:
    """A bug in one proxy's handling would take all proxies of the process down."""

    def faulty(_: bytes) -> None:
        raise ValueError("a bug")

    reported: list[object] = []
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: reported.append(context["exception"]))
    try:
        async with serve() as (_, address):
            transport = connect(address)
            healthy, other = await opened(transport)
            sink = Recorder(faulty)
            stream = transport.open(DELTA_METHOD, metadata=(), sink=sink)
            stream.send(b"many")
            assert await sink.end() == Status(13, "INTERNAL", "a bug")
            healthy.send(b"echo")
            assert await other.next() == b"echo"
            await transport.aclose()
    finally:
        loop.set_exception_handler(handler)
    assert [str(one) for one in reported] == ["a bug"]


async def test_requests_that_nobody_takes_are_bounded(connect: Connect) -> None:
    """A control plane that has stopped reading would fill this machine's memory."""
    async with serve() as (_, address):
        stream, sink = await opened(connect(address))
        stream.pause()
        message = bytes(8 << 20)
        for _ in range(40):
            stream.send(message)
            await asyncio.sleep(0)
        status = await sink.end()

    assert status.name == "RESOURCE_EXHAUSTED"
    assert status.message == "32 MiB of requests wait, and the control plane takes none"


async def test_compressed_answers_are_read(connect: Connect) -> None:
    """A control plane may compress, as some behind a gateway do."""
    async with serve(compression=grpc.Compression.Gzip) as (_, address):
        transport = connect(address)
        stream, sink = await opened(transport)
        stream.send(b"big")
        assert await sink.next() == BIG
        await transport.aclose()


async def test_all_connections_are_gone_after_the_transport_is_closed(connect: Connect) -> None:
    """Sockets that stay open after a run keep istiod's proxies alive."""
    async with serve() as (_, address):
        transport = connect(address)
        streams = [await opened(transport) for _ in range(5)]
        waiting = Recorder()
        transport.open(DELTA_METHOD, metadata=(), sink=waiting)
        await transport.aclose()
        assert [sink.status for _, sink in streams] == [CANCELLED] * 5
        assert waiting.status == CANCELLED
        await transport.aclose()
