"""Channels of grpc.aio, and the certificates that servers show."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import trustme

from pyload.xds.grpc_transport import GrpcTransport
from pyload.xds.tls import TlsConfig
from tests.xds.streams import echo, serve

pytestmark = pytest.mark.grpc


async def test_a_certificate_without_names_is_accepted() -> None:
    """Some control planes behind a gateway show certificates with nothing but a common name."""
    certificate = trustme.CA().issue_cert(common_name="istiod")
    async with serve(certificate) as (_, address):
        assert await echo(GrpcTransport(address, tls=TlsConfig())) is None


async def test_a_renewed_certificate_costs_one_failed_dial() -> None:
    """After istiod's certificate is renewed no proxy would ever connect again."""
    authority = trustme.CA()
    async with serve(authority.issue_cert("istiod.svc")) as (_, address):
        transport = GrpcTransport(address, tls=TlsConfig())
        await echo(transport)
    port = int(address.rpartition(":")[2])
    async with serve(authority.issue_cert("istiod.svc"), port=port):
        failed = await echo(transport)
        assert failed is not None
        assert failed.name == "UNAVAILABLE"
        assert await echo(transport) is None


async def test_many_dials_fetch_the_certificate_once() -> None:
    """A thousand proxies would open two thousand connections."""
    async with serve(trustme.CA().issue_cert("istiod.svc")) as (_, address):
        transport = GrpcTransport(address, tls=TlsConfig())
        shown: Any = transport.channels._shown
        fetches = 0
        fetch = shown._fetch

        async def counted() -> bytes:
            nonlocal fetches
            fetches += 1
            certificate: bytes = await fetch()
            return certificate

        shown._fetch = counted
        await asyncio.gather(*(echo(transport) for _ in range(10)))

        assert fetches == 1


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two transports would measure different things, one of them a proxy."""
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serve(trustme.CA().issue_cert("istiod.svc")) as (_, address):
        assert await echo(GrpcTransport(address, tls=TlsConfig())) is None
