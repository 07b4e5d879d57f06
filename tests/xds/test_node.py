"""The identity in the first message: what istiod takes apart to find pod, labels and version."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.node import encode_envoy_node, encode_metadata, encode_node, node_id
from pyload.xds.wire import discovery_pb2

JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_the_id_has_istiods_four_parts() -> None:
    """Istiod refuses a node whose id has other than four parts, and finds the pod by the third."""
    actual = node_id(type="sidecar", ip="10.0.0.10", name="app-1", namespace="mesh")

    assert actual == "sidecar~10.0.0.10~app-1.mesh~mesh.svc.cluster.local"


@given(st.dictionaries(st.text(), JSON, max_size=5), st.dictionaries(st.text(), JSON, max_size=5))
def test_metadata_survives_encoding(shared: dict[str, object], own: dict[str, object]) -> None:
    """Node metadata from a user's config would reach istiod as something else."""
    metadata = encode_metadata(shared) + encode_metadata(own)
    node = discovery_pb2.Node.FromString(encode_node("router~::1~gw.gw~x", metadata=metadata))

    assert node.id == "router~::1~gw.gw~x"
    assert json_format.MessageToDict(node.metadata) == {**shared, **own}


@pytest.mark.parametrize(
    ("locality", "expected"),
    [
        ("", {}),
        ("eu", {"region": "eu"}),
        ("eu/a", {"region": "eu", "zone": "a"}),
        ("eu/a/rack/7", {"region": "eu", "zone": "a", "sub_zone": "rack/7"}),
        ("/a", {"zone": "a"}),
    ],
)
def test_an_envoy_says_where_it_runs(locality: str, expected: dict[str, str]) -> None:
    """Istiod takes the locality of the node where it knows no pod, and always gets the field."""
    encoded = encode_envoy_node("i", cluster="app.mesh", metadata=b"", locality=locality)

    node = discovery_pb2.Node.FromString(encoded)
    assert (node.cluster, node.HasField("locality")) == ("app.mesh", True)
    assert node.locality == discovery_pb2.Locality(**expected)


def test_equal_metadata_encodes_alike() -> None:
    """Recordings of two runs could not be compared if key order leaked into the bytes."""
    keys = [f"K{number}" for number in range(20)]

    one = encode_metadata(dict.fromkeys(keys, "x"))
    assert one == encode_metadata(dict.fromkeys(keys[::-1], "x"))


def test_metadata_that_is_not_json_is_an_error() -> None:
    """A set in the metadata would be dropped without a word."""
    with pytest.raises(TypeError, match="cannot hold a set"):
        encode_metadata({"A": {1}})
