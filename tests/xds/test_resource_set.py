"""Shared states: what many proxies hold in common must be one object and never change."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.resource_set import NO_NAMES, NO_RESOURCES, NameSet, ResourceSet, refs
from pyload.xds.resources import Resource
from pyload.xds.types import EDS, RDS, SDS
from pyload.xds.wire import discovery_pb2

RESOURCES = st.builds(
    lambda name, targets: Resource(name, ((EDS, tuple(sorted(targets))),) if targets else ()),
    st.sampled_from("abcd"),
    st.sets(st.sampled_from("uvwxyz"), max_size=3),
)


def test_equal_names_are_one_object_whose_bytes_are_sorted() -> None:
    """Every proxy would encode and keep its own list of names."""
    one, other = NameSet.of(["b", "a", "b"]), NameSet.of(["a", "b"])

    assert one is other
    assert list(discovery_pb2.DiscoveryRequest.FromString(one.encoded).resource_names) == [
        "a",
        "b",
    ]
    assert list(
        discovery_pb2.DeltaDiscoveryRequest.FromString(one.encoded).resource_names_subscribe
    ) == ["a", "b"]


def test_names_that_nobody_uses_are_forgotten() -> None:
    """A long run with churn would keep every list of names that it ever saw."""
    NameSet.of(["forgotten"])
    gc.collect()

    assert frozenset(["forgotten"]) not in NameSet._shared


def test_equal_resource_sets_are_one_object_in_any_order() -> None:
    """Istiod's order of resources differs between proxies; each would keep its own copy."""
    a, b = Resource("a", ((EDS, ("x",)),)), Resource("b", ((RDS, ("y",)),))

    assert ResourceSet.of([a, b]) is ResourceSet.of([b, a])
    assert NO_RESOURCES.updated([b], []).updated([a], []) is ResourceSet.of([a, b])


@given(
    st.lists(
        st.tuples(st.lists(RESOURCES, max_size=4), st.sets(st.sampled_from("abcd"), max_size=2)),
        max_size=6,
    )
)
def test_references_are_those_of_the_present_resources(
    updates: list[tuple[list[Resource], set[str]]],
) -> None:
    """References that are gone would stay subscribed, or shared ones be given up (D6)."""
    resource_set, model = NO_RESOURCES, dict[str, Resource]()
    for changed, removed in updates:
        before = dict(resource_set.by_name)
        after = resource_set.updated(changed, removed)
        assert dict(resource_set.by_name) == before
        resource_set = after
        for name in removed:
            model.pop(name, None)
        model |= {resource.name: resource for resource in changed}

        assert dict(resource_set.by_name) == model
        assert resource_set.refs(EDS).members == {
            name for one in model.values() for _, names in one.refs for name in names
        }


def test_names_of_several_resource_sets_are_joined() -> None:
    """A gateway's secrets come from clusters and listeners both."""
    one = ResourceSet.of([Resource("a", ((SDS, ("s", "t")),))])
    other = ResourceSet.of([Resource("b", ((SDS, ("t", "u")),))])

    assert refs(SDS, one, other) is NameSet.of("stu")
    assert refs(SDS, one, NO_RESOURCES) is one.refs(SDS)
    assert refs(SDS, NO_RESOURCES) is NO_NAMES
