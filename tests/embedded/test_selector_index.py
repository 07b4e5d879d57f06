"""Tests of the index of services' selectors."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controlplane.model import Key
from pyload.embedded.selector_index import SelectorIndex

_KEYS = st.builds(Key, st.sampled_from("ab"), st.sampled_from("pqr"))
_ENTRIES = st.tuples(st.sampled_from("xyz"), st.sampled_from("01"))
_SELECTORS = st.none() | st.frozensets(_ENTRIES, min_size=1, max_size=3)


@given(st.lists(st.tuples(_KEYS, _SELECTORS), max_size=12), _KEYS, st.frozensets(_ENTRIES))
def test_a_workload_is_selected_by_exactly_its_services(
    changes: list[tuple[Key, frozenset[tuple[str, str]] | None]],
    workload: Key,
    labels: frozenset[tuple[str, str]],
) -> None:
    """A service that is found too little has no endpoints; one too many gets foreign ones."""
    index: SelectorIndex[Key] = SelectorIndex()
    selectors: dict[Key, frozenset[tuple[str, str]] | None] = {}
    for service, selector in changes:
        index.remove(service, selectors.get(service))
        index.add(service, selector)
        selectors[service] = selector

    assert index.selecting(workload.namespace, labels) == {
        service
        for service, selector in selectors.items()
        if service.namespace == workload.namespace and selector is not None and selector <= labels
    }


def test_removed_selectors_leave_nothing_behind() -> None:
    """Churn of services would fill the memory of a long run."""
    index: SelectorIndex[Key] = SelectorIndex()
    service, selector = Key("mesh", "app"), frozenset({("app", "a"), ("track", "stable")})
    index.add(service, selector)
    index.remove(service, selector)

    assert not index._by_entry
