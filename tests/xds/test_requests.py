"""The pieces of discovery requests, put together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.xds import requests
from pyload.xds.node import encode_node
from pyload.xds.types import CDS
from pyload.xds.wire import discovery_pb2

NODE = encode_node("sidecar~10.0.0.1~a.mesh~x", metadata=b"")


@given(st.integers(1, 15), st.binary(max_size=300) | st.just(bytes(20_000)))
def test_a_field_is_encoded_as_protobuf_does(number: int, value: bytes) -> None:
    """Every request is made of these."""
    encoded = requests.field(number, value)

    if number == 2 and value.isascii():
        parsed = discovery_pb2.Node.FromString(encoded)
        assert parsed.cluster == value.decode()
    assert encoded.endswith(value)
    assert encoded[0] == number << 3 | 2


@pytest.mark.parametrize("build", [b"", requests.field(2, b"c" * 63_000)])
@pytest.mark.parametrize("delta", [True, False])
def test_a_node_may_come_in_two_parts(build: bytes, delta: bool) -> None:  # noqa: FBT001 - cases
    """Istiod would read a node without what all Envoys share, or refuse the request."""
    request = requests.delta_type(CDS) if delta else requests.sotw_type(CDS)
    encoded = requests.with_node(request, NODE, build, delta=delta)

    kind = discovery_pb2.DeltaDiscoveryRequest if delta else discovery_pb2.DiscoveryRequest
    parsed = kind.FromString(encoded)
    assert parsed.type_url == CDS
    assert parsed.node.id == "sidecar~10.0.0.1~a.mesh~x"
    assert len(parsed.node.cluster) == (63_000 if build else 0)
    assert len(parsed.SerializeToString()) == len(encoded)
