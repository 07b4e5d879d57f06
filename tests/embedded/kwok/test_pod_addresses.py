"""Pods' addresses."""

from __future__ import annotations

from random import Random

from pyload.embedded.kwok.pod_addresses import AddressPool, PodAddresses

NODE = {"spec": {"podCIDR": "10.5.0.0/24"}}


def test_a_pool_goes_on_behind_its_end() -> None:
    """Kwok gives a neighbour's addresses away; tools must see that here too."""
    pool = AddressPool("10.50.0.0/24")

    given = [pool.allocate(Random(1)) for _ in range(260)]

    assert (given[0], given[254], given[255], given[259]) == (
        "10.50.0.1",
        "10.50.0.255",
        "10.50.1.0",
        "10.50.1.4",
    )


def test_freed_addresses_come_back_but_foreign_ones_do_not() -> None:
    """Churn would use up the network, or a neighbour's address be handed out twice on purpose."""
    pool = AddressPool("10.0.0.1/24")
    rng = Random(1)
    given = [pool.allocate(rng) for _ in range(3)]

    pool.release("10.0.1.7")
    for ip in given:
        pool.release(ip)

    assert {pool.allocate(rng) for _ in range(3)} == set(given)
    assert pool.allocate(rng) == "10.0.0.4"


def test_a_pod_keeps_its_address_until_it_goes() -> None:
    """A status that is written again would move the pod."""
    addresses, rng = PodAddresses(), Random(1)
    first = addresses.of("a", NODE, rng)

    assert addresses.of("a", NODE, rng) == first == "10.5.0.1"
    assert addresses.of("b", {"spec": {"podCIDRs": ["10.6.0.0/24", "fd00::/64"]}}, rng) == (
        "10.6.0.1"
    )
    assert addresses.of("c", {}, rng) == "10.0.0.1"
    addresses.release("a")
    addresses.release("a")
    assert addresses.of("d", NODE, rng) == first
