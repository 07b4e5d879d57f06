"""Which lists and maps of a kind merge, and by which keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.apiserver.kinds import (
    CONFIG_MAP,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    NODE,
    POD,
    REPLICA_SET,
    SERVICE,
    STATEFUL_SET,
)
from pyload.embedded.apiserver.patches.shapes import PLAIN, MergeShape, shape_of
from tests.embedded.apiserver.served import CUSTOM

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind

PORTS = shape_of(POD).child("spec").child("containers").item.child("ports")


def test_an_item_is_known_by_its_keys_whether_it_spells_the_defaults_out_or_not() -> None:
    """Two managers of one port would each own a port of their own, and double it."""
    short = {"containerPort": 80, "name": "http"}
    full = {"protocol": "TCP", "containerPort": 80}

    assert PORTS.key_of(short) == PORTS.key_of(full) == 'k:{"containerPort":80,"protocol":"TCP"}'
    assert PORTS.key_of({**short, "protocol": "UDP"}) != PORTS.key_of(short)


@given(
    st.dictionaries(st.sampled_from(["port", "protocol", "name", "nodePort"]), st.integers(0, 9))
)
def test_a_key_has_the_key_fields_of_its_item_and_nothing_else(item: dict[str, int]) -> None:
    """ManagedFields of a real server and of this one could not be compared."""
    shape = shape_of(SERVICE).child("spec").child("ports")

    key = shape.key_of(item)

    expected = {"protocol": "TCP", **{name: item[name] for name in shape.keys if name in item}}
    assert key.startswith("k:")
    assert orjson.loads(key[2:]) == expected
    assert shape.key_of(dict(reversed(item.items()))) == key


@pytest.mark.parametrize(
    "kind", [DEPLOYMENT, REPLICA_SET, STATEFUL_SET, DAEMON_SET, JOB], ids=lambda kind: kind.kind
)
def test_a_template_merges_as_the_pod_does(kind: Kind) -> None:
    """An edit of one container would remove the others from a workload, but not from a pod."""
    template = shape_of(kind).child("spec").child("template")

    assert template.child("spec") == shape_of(POD).child("spec")


@pytest.mark.parametrize("kind", [POD, NODE, CONFIG_MAP, *CUSTOM], ids=lambda kind: kind.qualified)
def test_every_kind_has_owners_and_finalizers_that_merge(kind: Kind) -> None:
    """A controller that adds its finalizer would remove those of others."""
    metadata = shape_of(kind).child("metadata")

    assert metadata.child("finalizers").is_set
    assert metadata.child("ownerReferences").keys == ("uid",)


def test_what_is_not_described_merges_field_by_field() -> None:
    """Labels of several managers would overwrite each other."""
    assert shape_of(POD).child("metadata").child("labels") == PLAIN
    assert shape_of(CONFIG_MAP).child("data").child("any").item == PLAIN


def test_a_map_of_unnamed_fields_has_the_shape_of_its_items() -> None:
    """Fields with a shape of their own come first."""
    named, other = MergeShape(is_set=True), MergeShape(atomic=True)
    shape = MergeShape({"named": named}, items=other)

    assert (shape.child("named"), shape.child("any")) == (named, other)
