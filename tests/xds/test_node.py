"""The identity in the first message: what istiod takes apart to find pod, labels and version."""

from __future__ import annotations

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds.node import encode_node, node_id, proxy_metadata
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


def test_metadata_has_what_istiod_reads() -> None:
    """Without these keys istiod finds no services for the proxy or refuses its token."""
    actual = proxy_metadata(
        ip="10.0.0.10",
        name="app-1",
        namespace="mesh",
        service_account="default",
        labels={"app": "app"},
        extra={"NETWORK": "n1", "NAMESPACE": "stolen", "PROXY_CONFIG": "stolen"},
    )

    assert actual == {
        "NETWORK": "n1",
        "ISTIO_VERSION": "1.24.0-pilot-load",
        "CLUSTER_ID": "Kubernetes",
        "LABELS": {"app": "app"},
        "NAME": "app-1",
        "NAMESPACE": "mesh",
        "INSTANCE_IPS": "10.0.0.10",
        "SERVICE_ACCOUNT": "default",
        "PROXY_CONFIG": {},
    }


def test_a_ztunnels_labels_are_null() -> None:
    """A ztunnel with labels would match services that select nothing else."""
    metadata = proxy_metadata(
        ip="10.0.0.1", name="z", namespace="istio-system", service_account="ztunnel", labels=None
    )

    assert metadata["LABELS"] is None


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_metadata_survives_encoding(metadata: dict[str, object]) -> None:
    """Node metadata from a user's config would reach istiod as something else."""
    node = discovery_pb2.Node.FromString(
        encode_node(type="router", ip="::1", name="gw", namespace="gw", metadata=metadata)
    )

    assert node.id == "router~::1~gw.gw~gw.svc.cluster.local"
    assert json_format.MessageToDict(node.metadata) == metadata


def test_equal_nodes_encode_alike() -> None:
    """Recordings of two runs could not be compared if key order leaked into the bytes."""
    keys = [f"K{number}" for number in range(20)]
    one = encode_node(
        type="sidecar", ip="1", name="n", namespace="n", metadata=dict.fromkeys(keys, "x")
    )
    other = encode_node(
        type="sidecar", ip="1", name="n", namespace="n", metadata=dict.fromkeys(keys[::-1], "x")
    )

    assert one == other


def test_metadata_that_is_not_json_is_an_error() -> None:
    """A set in the metadata would be dropped without a word."""
    with pytest.raises(TypeError, match="cannot hold a set"):
        encode_node(type="sidecar", ip="1", name="n", namespace="n", metadata={"A": {1}})
