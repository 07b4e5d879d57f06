"""The grpc.aio transport against a real server on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import tracemalloc
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest
import trustme
from grpc._cython import cygrpc

from pyload.errors import StreamError
from pyload.xds import grpc_transport
from pyload.xds.grpc_transport import GrpcStream, GrpcTransport
from pyload.xds.session import reason_failed
from pyload.xds.transport import DELTA_METHOD, Status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.grpc


BIG = bytes(8 << 20)
_Handler: Any = grpc.GenericRpcHandler


class Server(_Handler):  # type: ignore[misc]
    """Does what each message says: ``echo``, ``who``, ``big``, ``refuse``, ``end``."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, Any]] = []
        self.peers: set[str] = set()

    def service(self, handler_call_details: Any) -> Any:
        """Accept every method."""
        return grpc.stream_stream_rpc_method_handler(self._serve)

    async def _serve(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        self.metadata.append(dict(context.invocation_metadata()))
        self.peers.add(context.peer())
        if ("limit", "1") in context.invocation_metadata():
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "request rate limit exceeded")
        async for request in requests:
            if request == b"refuse":
                await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "limit exceeded")
            if request == b"end":
                return
            yield BIG if request == b"big" else request


@contextlib.asynccontextmanager
async def serve(
    certificate: trustme.LeafCert | None = None, port: int = 0
) -> AsyncIterator[tuple[Server, str]]:
    """Run a server on a free port."""
    handler = Server()
    server: Any = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    address = f"127.0.0.1:{port}"
    if certificate is None:
        port = server.add_insecure_port(address)
    else:
        chain = b"".join(one.bytes() for one in certificate.cert_chain_pems)
        credentials = grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])
        port = server.add_secure_port(address, credentials)
    await server.start()
    try:
        yield handler, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


async def echo(transport: GrpcTransport) -> bytes | None:
    """Open a stream, send a message, take one, and close."""
    stream = await transport.open(DELTA_METHOD, metadata=())
    try:
        await stream.send(b"echo")
        return await stream.recv()
    finally:
        await stream.aclose()


async def test_messages_pass_whole_in_both_directions() -> None:
    """A push of a big mesh is larger than gRPC's default limit of 4 MiB."""
    async with serve() as (_, address):
        stream = await GrpcTransport(address).open(DELTA_METHOD, metadata=())
        await stream.send(b"echo")
        assert await stream.recv() == b"echo"
        await stream.send(b"big")
        assert await stream.recv() == BIG
        await stream.aclose()


async def test_headers_and_user_agent_arrive() -> None:
    """Istiod would find no token, and its operators not tell who is loading it."""
    async with serve() as (server, address):
        transport = GrpcTransport(address)
        metadata = (("authorization", "Bearer t"), ("clusterid", "Kubernetes"))
        stream = await transport.open(DELTA_METHOD, metadata=metadata)
        await stream.send(b"echo")
        await stream.recv()
        await transport.aclose()

    (headers,) = server.metadata
    assert headers["authorization"] == "Bearer t"
    assert headers["clusterid"] == "Kubernetes"
    assert headers["user-agent"].startswith("pyload")


async def test_every_stream_has_its_own_connection() -> None:
    """Proxies that share a connection are cheaper for istiod than real ones."""
    async with serve() as (server, address):
        transport = GrpcTransport(address)
        for _ in range(3):
            await echo(transport)
        streams = [await transport.open(DELTA_METHOD, metadata=()) for _ in range(3)]
        for stream in streams:
            await stream.send(b"echo")
            await stream.recv()
        await transport.aclose()

        assert len(server.peers) == 6
        assert [await stream.recv() for stream in streams] == [None] * 3


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"end", Status(0, "OK", "")),
        (b"refuse", Status(8, "RESOURCE_EXHAUSTED", "limit exceeded")),
    ],
    ids=["in order", "refused"],
)
async def test_the_end_of_a_stream_says_why(request_: bytes, expected: Status) -> None:
    """Refusals by istiod's limiter could not be told from restarts."""
    async with serve() as (_, address):
        stream = await GrpcTransport(address).open(DELTA_METHOD, metadata=())
        before = stream.status
        await stream.send(request_)

        assert await stream.recv() is None
        assert (before, stream.status) == (None, expected)
        assert await stream.recv() is None
        with pytest.raises(StreamError) as caught:
            await stream.send(b"echo")
        assert caught.value.name == expected.name
        await stream.aclose()
        await stream.aclose()
        assert stream.status == expected


