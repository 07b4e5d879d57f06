"""The addresses of fake pods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import PyloadError
from pyload.manifests.ips import RESTING, IpAllocator


@given(steps=st.lists(st.integers(0, 9), max_size=400), start=st.integers(0, 300))
def test_no_two_pods_share_an_address(steps: list[int], start: int) -> None:
    """Istiod would take one pod for the other."""
    allocator = IpAllocator()
    held = [allocator.allocate() for _ in range(start)]
    for step in steps:
        if step < 6:
            ip = allocator.allocate()
            assert ip not in held
            assert ip.rsplit(".", 1)[1] not in ("0", "255")
            held.append(ip)
        elif held:
            allocator.release(held.pop(step % len(held)))

    assert len(set(held)) == len(held)


def test_addresses_begin_where_scripts_expect_them_and_skip_odd_hosts() -> None:
    """10.0.0.255 and 10.0.1.0 are no hosts to the tools that users look with."""
    allocator = IpAllocator()
    ips = [allocator.allocate() for _ in range(246)]

    assert ips[:2] == ["10.0.0.10", "10.0.0.11"]
    assert ips[-2:] == ["10.0.0.254", "10.0.1.1"]


def test_churn_for_days_stays_in_the_range() -> None:
    """A fake service's IP would leave the service CIDR after 65k allocations."""
    allocator = IpAllocator()
    seen = set()
    for _ in range(100_000):
        ip = allocator.allocate()
        seen.add(ip)
        allocator.release(ip)

    assert len(seen) == RESTING + 1


def test_an_address_is_not_given_to_the_next_pod() -> None:
    """While istiod still pushes the old pod's end, the new one would be taken for it."""
    allocator = IpAllocator()
    first = allocator.allocate()
    allocator.release(first)

    assert allocator.allocate() != first


def test_an_exhausted_range_is_said_and_heals() -> None:
    """Two pods would get one address, or the run would end in a traceback."""
    allocator = IpAllocator(first="10.0.0.253", last="10.0.1.1")
    ips = [allocator.allocate() for _ in range(3)]

    with pytest.raises(PyloadError, match=r"all 3 IP addresses up to 10\.0\.1\.1 are in use"):
        allocator.allocate()
    allocator.release(ips[1])
    allocator.release(ips[1])

    assert allocator.allocate() == ips[1]
    with pytest.raises(PyloadError):
        allocator.allocate()
