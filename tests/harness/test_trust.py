"""Finding out before the run whether the control plane is the one that it should be."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from datetime import UTC, datetime
from random import Random
from typing import TYPE_CHECKING

import pytest

from pyload.embedded.controlplane.ca import Authority
from pyload.errors import ControlPlaneUnreachable, UsageError
from pyload.harness.connection import Connection
from pyload.harness.trust import check_tls, find_roots
from pyload.kube.client import Client
from pyload.xds.tls import ISTIOD
from tests.kube.peers import Scripted, answer, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pyload.kube.transport import Response

pytestmark = pytest.mark.anyio

AUTHORITY = Authority()
WRONG = Authority()


@contextlib.asynccontextmanager
async def listening(authority: Authority | None = AUTHORITY) -> AsyncIterator[str]:
    """Listen with a certificate of an authority, or without TLS."""
    context = None
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.for_server("127.0.0.1").load_into(context)

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(b"not TLS at all\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


def client(answered: Response) -> Client:
    """Make a client of an API server that gives one answer."""
    return Client(Scripted(answered), rng=Random(1))


@pytest.mark.socket
async def test_the_first_name_that_fits_is_given() -> None:
    """A load balancer's name is in no certificate of istiod, which is fine with istiod's own."""
    async with listening() as address:
        assert await check_tls(address, AUTHORITY.root, ("lb.example.com", ISTIOD)) == ISTIOD
        with pytest.raises(
            ControlPlaneUnreachable, match=r"for none of lb\.example\.com; set ISTI"
        ):
            await check_tls(address, AUTHORITY.root, ("lb.example.com",))


@pytest.mark.socket
async def test_a_certificate_of_another_ca_ends_the_run_before_it_begins() -> None:
    """Tokens of the whole mesh would be sent to it."""
    async with listening() as address:
        with pytest.raises(ControlPlaneUnreachable, match=r"not to be trusted.*--insecure"):
            await check_tls(address, WRONG.root, (ISTIOD,))


@pytest.mark.socket
async def test_an_expired_certificate_ends_it_too() -> None:
    """And the text says what is wrong with it."""
    old = Authority(now=lambda: datetime(2000, 1, 1, tzinfo=UTC))
    async with listening(old) as address:
        with pytest.raises(ControlPlaneUnreachable, match="has expired"):
            await check_tls(address, old.root, (ISTIOD,))


@pytest.mark.socket
async def test_a_server_without_tls_is_told() -> None:
    """The usual mistake: a forwarded port 15010 under another number."""
    async with listening(None) as address:
        for roots in (AUTHORITY.root, b""):
            with pytest.raises(ControlPlaneUnreachable, match="does not speak TLS"):
                await check_tls(address, roots, (ISTIOD,))


@pytest.mark.socket
async def test_nobody_listens() -> None:
    """As without TLS."""
    async with listening() as address:
        pass
    with pytest.raises(ControlPlaneUnreachable, match="connection refused"):
        await check_tls(address, AUTHORITY.root, (ISTIOD,))


async def test_the_cluster_tells_its_root(caplog: pytest.LogCaptureFixture) -> None:
    """Real agents verify by the same ConfigMap."""
    found = answer(200, {"data": {"root-cert.pem": AUTHORITY.root.decode()}})
    assert await find_roots(Connection(), client(found)) == AUTHORITY.root
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("answered", "reason"),
    [
        (answer(403, status(403, "Forbidden", "no")), "HTTP 403"),
        (answer(404, status(404, "NotFound", "gone")), "HTTP 404"),
        (answer(200, {"data": {}}), "it has no root-cert.pem"),
    ],
)
async def test_without_that_root_the_server_is_not_verified_and_one_line_says_so(
    answered: Response, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Scripts written for pilot-load, which verifies nothing, go on working."""
    with caplog.at_level(logging.WARNING):
        assert await find_roots(Connection(), client(answered)) == b""
    (line,) = caplog.messages
    assert "is not verified" in line
    assert reason in line


async def test_a_file_comes_before_the_cluster_and_insecure_asks_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Who names a file hears nothing more, but a log shows which run verified nobody."""
    path = tmp_path / "ca.pem"
    path.write_bytes(AUTHORITY.root)
    nobody = Client(Scripted(), rng=Random(1))
    assert await find_roots(Connection(ca_file=str(path)), nobody) == AUTHORITY.root
    assert not caplog.messages
    assert await find_roots(Connection(insecure=True), nobody) == b""
    assert caplog.messages == ["the control plane is not verified: --insecure"]


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    """Exit code 2 and the file's name."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"--ca-file .*ca\.pem"):
        await find_roots(Connection(ca_file=str(path)), Client(Scripted(), rng=Random(1)))