async def test_a_closed_stream_gives_nothing_more() -> None:
    """A reader that waits while its stream is closed would be cancelled with its whole task."""
    async with serve() as (_, address):
        stream = await GrpcTransport(address).open(DELTA_METHOD, metadata=())
        async with asyncio.TaskGroup() as group:
            reader = group.create_task(stream.recv(), name="reader")
            await asyncio.sleep(0.01)
            await stream.aclose()

        assert reader.result() is None
        assert stream.status is not None
        assert stream.status.name == "CANCELLED"


async def test_cancelling_a_reader_is_not_swallowed() -> None:
    """A proxy could not be stopped while it waits for a push."""
    async with serve() as (_, address):
        stream = await GrpcTransport(address).open(DELTA_METHOD, metadata=())
        reader = asyncio.create_task(stream.recv(), name="reader")
        await asyncio.sleep(0.01)
        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader
        await stream.aclose()


async def test_a_server_that_goes_away_ends_the_stream() -> None:
    """A proxy of a restarted istiod would wait for ever."""
    async with serve() as (_, address):
        stream = await GrpcTransport(address).open(DELTA_METHOD, metadata=())
        await stream.send(b"echo")
        await stream.recv()

    assert await stream.recv() is None
    assert stream.status is not None
    assert stream.status.name in ("UNAVAILABLE", "CANCELLED")
    await stream.aclose()


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "tls"])
@pytest.mark.parametrize("target", ["127.0.0.1:1", "no-such-host.invalid:1", "127.0.0.1:x", "x"])
async def test_a_failed_dial_says_why(target: str, *, tls: bool) -> None:
    """A wrong address would look like a broken connection, or raise what nobody handles."""
    with pytest.raises(StreamError) as caught:
        await GrpcTransport(target, tls=tls).open(DELTA_METHOD, metadata=())

    assert reason_failed(caught.value) == "connect"
    assert caught.value.message


async def test_a_silent_server_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A firewall that drops packets would hold up a proxy for as long as the kernel likes."""
    monkeypatch.setattr(grpc_transport, "DIAL_SECONDS", 0.05)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for tls in (False, True):
            with pytest.raises(StreamError, match=r"no connection to \S+ in 0.05 s"):
                await GrpcTransport(f"127.0.0.1:{port}", tls=tls).open(DELTA_METHOD, metadata=())


async def test_failed_and_cancelled_dials_close_their_channel() -> None:
    """Each would go on dialling in the background, until the ports run out (D15)."""
    transport = GrpcTransport("127.0.0.1:1")
    for _ in range(5):
        with pytest.raises(StreamError):
            await transport.open(DELTA_METHOD, metadata=())
    task = asyncio.create_task(transport.open(DELTA_METHOD, metadata=()), name="dial")
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    channels: list[Any] = [one for one in gc.get_objects() if isinstance(one, grpc.aio.Channel)]
    assert [one for one in channels if not one._channel.closed()] == []


@pytest.mark.parametrize(
    "names",
    [["istiod.istio-system.svc", "localhost"], ["*.mesh.example"], ["127.0.0.1"]],
    ids=["names", "wildcard", "address"],
)
async def test_an_unknown_certificate_is_accepted(names: list[str]) -> None:
    """Istiod's own CA is not known to pyload, and its names are not the address."""
    async with serve(trustme.CA().issue_cert(*names)) as (_, address):
        assert await echo(GrpcTransport(address, tls=True)) == b"echo"


