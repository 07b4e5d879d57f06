"""Finding out before the run whether its servers are there."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import ControlPlaneUnreachable, UsageError
from pyload.harness.connection import Connection, check_control_plane, split_address


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
