"""Certificates from a real server, and streams that show them, over both transports."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.controlplane.ca import Authority
from pyload.embedded.controlplane.connected_proxy import WorkloadIdentity
from pyload.errors import StreamError
from pyload.key_pair import KeyPair
from pyload.kube.resources import SERVICE_ACCOUNTS
from pyload.kube.tokens import Tokens
from pyload.xds.ca import GrpcCa
from pyload.xds.certificates import Certificates
from pyload.xds.client import bearer
from pyload.xds.credentials import Principal
from pyload.xds.csr import new_request
from pyload.xds.grpc_transport import GrpcTransport
from pyload.xds.lean import LeanTransport
from pyload.xds.tls import ISTIOD, TlsConfig
from pyload.xds.types import CDS
from tests.embedded.controlplane.mesh import running_mesh
from tests.embedded.controlplane.support import delta, proxy_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.embedded.controlplane.server import ListenAddresses
    from pyload.xds.transport import Transport
    from tests.embedded.controlplane.mesh import RunningMesh

pytestmark = pytest.mark.grpc

PRINCIPAL = Principal("mesh", "default", "Kubernetes")


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[RunningMesh, ListenAddresses]]:
    """Run a mesh with all its ports."""
    async with running_mesh() as mesh, mesh.plane.serve(tls_port=0) as addresses:
        yield mesh, addresses


def transport_to(kind: str, address: str, tls: TlsConfig) -> Transport:
    """Make a transport of either kind."""
    if kind == "grpc":
        return GrpcTransport(address, tls=tls)
    return LeanTransport(address, tls=tls.context(), server_hostname=tls.server_name)


def certificates(
    mesh: RunningMesh, addresses: ListenAddresses, tls: TlsConfig | None = None
) -> Certificates:
    """Make a store of certificates of the mesh's CA."""
    ca = GrpcCa(addresses.tls, tls=tls or TlsConfig(addresses.root, ISTIOD))
    return Certificates(ca, Tokens(mesh.client), rng=Random(1))


async def outcome(mesh: RunningMesh, transport: Transport, *, namespace: str = "mesh") -> str:
    """Ask for clusters; return ``OK`` or the name of the status that came instead."""
    script = await mesh.dial(delta=True, transport=transport)
    await script.ask(delta(CDS, node=proxy_node(namespace=namespace)))
    answered = await script.stream.recv()
    if answered is not None:
        await transport.aclose()
        return "OK"
    await transport.aclose()
    assert script.stream.status is not None
    return script.stream.status.name


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("kind", ["grpc", "lean"])
async def test_a_stream_with_a_signed_certificate_needs_no_token(kind: str, verified: bool) -> None:  # noqa: FBT001
    """The mode in which the Go tool panics."""
    async with serving() as (mesh, addresses):
        trust = TlsConfig(addresses.root, ISTIOD) if verified else TlsConfig()
        own = await certificates(mesh, addresses, trust).get(PRINCIPAL)
        tls = TlsConfig(trust.roots, trust.server_name, own)
        assert await outcome(mesh, transport_to(kind, addresses.mtls, tls)) == "OK"
        assert mesh.plane.authority is not None
        assert mesh.plane.authority.signed == 1


@pytest.mark.parametrize("kind", ["grpc", "lean"])
async def test_a_certificate_is_good_for_its_own_account_only(kind: str) -> None:
    """A proxy that shows another's certificate must look refused, not broken."""
    async with serving() as (mesh, addresses):
        own = await certificates(mesh, addresses).get(PRINCIPAL)
        transport = transport_to(kind, addresses.mtls, TlsConfig(addresses.root, ISTIOD, own))
        assert await outcome(mesh, transport, namespace="elsewhere") == "PERMISSION_DENIED"


@pytest.mark.parametrize("fault", ["other CA", "expired", "none"])
@pytest.mark.parametrize("kind", ["grpc", "lean"])
async def test_other_certificates_are_refused_in_the_handshake(kind: str, fault: str) -> None:
    """The dial fails with a status, and neither hangs nor breaks the run."""
    async with serving() as (mesh, addresses):
        authority = mesh.plane.authority
        assert authority is not None
        if fault == "other CA":
            authority = Authority()
        elif fault == "expired":
            authority._now = lambda: datetime(2020, 1, 1, tzinfo=UTC)
        key, csr = new_request("spiffe://x")
        chain = authority.sign(csr, WorkloadIdentity("mesh", "default"), timedelta(hours=1))
        own = None if fault == "none" else KeyPair(key, "".join(chain).encode())
        transport = transport_to(kind, addresses.mtls, TlsConfig(addresses.root, ISTIOD, own))
        assert await outcome(mesh, transport) == "UNAVAILABLE"


@pytest.mark.parametrize("name", [ISTIOD, "other.example.com"])
@pytest.mark.parametrize("kind", ["grpc", "lean"])
async def test_a_server_that_is_not_the_meshs_gets_no_token(kind: str, name: str) -> None:
    """A server of another CA, or with another name, would get the tokens of a mesh."""
    root = Authority().root if name == ISTIOD else b""
    async with serving() as (mesh, addresses):
        transport = transport_to(kind, addresses.tls, TlsConfig(root or addresses.root, name))
        assert await outcome(mesh, transport) == "UNAVAILABLE"
        assert mesh.plane.stats.accepted == 0


@pytest.mark.parametrize("kind", ["grpc", "lean"])
async def test_a_token_goes_over_verified_tls_and_over_plaintext(kind: str) -> None:
    """`jwt` as real agents do it, and `plaintext-jwt`."""
    async with serving() as (mesh, addresses):
        token = await Tokens(mesh.client).get("mesh", "default")
        plain: Transport = (
            GrpcTransport(addresses.plaintext)
            if kind == "grpc"
            else LeanTransport(addresses.plaintext)
        )
        secure = transport_to(kind, addresses.tls, TlsConfig(addresses.root, ISTIOD))
        for transport in (plain, secure):
            script = await mesh.dial(
                delta=True, transport=transport, metadata=bearer(token, "Kubernetes")
            )
            assert (await script.fetch(CDS, node=proxy_node())).type_url == CDS
            await transport.aclose()


async def test_the_ca_refuses_tokens_that_are_none_of_its() -> None:
    """A token of another audience, or nonsense, must look refused and not broken."""
    async with serving() as (mesh, addresses):
        path = SERVICE_ACCOUNTS.path("mesh", "default", "token")
        spec = {"audiences": ["other"], "expirationSeconds": 3600}
        made = await mesh.client.create(
            path, {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        )
        ca = GrpcCa(addresses.tls, tls=TlsConfig(addresses.root, ISTIOD))
        _, csr = new_request("spiffe://x")
        for token in ("nonsense", made["status"]["token"]):
            with pytest.raises(StreamError) as caught:
                await ca.sign(csr, metadata=bearer(token, "Kubernetes"))
            assert caught.value.name == "UNAUTHENTICATED"


async def test_a_ca_that_is_not_there_has_a_status() -> None:
    """The plaintext port signs nothing, as with istiod; and nobody may listen."""
    async with serving() as (_, addresses):
        _, csr = new_request("spiffe://x")
        for target, name in (
            (addresses.plaintext, "UNIMPLEMENTED"),
            ("127.0.0.1:1", "UNAVAILABLE"),
        ):
            with pytest.raises(StreamError) as caught:
                await GrpcCa(target, tls=None).sign(csr, metadata=())
            assert caught.value.name == name
