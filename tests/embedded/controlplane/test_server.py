"""The control plane's ports, with real connections on loopback."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.controlplane.server import listen
from pyload.errors import ControlPlaneUnreachable, StreamError
from pyload.tasks import cancel
from pyload.xds.grpc_transport import GrpcTransport
from pyload.xds.tls import TlsConfig
from pyload.xds.transport import DELTA_METHOD
from pyload.xds.types import CDS, EDS
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import HTTP, delta, pod, proxy_node, service, sotw
from tests.xds.dialogue import Dialogue

if TYPE_CHECKING:
    from pyload.embedded.controlplane.connection import StreamPeer

pytestmark = pytest.mark.grpc

_APP = "outbound|80||app.mesh.svc.cluster.local"

# The four special clusters, and that of the API server itself.
_ISTIOS_OWN = 5


@pytest.mark.parametrize("is_delta", [False, True])
async def test_plaintext_serves_and_pushes(is_delta: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """What works in memory must work over a socket, without a token."""
    async with running_mesh() as mesh, mesh.plane.serve() as addresses:
        await mesh.add(service("app", ports=[HTTP]))
        await asyncio.sleep(0.3)
        transport = GrpcTransport(addresses.plaintext)
        script = await mesh.dial(delta=is_delta, transport=transport)
        clusters = await script.fetch(CDS, node=proxy_node())
        assert len(clusters.resources) == _ISTIOS_OWN + 1
        await script.fetch(EDS, [_APP])

        await mesh.add(pod("app-2", app="app", ip="10.1.0.2"))
        pushed = await script.accept([_APP])

        assert pushed.type_url == EDS
        assert b"10.1.0.2" in pushed.SerializeToString()
        assert addresses.tls == ""
        await transport.aclose()


async def test_leaving_the_server_ends_streams_at_once() -> None:
    """A program that ends must not wait for proxies that never go."""
    async with running_mesh() as mesh:
        async with mesh.plane.serve() as addresses:
            transport = GrpcTransport(addresses.plaintext)
            script = await mesh.dial(delta=True, transport=transport)
            await script.fetch(CDS, node=proxy_node())
            started = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - started < 1
        assert await script.stream.recv() is None
        assert script.stream.status is not None
        assert script.stream.status.name == "UNAVAILABLE"
        assert script.stream.status.message == "the control plane is shutting down"
        await transport.aclose()
        assert mesh.plane.stats.connections == 0


async def test_a_start_that_is_interrupted_at_any_moment_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An early Ctrl-C printed a traceback of grpc, about a server that nobody wants (B14).

    One of these moments is that in which the server's own task has not begun yet.
    """
    async with running_mesh() as mesh:

        async def serve() -> None:
            async with mesh.plane.serve():
                await asyncio.sleep(60)

        for turns in range(6):
            serving = asyncio.create_task(serve())
            for _ in range(turns):
                await asyncio.sleep(0)
            await cancel([serving])
            assert serving.cancelled()

    assert not caplog.messages


async def test_streams_that_end_in_their_first_answer_are_told_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Grpc printed TOO_MANY_OPERATIONS, and proxies saw CANCELLED in place of the reason (B14)."""
    statuses: set[str] = set()
    arrived = asyncio.Semaphore(0)
    answering = asyncio.Event()

    async def answer(peer: StreamPeer, _headers: dict[str, str], _delta: bool) -> None:  # noqa: FBT001 - the signature that servers call
        arrived.release()
        await peer.recv()
        answering.set()
        await peer.send(b"answer")
        await peer.recv()

    for _ in range(10):
        answering.clear()
        async with listen(answer, host="127.0.0.1", port=0, secured=None) as addresses:
            transport = GrpcTransport(addresses.plaintext)
            streams = [Dialogue(transport, DELTA_METHOD) for _ in range(5)]
            for stream in streams:
                await arrived.acquire()
                stream.send(b"request")
            await answering.wait()
        for stream in streams:
            while await stream.recv() is not None:
                pass
            assert stream.status is not None
            statuses.add(stream.status.message)
        await transport.aclose()

    assert not caplog.messages
    assert statuses == {"the control plane is shutting down"}


async def test_a_refusal_carries_its_status() -> None:
    """Proxies log and count why they were refused."""
    async with running_mesh() as mesh, mesh.plane.serve() as addresses:
        transport = GrpcTransport(addresses.plaintext)
        script = await mesh.dial(delta=False, transport=transport)
        await script.ask(sotw(CDS))

        assert await script.stream.recv() is None
        assert script.stream.status is not None
        assert script.stream.status.name == "INVALID_ARGUMENT"
        assert script.stream.status.message == "missing node information"
        await transport.aclose()


async def test_tls_serves_proxies_with_a_good_token() -> None:
    """The port that real sidecars use: TLS, and a token of the proxy's own account."""
    async with running_mesh() as mesh, mesh.plane.serve(tls_port=0) as addresses:
        transport = GrpcTransport(addresses.tls, tls=TlsConfig())
        token = await mesh.token()
        script = await mesh.dial(delta=True, transport=transport, metadata=token)

        clusters = await script.fetch(CDS, node=proxy_node())

        assert len(clusters.resources) == _ISTIOS_OWN
        await transport.aclose()


@pytest.mark.parametrize(
    ("audience", "namespace", "status"),
    [
        (None, "mesh", "UNAUTHENTICATED"),
        ("other", "mesh", "UNAUTHENTICATED"),
        ("istio-ca", "elsewhere", "PERMISSION_DENIED"),
    ],
)
async def test_tls_refuses_other_tokens(audience: str | None, namespace: str, status: str) -> None:
    """No token, a token for somebody else, and a proxy that claims to be another."""
    async with running_mesh() as mesh, mesh.plane.serve(tls_port=0) as addresses:
        transport = GrpcTransport(addresses.tls, tls=TlsConfig())
        token = await mesh.token(audience) if audience else ()
        try:
            script = await mesh.dial(delta=True, transport=transport, metadata=token)
            await script.ask(delta(CDS, node=proxy_node(namespace=namespace)))
            assert await script.stream.recv() is None
            ended = script.stream.status
            found = ended.name if ended is not None else ""
        except StreamError as error:
            # The refusal may come before the request has left.
            found = error.name

        assert found == status
        await transport.aclose()


async def test_tokens_can_be_needed_in_memory_too() -> None:
    """Tests of token handling need no sockets."""
    async with running_mesh() as mesh:
        transport = mesh.plane.transport(tokens=True)
        good = await mesh.dial(delta=True, transport=transport, metadata=await mesh.token())
        bad = await mesh.dial(
            delta=True, transport=transport, metadata=(("authorization", "Bearer nonsense"),)
        )

        assert len((await good.fetch(CDS, node=proxy_node())).resources) == _ISTIOS_OWN
        assert await bad.stream.recv() is None
        assert bad.stream.status is not None
        assert bad.stream.status.name == "UNAUTHENTICATED"


async def test_a_taken_port_is_an_error_that_says_so() -> None:
    """Exit code 3 and a hint, not a traceback of grpc."""
    async with running_mesh() as mesh, mesh.plane.serve() as addresses:
        port = int(addresses.plaintext.rpartition(":")[2])
        with pytest.raises(ControlPlaneUnreachable, match="cannot listen"):
            async with mesh.plane.serve(port=port):
                pytest.fail("two servers listen on one port")
