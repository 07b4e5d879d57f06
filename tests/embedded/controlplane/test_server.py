"""The control plane's ports, with real connections on loopback."""

from __future__ import annotations

import asyncio

import pytest

from pyload.errors import ControlPlaneUnreachable, StreamError
from pyload.xds.grpc_transport import GrpcTransport
from pyload.xds.tls import TlsConfig
from pyload.xds.types import CDS, EDS
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import HTTP, delta, pod, proxy_node, service, sotw

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
