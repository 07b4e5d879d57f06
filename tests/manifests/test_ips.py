"""The addresses of fake pods."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import PyloadError
from pyload.manifests.ips import RESTING, AddressRange, IpAllocator


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


def test_a_range_holds_what_was_allocated_and_room_for_churn() -> None:
    """A run that replaces pods would grow into the addresses of the next run."""
    allocator = IpAllocator()
    ips = [allocator.allocate() for _ in range(300)]
    needed = allocator.needed()

    assert str(needed) == "10.0.0.0-10.0.3.255"
    for _ in range(1000):
        allocator.release(ips.pop(0))
        ips.append(allocator.allocate())
        assert needed.begin <= int(IPv4Address(ips[-1])) < needed.end
    assert AddressRange.parse(str(needed)) == needed


@pytest.mark.parametrize("text", ["", "10.0.0.0", "a-b", "10.0.0.0-", "10.0.0.0/16"])
def test_what_is_no_range_is_ignored(text: str) -> None:
    """A Lease that somebody has edited would end every later run."""
    assert AddressRange.parse(text) is None


@given(
    size=st.integers(1, 5),
    taken=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), max_size=8),
)
def test_a_range_moves_off_all_others(size: int, taken: list[tuple[int, int]]) -> None:
    """Two runs would give one address to two pods."""
    begin = int(IPv4Address("10.0.0.0"))
    others = [AddressRange(begin + 256 * at, begin + 256 * (at + long)) for at, long in taken]
    moved = AddressRange(begin, begin + 256 * size).moved_off(others)

    assert not any(moved.overlaps(other) for other in others)
    assert moved.end - moved.begin == 256 * size
    assert IpAllocator(first=moved.first).needed().begin == moved.begin
