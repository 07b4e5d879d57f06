"""Marks are found wherever istiod puts them, and nowhere else."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.marks import (
    NO_MARKS,
    RING,
    WINDOW,
    Marks,
    address_of,
    advance,
    base_of,
    find_marks,
    name_of,
)
from pyload.xds.types import ADDRESS, CDS, EDS, RDS

RUNS = st.text("abcxyz019", min_size=1, max_size=8)
NUMBERS = st.integers(0, RING - 1)


def read(type_url: str, *resources: bytes) -> Marks:
    """Return the marks in a response of nothing but some resources."""
    return find_marks(type_url, b"".join(resources), resources)


def naive(text: bytes) -> dict[str, tuple[int, ...]]:
    """Return the marks in a text by splitting it, slowly."""
    found: dict[str, set[int]] = {}
    for part in text.split(b"pyload-probe-")[1:]:
        match = re.match(rb"([a-z0-9]{1,63})-([0-9]{1,9})", part)
        if match and part[match.end() : match.end() + 1] in (b".", b"/"):
            found.setdefault(match[1].decode(), set()).add(int(match[2]) % RING)
    return {run: tuple(sorted(numbers)) for run, numbers in found.items()}


PIECES = st.one_of(
    st.binary(max_size=6),
    st.sampled_from([b"pyload-probe-", b"-", b".", b"/", b"outbound|80||", b"\x12\x05"]),
    st.builds(lambda run, number: name_of(run, number).encode(), RUNS, NUMBERS),
)


@given(st.lists(st.lists(PIECES, max_size=6).map(b"".join), max_size=4))
def test_marks_are_those_of_a_naive_reader(resources: list[bytes]) -> None:
    """A mark that is overlooked in one response would be a proxy that the change never reached."""
    expected: dict[str, set[int]] = {}
    for one in resources:
        for run, numbers in naive(one).items():
            expected.setdefault(run, set()).update(numbers)
    assert read(CDS, *resources) == {run: tuple(sorted(all_)) for run, all_ in expected.items()}


@pytest.mark.parametrize(
    ("type_url", "resource"),
    [
        (CDS, b"outbound|80||pyload-probe-abc-7.example.com"),
        (RDS, b"pyload-probe-abc-7.example.com:80"),
        (EDS, b"outbound|80||pyload-probe-abc-7.default.svc.cluster.local"),
        (ADDRESS, b"Kubernetes/discovery.k8s.io/EndpointSlice/default/pyload-probe-abc-7/10.0.0.1"),
    ],
)
def test_a_name_is_found_in_every_type(type_url: str, resource: bytes) -> None:
    """Probes of some kind would never arrive."""
    assert read(type_url, b"other", b"\x0a\x30" + resource + b"\x12\x00") == {"abc": (7,)}


def test_a_digit_behind_a_number_is_no_part_of_it() -> None:
    """The tag of the next field may be a digit in ASCII; the mark would be another probe's."""
    assert read(CDS, b"pyload-probe-abc-7" + b"\x32\x01x") == {}


def test_a_response_without_marks_has_the_shared_empty_table() -> None:
    """Each of thousands of responses would hold a table of its own."""
    assert read(CDS, b"outbound|80||web.default") is NO_MARKS
    assert read(CDS, b"pyload-probe-") is NO_MARKS


def test_a_removed_name_is_no_mark() -> None:
    """The removal of a probe would count as its arrival."""
    data = b"pyload-probe-abc-7.example.com"
    assert find_marks(CDS, data, [b"other"]) is NO_MARKS


def endpoints(name: str, *addresses: str) -> bytes:
    """Return a cluster's endpoints, as bytes like those of protobuf."""
    parts = [f"outbound|80||{name}.default.svc.cluster.local".encode()]
    parts += [bytes([0x12, len(one)]) + one.encode() + b"\x18\x50" for one in addresses]
    return b"".join(parts)


@given(RUNS, st.sets(NUMBERS, min_size=1, max_size=4))
def test_an_address_marks_an_endpoint_of_the_runs_service(run: str, numbers: set[int]) -> None:
    """A probe of the kind EndpointSlice would never arrive: its name is in no response."""
    addresses = [address_of(run, number) for number in numbers]
    assert all(ip_address(one) in ip_network("198.18.0.0/15") for one in addresses)
    assert read(EDS, endpoints(base_of(run), *addresses)) == {run: tuple(sorted(numbers))}


def test_an_address_elsewhere_is_no_mark() -> None:
    """Endpoints of a user who has such addresses would count as arrivals."""
    address = address_of("abc", 7)
    web, base = endpoints("web", address), endpoints(base_of("abc"), "10.0.0.1")
    assert read(EDS, base, web) == {}
    assert read(CDS, endpoints(base_of("abc"), address)) == {}
    assert read(EDS, endpoints(base_of("abc"), address + "1")) == {}


@given(st.binary(max_size=40))
def test_any_bytes_behind_a_base_can_be_read(data: bytes) -> None:
    """A hostile control plane would end a proxy."""
    for numbers in read(EDS, endpoints(base_of("abc")) + b"\x0a198.18." + data).values():
        assert all(0 <= number < RING for number in numbers)


def test_a_flood_of_marks_is_cut_off() -> None:
    """A hostile control plane would fill the memory with the marks of one response."""
    flood = b"".join(f"pyload-probe-a{number}-1.".encode() for number in range(20_000))
    assert len(read(CDS, flood)) == 1 << 14


@given(NUMBERS, st.lists(st.sets(st.integers(-9, 9), max_size=4), max_size=8))
def test_each_number_is_new_once_in_any_order_and_round_the_ring(
    start: int, responses: list[set[int]]
) -> None:
    """A probe whose write took long would never arrive, or one that is repeated arrive twice.

    After a day and a half of probes each second, none would be new any more.
    """
    seen, known = None, set[int]()
    for steps in responses:
        numbers = tuple(sorted((start + step) % RING for step in steps))
        new, seen = advance(seen, numbers)
        assert new == tuple(number for number in numbers if number not in known)
        known |= {*numbers}


def test_what_a_proxy_has_shown_is_bounded_and_shared() -> None:
    """Ten thousand proxies would each remember all probes of a day."""
    states = []
    for _ in range(2):
        seen = None
        for number in range(3 * WINDOW):
            _, seen = advance(seen, (number,))
        states.append(seen)
    assert states[0] is not None
    assert states[0].mask.bit_length() == WINDOW
    assert advance(states[0], (5, 6))[0] == ()
    assert advance(states[0], (9 * WINDOW,)) == ((9 * WINDOW,), (9 * WINDOW, 1))
    assert advance(states[0], (7 * WINDOW,))[1] is advance(states[1], (7 * WINDOW,))[1]
