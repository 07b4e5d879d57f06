"""Responses' fragments against a client that applies them to what it holds."""

from __future__ import annotations

from google.protobuf import any_pb2
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane import resource_batch
from pyload.embedded.controlplane.resource_batch import ResourceBatch, ResponseFragment
from pyload.xds.wire import discovery_pb2

_NAMES = st.sampled_from("abcdef")
_HELD = st.dictionaries(_NAMES, st.integers(0, 3), max_size=6)
_CHOSEN = st.frozensets(st.sampled_from("abcxyz"), max_size=4)


def _batch(contents: dict[str, int], *, versioned: bool = False) -> ResourceBatch:
    encoded = {name: _resource(name, number) for name, number in contents.items()}
    versions = {name: str(number) for name, number in contents.items()} if versioned else None
    return ResourceBatch(encoded, versions)


def _resource(name: str, number: int) -> bytes:
    return any_pb2.Any(type_url=name, value=bytes([number])).SerializeToString()


def _applied(fragment: ResponseFragment, held: dict[str, int]) -> dict[str, int]:
    """Return what a delta client holds after a response, and check the fragment's counts."""
    response = discovery_pb2.DeltaDiscoveryResponse.FromString(fragment.encoded)
    assert (len(response.resources), len(response.removed_resources)) == (
        fragment.count,
        fragment.removed,
    )
    sent = {one.name: any_pb2.Any.FromString(one.resource) for one in response.resources}
    assert all(one.type_url == name for name, one in sent.items())
    after = {**held, **{name: one.value[0] for name, one in sent.items()}}
    return {name: value for name, value in after.items() if name not in response.removed_resources}


@given(_HELD, _HELD)
def test_changes_lead_from_any_batch_to_any_other(old: dict[str, int], new: dict[str, int]) -> None:
    """Proxies would drift from the state of the mesh with every push."""
    before, after = _batch(old), _batch(new)

    fragment = after.changes_since(before)

    assert _applied(fragment, old) == new
    assert fragment.count == sum(old.get(name) != number for name, number in new.items())
    assert after.changes_since(before) is fragment
    assert _applied(after.all(delta=True), {}) == new


@given(_HELD, _HELD, st.none() | _CHOSEN)
def test_a_client_that_comes_back_is_sent_what_it_lacks(
    held: dict[str, int], new: dict[str, int], names: frozenset[str] | None
) -> None:
    """A ztunnel with all workloads would be sent them all again after each reconnect."""
    batch = _batch(new, versioned=True)
    versions = {name: str(number) for name, number in held.items()}

    fragment = batch.changes_for(versions, names)

    wanted = new if names is None else {name: new[name] for name in names if name in new}
    found = _applied(fragment, held)
    assert {name: found[name] for name in wanted} == wanted
    assert all(name in new for name in found)
    assert fragment.count == sum(held.get(name) != number for name, number in wanted.items())


@given(_HELD, _CHOSEN)
def test_a_selection_has_the_names_that_are_there_and_says_which_are_not(
    contents: dict[str, int], names: frozenset[str]
) -> None:
    """A delta client waits for ever for a name that gets no answer."""
    batch = _batch(contents)
    known = {name: contents[name] for name in names if name in contents}

    delta, sotw = batch.named(names, delta=True), batch.named(names, delta=False)

    assert _applied(delta, {}) == known
    assert delta.removed == len(names - contents.keys())
    whole = discovery_pb2.DiscoveryResponse.FromString(sotw.encoded)
    assert [any_pb2.Any.FromString(one).type_url for one in whole.resources] == sorted(known)
    assert (sotw.count, sotw.removed) == (len(known), 0)
    assert batch.named(frozenset(names), delta=True) is delta


def test_selections_that_are_remembered_are_bounded() -> None:
    """Ten thousand proxies with names of their own would each keep a copy of them."""
    batch = _batch({"a": 1})
    first = batch.named(frozenset(), delta=True)

    for number in range(3 * resource_batch._SELECTIONS):
        batch.named(frozenset({str(number)}), delta=True)

    assert len(batch._selections) <= resource_batch._SELECTIONS
    assert batch.named(frozenset(), delta=True) is not first
