"""Finding out before the run whether its servers are there."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.api import ApiServer
from pyload.errors import ClusterUnreachable, ControlPlaneUnreachable, Forbidden, UsageError
from pyload.harness.connection import (
    Connection,
    check_api_server,
    check_control_plane,
    split_address,
)
from pyload.kube.client import Client
from pyload.kube.transport import Response

if TYPE_CHECKING:
    from pyload.embedded.apiserver.requests import Request


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("localhost:15010", ("localhost", 15010)),
        ("[::1]:1", ("::1", 1)),
        ("a.b:65535", ("a.b", 65535)),
    ],
)
def test_addresses(address: str, parts: tuple[str, int]) -> None:
    """IPv6 addresses come in brackets, as everywhere else."""
    assert split_address(address) == parts


@given(st.text())
def test_any_other_text_is_a_usage_error(text: str) -> None:
    """A typo in --pilot-address must not end in a traceback."""
    try:
        host, port = split_address(text)
    except UsageError:
        return
    assert host
    assert 0 < port < 65536


@pytest.mark.socket
@pytest.mark.anyio
async def test_nobody_listens() -> None:
    """A run without a control plane would create a mesh that nobody serves."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        await check_control_plane(f"127.0.0.1:{port}")
    with pytest.raises(ControlPlaneUnreachable, match="connection refused"):
        await check_control_plane(f"127.0.0.1:{port}")
    with pytest.raises(ControlPlaneUnreachable, match="no such host"):
        await check_control_plane("no-such-host.invalid:1")


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        (Connection(auth="nothing"), "choose one of plaintext, jwt, plaintext-jwt, mtls"),
        (Connection(ca_file="x", insecure=True), "contradict"),
        (Connection(auth="jwt", csr_per_pod=True), "--csr-per-pod is for --auth mtls"),
        (Connection(ca_address="ca:15012"), "--ca-address is for --auth mtls"),
        (Connection(auth="mtls", ca_address="ca"), "'ca' is not an address"),
    ],
)
def test_flags_that_make_no_sense_together(connection: Connection, reason: str) -> None:
    """What has no effect would be believed to have one."""
    with pytest.raises(UsageError, match=reason):
        connection.check()


def test_flags_for_mtls() -> None:
    """The Go tool panics here."""
    connection = Connection(
        pilot_address="istiod:15012", auth="mtls", ca_address="ca:443", csr_per_pod=True
    )
    assert connection.check() == "mtls"
    assert Connection(pilot_address="istiod:15012").check() == "jwt"


@pytest.mark.anyio
@pytest.mark.virtual
@pytest.mark.parametrize(
    ("status", "error"), [(200, None), (403, None), (404, None), (401, Forbidden)]
)
async def test_credentials_are_tried_before_anything_is_created(
    status: int, error: type[Exception] | None
) -> None:
    """Expired credentials end the run at once; an account that may not see the version is fine."""
    server = ApiServer()

    def answer(_: Request) -> Response:
        return Response(status, b"{}")

    server.intercept = answer
    client = Client(server.transport())
    if error is None:
        await check_api_server(client)
    else:
        with pytest.raises(error):
            await check_api_server(client)


@pytest.mark.anyio
@pytest.mark.virtual
async def test_an_api_server_that_is_away_is_an_error() -> None:
    """Exit code 3, and nothing that would have to be cleaned up."""
    server = ApiServer()

    def away(_: Request) -> Response:
        raise ClusterUnreachable("cannot reach the API server")

    server.intercept = away
    with pytest.raises(ClusterUnreachable):
        await check_api_server(Client(server.transport()))
