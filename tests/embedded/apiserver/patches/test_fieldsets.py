"""Sets of fields against sets of paths."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.kinds import POD
from pyload.embedded.apiserver.patches import fieldsets
from pyload.embedded.apiserver.patches.shapes import PLAIN, shape_of

PATHS = st.frozensets(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple), max_size=8
)


def _build(paths: frozenset[tuple[str, ...]]) -> fieldsets.Fields:
    root: fieldsets.Fields = {}
    for path in sorted(paths):
        node = root
        for step in path:
            node = node.setdefault("f:" + step, {})
        node["."] = {}
    return root


def _members(fields: fieldsets.Fields, prefix: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for element, node in fields.items():
        if element != ".":
            path = (*prefix, element[2:])
            if fieldsets.is_member(node):
                found.add(path)
            found |= _members(node, path)
    return found


@given(PATHS, PATHS)
def test_sets_of_fields_are_sets(one: Any, other: Any) -> None:
    """Ownership of fields would leak or vanish if the algebra were off."""
    left, right = _build(one), _build(other)

    assert _members(fieldsets.union(left, right)) == one | other
    assert _members(fieldsets.difference(left, right)) == one - other
    assert _members(fieldsets.intersection(left, right)) == one & other
    assert _members(left) == one


def test_a_config_owns_leaves_and_items() -> None:
    """Kubectl shows these sets; they must look as a real server's."""
    config = {
        "metadata": {"labels": {"a": "b"}, "finalizers": ["x"]},
        "spec": {
            "containers": [{"name": "c", "ports": [{"containerPort": 80}]}],
            "nodeSelector": {"a": "b"},
            "tolerations": [{"key": "k"}],
        },
    }

    assert fieldsets.of_config(config, shape_of(POD)) == {
        "f:metadata": {"f:labels": {"f:a": {}}, "f:finalizers": {'v:"x"': {}}},
        "f:spec": {
            "f:containers": {
                'k:{"name":"c"}': {
                    ".": {},
                    "f:name": {},
                    "f:ports": {
                        'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}
                    },
                }
            },
            "f:nodeSelector": {},
            "f:tolerations": {},
        },
    }


def test_changes_are_found_by_key() -> None:
    """A reordered list must not count as a change, a changed item only where it changed."""
    old = {
        "spec": {"containers": [{"name": "a", "image": "1"}, {"name": "b"}], "nodeName": "n"},
        "metadata": {"finalizers": ["x", "y"]},
    }
    new = {
        "spec": {"containers": [{"name": "c"}, {"name": "a", "image": "2"}]},
        "metadata": {"finalizers": ["y", "z"]},
        "status": {"phase": {"deep": 1}},
    }

    changed, removed = fieldsets.compare(old, new, shape_of(POD))

    assert sorted(fieldsets.paths(changed)) == [
        '.metadata.finalizers[="z"]',
        '.spec.containers[name="a"].image',
        '.spec.containers[name="c"]',
        '.spec.containers[name="c"].name',
        ".status",
        ".status.phase",
        ".status.phase.deep",
    ]
    assert sorted(fieldsets.paths(removed)) == [
        '.metadata.finalizers[="x"]',
        '.spec.containers[name="b"]',
        '.spec.containers[name="b"].name',
        ".spec.nodeName",
    ]


@given(st.dictionaries(st.text("ab", max_size=2), st.integers(0, 2) | st.lists(st.integers(0, 1))))
def test_nothing_changes_between_equal_objects(obj: Any) -> None:
    """An idempotent update must leave managedFields alone."""
    assert fieldsets.compare(obj, dict(obj), PLAIN) == ({}, {})
