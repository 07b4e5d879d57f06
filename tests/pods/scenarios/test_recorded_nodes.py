"""The bytes of nodes that follow from pods; their fields are judged beside the real proxies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from pyload.pods.reader import proxy_spec, read_pod
from pyload.proxies.identity import node_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.golden
def test_the_node_of_a_ztunnel_is_as_long_as_the_real_one(golden: Path) -> None:
    """Fields that no comparison of JSON shows would be sent with each stream."""
    pod = orjson.loads((golden / "xds" / "real-ztunnel-pod.json").read_bytes())

    assert len(node_of(proxy_spec(read_pod(pod)))) == 247


def test_a_node_has_the_fields_of_envoys_in_their_order() -> None:
    """Whoever compares bytes, or forwards them, must see no other client."""
    pod = {
        "metadata": {"uid": "u", "name": "a", "namespace": "ns"},
        "spec": {"containers": [{"name": "istio-proxy", "args": ["proxy", "router"]}]},
        "status": {"podIP": "10.0.0.1"},
    }
    encoded = memoryview(node_of(proxy_spec(read_pod(pod))))
    numbers = []
    at = 0
    while at < len(encoded):
        numbers.append(encoded[at] >> 3)
        size, shift, at = 0, 0, at + 1
        while True:
            byte = encoded[at]
            size |= (byte & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if byte < 0x80:
                break
        at += size

    assert numbers == sorted(numbers)
    assert sorted(set(numbers)) == [1, 2, 3, 4, 6, 8, 9]
