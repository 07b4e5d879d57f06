"""Tests of the addresses that Endpoints and EndpointSlices list."""

from __future__ import annotations

from pyload.embedded.controlplane.listed_addresses import ListedAddresses
from pyload.embedded.controlplane.model import Address, Key, SliceRecord

SERVICE = Key("mesh", "db")
ONE = Address("10.0.0.1", "node-1", "", (("tcp", 80),))
TWO = Address("10.0.0.2", "node-2", "", (("tcp", 80),))


def test_an_address_in_endpoints_and_in_a_slice_counts_once() -> None:
    """Kubernetes copies Endpoints into slices: clients would see every address twice."""
    listed = ListedAddresses()
    listed.put_endpoints(SERVICE, (ONE,))
    listed.put_slice(Key("mesh", "db-x1"), SliceRecord(SERVICE, (ONE, TWO)))

    assert listed.of(SERVICE) == (ONE, TWO)


def test_a_slice_that_moves_to_another_service_changes_both() -> None:
    """The former service would keep addresses that lead to another one's workloads."""
    listed, slice_, other = ListedAddresses(), Key("mesh", "db-x1"), Key("mesh", "cache")
    assert listed.put_slice(slice_, SliceRecord(SERVICE, (ONE,))) == {SERVICE}
    assert listed.put_slice(slice_, SliceRecord(other, (ONE,))) == {SERVICE, other}

    assert listed.of(SERVICE) == ()
    assert listed.of(other) == (ONE,)


def test_what_is_listed_again_unchanged_changes_nothing() -> None:
    """A watch that starts again would push the endpoints of the whole mesh."""
    listed, slice_ = ListedAddresses(), Key("mesh", "db-x1")
    listed.put_endpoints(SERVICE, (ONE,))
    listed.put_slice(slice_, SliceRecord(SERVICE, (TWO,)))

    assert not listed.put_endpoints(SERVICE, (ONE,))
    assert not listed.put_slice(slice_, SliceRecord(SERVICE, (TWO,)))


def test_removed_objects_leave_no_address() -> None:
    """Clients would connect to workloads that are gone."""
    listed, slice_ = ListedAddresses(), Key("mesh", "db-x1")
    listed.put_endpoints(SERVICE, (ONE,))
    listed.put_slice(slice_, SliceRecord(SERVICE, (TWO,)))

    assert listed.put_endpoints(SERVICE, None) == {SERVICE}
    assert listed.put_slice(slice_, None) == {SERVICE}
    assert listed.of(SERVICE) == ()
    assert listed.on_node("node-1") == set()


def test_a_node_concerns_the_services_with_an_address_on_it() -> None:
    """A node's new locality would not reach the endpoints on it."""
    listed = ListedAddresses()
    listed.put_endpoints(SERVICE, (ONE,))
    listed.put_slice(Key("mesh", "cache-x1"), SliceRecord(Key("mesh", "cache"), (TWO,)))

    assert listed.on_node("node-1") == {SERVICE}
    assert listed.on_node("node-2") == {Key("mesh", "cache")}
