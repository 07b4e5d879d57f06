"""The addresses and ports that are free."""

from __future__ import annotations

import pytest

from pyload.embedded.apiserver.refusals import Refused
from pyload.embedded.apiserver.service_addresses import NODE_PORTS, SERVICE_RANGE, ServiceAddresses

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


def test_addresses_go_round_and_skip_what_is_taken() -> None:
    """Churn must not run out of addresses while most are free."""
    addresses = ServiceAddresses()
    last = str(SERVICE_RANGE.broadcast_address - 1)
    first = addresses.free_ip()
    assert addresses.claim(first)
    assert not addresses.claim(first)
    addresses._next_ip = SERVICE_RANGE.num_addresses - 2

    assert addresses.free_ip() == last
    addresses.claim(last)
    assert addresses.free_ip() == "10.96.0.1"


def test_node_ports_run_out() -> None:
    """Exhaustion must be an error, not an endless search."""
    addresses = ServiceAddresses()
    for _ in NODE_PORTS:
        addresses.claim_port(addresses.free_port())

    with pytest.raises(Refused, match="full"):
        addresses.free_port()
    addresses.release_port(30005)
    assert addresses.free_port() == 30005
