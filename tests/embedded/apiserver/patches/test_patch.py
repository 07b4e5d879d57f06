"""Merge patch, JSON patch and strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.kinds import NAMESPACE, POD, SERVICE
from pyload.embedded.apiserver.patches.patch import json_patch, merge_patch, strategic_merge_patch
from pyload.embedded.apiserver.patches.shapes import shape_of
from pyload.embedded.apiserver.refusals import Refused

SCALARS = st.booleans() | st.integers(-3, 3) | st.text("ab/~", max_size=3)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner),
    max_leaves=12,
)
MAPS = st.dictionaries(st.text("ab/~", max_size=2), DOCUMENTS, max_size=4)


def _merge_diff(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        if name not in old or old[name] != value or type(old[name]) is not type(value):
            patch[name] = _merge_diff(old.get(name), value)
    return patch


@given(MAPS, MAPS)
def test_a_merge_patch_turns_one_object_into_the_other(old: Any, new: Any) -> None:
    """Kubectl edits custom resources by merge patches that it computes."""
    before = copy.deepcopy(old)

    assert merge_patch(old, _merge_diff(old, new)) == new
    assert old == before


def test_merge_patch_follows_the_rfc() -> None:
    """RFC 7386: nulls remove, lists are replaced, scalars give way to maps."""
    target = {"a": "b", "c": {"d": "e", "f": "g"}, "l": [1, 2]}
    patch = {"a": "z", "c": {"f": None}, "l": [3], "n": {"m": {"x": None, "y": 1}}}

    expected = {"a": "z", "c": {"d": "e"}, "l": [3], "n": {"m": {"y": 1}}}
    assert merge_patch(target, patch) == expected
    assert merge_patch({"a": [1]}, {"a": {"b": 1}}) == {"a": {"b": 1}}


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _json_diff(old: Any, new: Any, path: str = "") -> list[dict[str, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        operations = []
        for name in old:
            at = f"{path}/{_escape(name)}"
            if name in new:
                operations += _json_diff(old[name], new[name], at)
            else:
                operations.append({"op": "remove", "path": at})
        for name in new:
            if name not in old:
                at = f"{path}/{_escape(name)}"
                operations.append({"op": "add", "path": at, "value": new[name]})
        return operations
    if isinstance(old, list) and isinstance(new, list):
        removals = [{"op": "remove", "path": f"{path}/0"} for _ in old]
        return removals + [{"op": "add", "path": f"{path}/-", "value": item} for item in new]
    if old == new and type(old) is type(new):
        return [{"op": "test", "path": path, "value": old}]
    return [{"op": "replace", "path": path, "value": new}]


@given(DOCUMENTS, DOCUMENTS)
def test_a_json_patch_turns_one_document_into_the_other(old: Any, new: Any) -> None:
    """Istiod patches webhooks with JSON patches."""
    before = copy.deepcopy(old)

    assert json_patch(old, _json_diff(old, new)) == new
    assert old == before


def test_json_patch_reaches_into_lists() -> None:
    """Webhooks are patched inside a list."""
    target = {"webhooks": [{"a": 1}, {"b": 2}], "l": [1]}
    operations = [
        {"op": "add", "path": "/webhooks/1/c", "value": 3},
        {"op": "replace", "path": "/l/0", "value": 2},
    ]

    patched = json_patch(target, operations)

    assert patched == {"webhooks": [{"a": 1}, {"b": 2, "c": 3}], "l": [2]}


def test_json_patch_moves_and_copies() -> None:
    """The two operations with a source must leave or keep it."""
    target = {"a": {"b": [1, 2]}, "c": 3}
    operations = [
        {"op": "move", "from": "/c", "path": "/a/b/1"},
        {"op": "copy", "from": "/a/b", "path": "/d"},
        {"op": "test", "path": "/d/1", "value": 3},
    ]

    assert json_patch(target, operations) == {"a": {"b": [1, 3, 2]}, "d": [1, 3, 2]}


def test_a_json_patch_takes_a_field_that_is_not_there_for_null() -> None:
    """Istiod gives ServiceEntries their addresses so; refused, it tries again without end."""
    operations = [
        {"op": "test", "path": "/status", "value": None},
        {"op": "add", "path": "/status", "value": {}},
        {"op": "add", "path": "/status/addresses", "value": ["240.240.0.1"]},
    ]

    assert json_patch({}, operations) == {"status": {"addresses": ["240.240.0.1"]}}


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ({"op": "add"}, 400),
        ([{"op": "add"}], 400),
        ([{"op": "nothing", "path": "/a"}], 422),
        ([{"op": "test", "path": "/a", "value": 2}], 422),
        ([{"op": "test", "path": "/b", "value": 2}], 422),
        ([{"op": "test", "path": "/b/c", "value": None}], 422),
        ([{"op": "test", "path": "/a", "value": None}], 422),
        ([{"op": "remove", "path": "/b"}], 422),
        ([{"op": "remove", "path": ""}], 422),
        ([{"op": "replace", "path": "/b", "value": 1}], 422),
        ([{"op": "add", "path": "/a/b", "value": 1}], 422),
        ([{"op": "add", "path": "a", "value": 1}], 422),
        ([{"op": "add", "path": "/l/9", "value": 1}], 422),
        ([{"op": "add", "path": "/l/0/x", "value": 1}], 422),
        ([{"op": "add", "path": "/l/01", "value": 1}], 422),
        ([{"op": "add", "path": "/n/m", "value": 1}], 422),
        ([{"op": "add", "path": "/a"}], 422),
        ([{"op": "move", "from": "/l", "path": "/l/0"}], 422),
        ([{"op": "copy", "from": "/l/x", "path": "/b"}], 422),
        ([{"op": "test", "path": "/a", "value": 1}] * 10_001, 413),
    ],
)
def test_json_patches_that_fail_are_refused(operations: Any, code: int) -> None:
    """A patch must apply as a whole or not at all, with the code of a real server."""
    with pytest.raises(Refused) as refused:
        json_patch({"a": 1, "l": [1]}, operations)

    assert refused.value.code == code


def test_strategic_merge_patch_merges_keyed_lists() -> None:
    """`kubectl set image` would wipe the other containers without list keys."""
    pod = {
        "spec": {
            "containers": [
                {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]},
                {"name": "b", "image": "1"},
            ],
            "tolerations": [{"key": "x"}],
        }
    }
    patch = {
        "spec": {
            "containers": [
                {"name": "a", "image": "2", "env": [{"name": "Y", "value": "2"}]},
                {"name": "c", "image": "3"},
                {"name": "b", "$patch": "delete"},
            ],
            "tolerations": [{"key": "y"}],
        }
    }

    spec = strategic_merge_patch(pod, patch, shape_of(POD))["spec"]

    env = [{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]
    assert spec["containers"] == [
        {"name": "a", "image": "2", "env": env},
        {"name": "c", "image": "3"},
    ]
    assert spec["tolerations"] == [{"key": "y"}]


def test_strategic_merge_patch_obeys_directives() -> None:
    """`kubectl apply` sends orders, replacements and retained keys."""
    service = {
        "metadata": {"finalizers": ["a", "b"], "labels": {"x": "1", "y": "2"}},
        "spec": {"ports": [{"port": 1}, {"port": 2}], "selector": {"a": "b"}},
    }
    patch = {
        "metadata": {
            "$deleteFromPrimitiveList/finalizers": ["a"],
            "finalizers": ["c"],
            "labels": {"$retainKeys": ["x"], "x": "3"},
        },
        "spec": {
            "$setElementOrder/ports": [{"port": 3}, {"port": 2}, {"port": 1}],
            "ports": [{"port": 3, "name": "new"}],
            "selector": {"$patch": "replace", "c": "d"},
        },
    }

    patched = strategic_merge_patch(service, patch, shape_of(SERVICE))

    assert patched["metadata"] == {"finalizers": ["c", "b"], "labels": {"x": "3"}}
    assert patched["spec"] == {
        "ports": [{"port": 3, "name": "new"}, {"port": 2}, {"port": 1}],
        "selector": {"c": "d"},
    }


@pytest.mark.parametrize(
    ("names", "order", "result"),
    [
        ("d", "", "dabc"),
        ("b", "", "abc"),
        ("ca", "", "bca"),
        ("", "ca", "bca"),
        ("d", "bda", "bdac"),
    ],
)
def test_items_of_a_patch_stand_where_a_real_server_puts_them(
    names: str, order: str, result: str
) -> None:
    """A container that `kubectl patch` adds comes first, and its logs are the default."""
    pod = {"spec": {"containers": [{"name": name} for name in "abc"]}}
    spec = {"containers": [{"name": name} for name in names]}
    if order:
        spec["$setElementOrder/containers"] = [{"name": name} for name in order]

    patched = strategic_merge_patch(pod, {"spec": spec}, shape_of(POD))

    assert "".join(item["name"] for item in patched["spec"]["containers"]) == result


def test_strategic_merge_patch_forgives_what_is_not_there() -> None:
    """Orders and deletions of what is absent change nothing."""
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "a"}],
            "volumes": [{"name": "v", "$patch": "delete"}],
        }
    }

    assert strategic_merge_patch({}, patch, shape_of(POD)) == {"spec": {"volumes": []}}


def test_strategic_merge_patch_replaces_and_removes() -> None:
    """A list may be replaced whole, a map emptied, a field removed."""
    pod = {"spec": {"containers": [{"name": "a"}], "nodeSelector": {"x": "y"}, "nodeName": "n"}}
    patch = {
        "spec": {
            "containers": [{"$patch": "replace"}, {"name": "b"}],
            "nodeSelector": {"$patch": "delete"},
            "nodeName": None,
        }
    }

    patched = strategic_merge_patch(pod, patch, shape_of(POD))

    assert patched == {"spec": {"containers": [{"name": "b"}], "nodeSelector": {}}}


@pytest.mark.parametrize(
    "patch",
    [
        {"$patch": "explode"},
        {"$what": 1},
        {"status": {"conditions": [{"status": "True"}]}},
    ],
)
def test_strategic_merge_patches_that_make_no_sense_are_refused(patch: dict[str, Any]) -> None:
    """A bad directive must not end up in the object."""
    with pytest.raises(Refused) as refused:
        strategic_merge_patch({}, patch, shape_of(NAMESPACE))

    assert refused.value.code == 400
