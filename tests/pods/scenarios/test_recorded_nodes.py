"""The nodes that follow from pods, beside those that real proxies in these pods have sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from google.protobuf import json_format

from pyload.pods.reader import proxy_spec, read_pod
from pyload.proxies.identity import node_of
from pyload.xds.wire import discovery_pb2, envoy_pb2

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj

_TAKEN_OUT: Final = {"WORKLOAD_IDENTITY_SOCKET_FILE": "socket"}
"""What an agent sends, and those who recorded it have cut out of the files."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A proxy that was recorded.

    Attributes:
        name: Name of the recording.
        pod: Name of its pod's file.
        size: Bytes of the node; None where what was cut out changes it.
    """

    name: str
    pod: str
    size: int | None = None


_RECORDINGS: Final = (
    Recording("envoy-sidecar-delta", "envoy-sidecar-pod"),
    Recording("envoy-sidecar-sotw", "envoy-sidecar-pod"),
    Recording("envoy-waypoint-delta", "real-waypoint-pod"),
    Recording("real-ztunnel-delta", "real-ztunnel-pod", size=247),
)


def _recorded(golden: Path, name: str) -> Obj:
    lines = (golden / "xds" / f"{name}.jsonl").read_bytes().splitlines()
    node: Obj = next(one["node"] for one in map(orjson.loads, lines) if one["dir"] == "req")
    return node


def _as_json(node: bytes) -> dict[str, Any]:
    """Return all fields of a node, as the recording has them."""
    fields: dict[str, Any] = {}
    for kind in (discovery_pb2.Node, envoy_pb2.EnvoyBuild):
        fields |= json_format.MessageToDict(kind.FromString(node), preserving_proto_field_name=True)
    return fields


@pytest.mark.golden
@pytest.mark.parametrize("recording", _RECORDINGS, ids=lambda one: one.name)
def test_a_node_is_that_of_the_real_proxy(golden: Path, recording: Recording) -> None:
    """A load test is worth what its clients are like: istiod keeps the node, and writes by it."""
    pod: Obj = orjson.loads((golden / "xds" / f"{recording.pod}.json").read_bytes())
    theirs = _recorded(golden, recording.name)

    encoded = node_of(proxy_spec(read_pod(pod)))
    ours = _as_json(encoded)
    if "extensions" in theirs:
        for name, value in _TAKEN_OUT.items():
            assert ours["metadata"].pop(name) == value

    assert ours.keys() == theirs.keys()
    for name in theirs.keys() - {"metadata"}:
        assert ours[name] == theirs[name], name
    assert ours["metadata"] == theirs["metadata"]
    assert recording.size in (None, len(encoded))


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