async def test_a_certificate_without_names_is_accepted() -> None:
    """Some control planes behind a gateway show certificates with nothing but a common name."""
    certificate = trustme.CA().issue_cert(common_name="istiod")
    async with serve(certificate) as (_, address):
        assert await echo(GrpcTransport(address, tls=True)) == b"echo"


async def test_a_renewed_certificate_costs_one_failed_dial() -> None:
    """After istiod's certificate is renewed no proxy would ever connect again."""
    authority = trustme.CA()
    async with serve(authority.issue_cert("istiod.svc")) as (_, address):
        transport = GrpcTransport(address, tls=True)
        await echo(transport)
    port = int(address.rpartition(":")[2])
    async with serve(authority.issue_cert("istiod.svc"), port=port):
        with pytest.raises(StreamError):
            await transport.open(DELTA_METHOD, metadata=())
        assert await echo(transport) == b"echo"


async def test_many_dials_fetch_the_certificate_once() -> None:
    """A thousand proxies would open two thousand connections."""
    async with serve(trustme.CA().issue_cert("istiod.svc")) as (_, address):
        transport = GrpcTransport(address, tls=True)
        assert transport._trust is not None
        fetches = 0
        fetch = transport._trust._fetch

        async def counted() -> bytes:
            nonlocal fetches
            fetches += 1
            return await fetch()

        transport._trust._fetch = counted  # type: ignore[method-assign]
        await asyncio.gather(*(echo(transport) for _ in range(10)))

        assert fetches == 1


async def test_a_waiting_reader_holds_no_message() -> None:
    """Ten thousand proxies would each hold their last push, half a megabyte each."""
    async with serve() as (_, address):
        transport = GrpcTransport(address)
        tracemalloc.start()
        tasks = []
        for _ in range(3):
            stream = await transport.open(DELTA_METHOD, metadata=())
            await stream.send(b"big")
            await stream.recv()
            tasks.append(asyncio.create_task(stream.recv(), name="reader"))
        await asyncio.sleep(0.01)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        await transport.aclose()
        await asyncio.wait(tasks)

    assert held < 8 << 20


async def test_a_stream_that_is_refused_at_once_keeps_the_servers_status() -> None:
    """What istiod's limiter refuses would be counted as an internal error of gRPC."""

    async def refused(transport: GrpcTransport) -> str:
        try:
            stream = await transport.open(DELTA_METHOD, metadata=(("limit", "1"),))
        except StreamError as error:
            return error.name
        try:
            await stream.send(b"echo")
            assert await stream.recv() is None
        except StreamError as error:
            return error.name
        finally:
            await stream.aclose()
        assert stream.status is not None
        return stream.status.name

    async with serve() as (_, address):
        transport = GrpcTransport(address)
        names = await asyncio.gather(*(refused(transport) for _ in range(100)))

    assert set(names) == {"RESOURCE_EXHAUSTED"}


class LostWrite:
    """A call of grpc.aio whose write meets the end of the stream on its way.

    Its own ``write`` then forgets the status that the server gave.
    """

    def __init__(self) -> None:
        self._cython_call = self
        self._code = grpc.StatusCode.RESOURCE_EXHAUSTED

    def done(self) -> bool:
        """The end has not been seen yet."""
        return False

    async def send_serialized_message(self, message: bytes) -> None:
        """Fail, as gRPC's core does."""
        raise cygrpc.InternalError("Internal error from Core")

    async def write(self, message: bytes) -> None:
        """Fail, and forget the status."""
        self._code = grpc.StatusCode.INTERNAL
        raise asyncio.InvalidStateError

    async def code(self) -> grpc.StatusCode:
        """Give the status."""
        return self._code

    async def details(self) -> str:
        """Give its text."""
        return "request rate limit exceeded"


async def test_a_write_that_is_lost_gives_the_servers_status() -> None:
    """A third of what istiod's limiter refuses was counted as an internal error of gRPC."""
    stream = GrpcStream(None, LostWrite())
    with pytest.raises(StreamError) as caught:
        await stream.send(b"x")

    assert caught.value.name == "RESOURCE_EXHAUSTED"
