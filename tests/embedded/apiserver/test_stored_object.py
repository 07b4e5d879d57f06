"""Objects as the store keeps them: encoded, with what is asked for often at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from pyload.embedded.apiserver.kinds import POD
from pyload.embedded.apiserver.selectors import parse_selector
from pyload.embedded.apiserver.stored_object import Recent, StoredObject

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def _pod(number: int = 0) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"p-{number}", "labels": {"app": "a"}},
        "spec": {"nodeName": "n"},
    }


def _stored(recent: Recent, number: int = 0) -> StoredObject:
    return StoredObject(("n", f"p-{number}"), _pod(number), 7, recent)


def test_an_object_is_encoded_once_per_version() -> None:
    """Thousands of watchers share one encoding; other versions only differ in apiVersion."""
    entry = _stored(Recent())

    assert entry.json("v1") is entry.json("v1")
    assert orjson.loads(entry.json("v1")) == _pod()
    assert entry.json("x/v2") is entry.json("x/v2")
    assert orjson.loads(entry.json("x/v2")) == {**_pod(), "apiVersion": "x/v2"}
    assert entry.metadata_json() is entry.metadata_json()
    assert orjson.loads(entry.metadata_json())["metadata"] == _pod()["metadata"]


def test_only_the_last_objects_stay_decoded() -> None:
    """A decoded pod takes five times its JSON, and a mesh has ten thousand."""
    recent = Recent(size=2)
    entries = [_stored(recent, number) for number in range(3)]
    kept = [entry.obj for entry in entries[1:]]

    assert [entry.obj for entry in entries[1:]] == kept
    assert entries[1].obj is kept[0]
    found = entries[0].obj
    assert found == _pod(0)
    assert entries[0].obj is found
    assert entries[1].obj is not kept[0]
    assert orjson.loads(entries[0].metadata_json())["metadata"] == _pod(0)["metadata"]


def test_equal_labels_are_kept_once() -> None:
    """The pods of an application have the same labels, each in a dict of its own otherwise."""
    recent = Recent()

    assert _stored(recent, 1).labels is _stored(recent, 2).labels


@pytest.mark.parametrize(
    ("labels", "fields", "expected"),
    [
        ("app=a", "", True),
        ("app=b", "", False),
        ("", "spec.nodeName=n", True),
        ("app=a", "spec.nodeName=m", False),
        ("app=b", "spec.nodeName=n", False),
    ],
)
def test_selectors_ask_for_labels_and_fields(labels: str, fields: str, *, expected: bool) -> None:
    """A watch shows what meets both of its selectors, whether the object is decoded or not."""
    recent = Recent(size=1)
    entry = _stored(recent)
    selector = parse_selector(POD, labels=labels, fields=fields)

    assert entry.matches(selector) is expected
    _stored(recent, 1)
    assert entry.matches(selector) is expected


def test_another_revision_is_another_object() -> None:
    """A deletion has a revision of its own, and the object before it keeps its own."""
    entry = _stored(Recent())
    later = entry.at(9)

    assert (entry.revision, later.revision) == (7, 9)
    assert later.obj["metadata"]["resourceVersion"] == "9"
    assert "resourceVersion" not in entry.obj["metadata"]
