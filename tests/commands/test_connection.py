"""Finding out before the run whether its servers are there."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.commands.connection import check_control_plane, split_address
from pyload.errors import ControlPlaneUnreachable, UsageError


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
