"""How proxies introduce themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from google.protobuf import json_format

from pyload.proxies.identity import NodeEncoder, NodeOptions, node_of, principal_of
from pyload.proxies.spec import ProxySpec
from pyload.xds.credentials import Principal
from pyload.xds.envoy import encoded_build
from pyload.xds.wire import discovery_pb2

BARE = NodeOptions(full=False)
SPEC = ProxySpec(
    key="k",
    type="sidecar",
    ip="10.0.0.1",
    name="app-1",
    namespace="mesh",
    service_account="app",
    labels={"app": "app"},
    metadata={"NETWORK": "n1", "SERVICE_ACCOUNT": "stolen"},
    cluster_id="primary",
    own=(("NODE_NAME", "node-1"),),
    workload="app-v1",
    locality="eu/a",
)
ZTUNNEL = replace(SPEC, type="ztunnel", name="ztunnel-1", labels=None, metadata={})


def _parsed(node: bytes) -> tuple[discovery_pb2.Node, dict[str, Any]]:
    parsed = discovery_pb2.Node.FromString(node)
    metadata: dict[str, Any] = json_format.MessageToDict(parsed.metadata)
    return parsed, metadata


def _joined(nodes: NodeEncoder, spec: ProxySpec) -> bytes:
    return b"".join(nodes.encode(spec))


def _metadata(spec: ProxySpec, options: NodeOptions) -> dict[str, Any]:
    return _parsed(node_of(spec, options))[1]


def test_a_full_node_is_that_of_an_envoy() -> None:
    """Istiod keeps the node; with a small one a load test shows a fifth of its memory."""
    encoded = node_of(SPEC)
    node, metadata = _parsed(encoded)

    assert node.id == "sidecar~10.0.0.1~app-1.mesh~mesh.svc.cluster.local"
    assert (node.cluster, node.locality.region, node.locality.zone) == ("app.mesh", "eu", "a")
    assert encoded.endswith(encoded_build())
    assert 62_000 < len(encoded) < 64_000
    assert metadata["NODE_NAME"] == "node-1"
    assert metadata["NETWORK"] == "n1"
    assert metadata["SERVICE_ACCOUNT"] == "app"
    assert metadata["WORKLOAD_NAME"] == "app-v1"
    assert metadata["ISTIO_VERSION"] == "unknown"


def test_a_bare_node_is_that_of_pilot_load() -> None:
    """Figures could not be compared with those that pilot-load gave."""
    node, metadata = _parsed(node_of(SPEC, BARE))

    assert (node.cluster, node.HasField("locality")) == ("", False)
    assert metadata == {
        "NETWORK": "n1",
        "ISTIO_VERSION": "unknown",
        "CLUSTER_ID": "primary",
        "LABELS": {"app": "app"},
        "NAME": "app-1",
        "NAMESPACE": "mesh",
        "INSTANCE_IPS": "10.0.0.1",
        "SERVICE_ACCOUNT": "app",
        "PROXY_CONFIG": {},
    }
    assert len(node_of(SPEC, BARE)) < 400


def test_a_ztunnel_has_a_small_node() -> None:
    """A real one sends 247 bytes; one with labels would match services that select nothing else."""
    node, metadata = _parsed(node_of(ZTUNNEL))

    assert (node.cluster, node.HasField("locality")) == ("", False)
    assert metadata == {
        "CLUSTER_ID": "primary",
        "ENABLE_HBONE": "true",
        "INSTANCE_IPS": "10.0.0.1",
        "NAME": "ztunnel-1",
        "NAMESPACE": "mesh",
        "NODE_NAME": "node-1",
    }
    assert _metadata(ZTUNNEL, BARE)["LABELS"] is None


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("is_final", [True, False])
def test_what_the_user_says_wins(full: bool, is_final: bool) -> None:  # noqa: FBT001 - cases
    """``--metadata ISTIO_VERSION=1.31.0`` did nothing, in kwok mode nor elsewhere."""
    given = {"ISTIO_VERSION": "1.31.0", "CLUSTER_ID": "c", "NAME": "x", "NODE_NAME": "y"}
    options = NodeOptions(full=full, istio_version="1.30.0", metadata=given)
    spec = replace(SPEC, metadata_is_final=is_final, metadata={"ISTIO_VERSION": "1.29.0"})

    assert given.items() <= _metadata(spec, options).items()
    assert given.items() <= _metadata(replace(spec, type="ztunnel"), options).items()


def test_the_version_is_the_flags_or_the_pods_or_the_control_planes() -> None:
    """Istiod writes other filters for proxies that are older than itself."""
    of_a_pod = replace(SPEC, metadata_is_final=True, metadata={"ISTIO_VERSION": "1.29.0"})

    def versions(nodes: NodeEncoder) -> tuple[str, str]:
        one, other = (_parsed(_joined(nodes, spec))[1] for spec in (of_a_pod, SPEC))
        return one["ISTIO_VERSION"], other["ISTIO_VERSION"]

    assert versions(NodeEncoder()) == ("1.29.0", "unknown")
    assert versions(NodeEncoder(NodeOptions(istio_version="1.30.1"))) == ("1.30.1", "1.30.1")
    learning = NodeEncoder()
    learning.learn("1.31.0-a8d7012191eb55ad-Clean")
    assert versions(learning) == ("1.29.0", "1.31.0")
    pilot_load = NodeEncoder(NodeOptions(assumed_version="1.24.0-pilot-load"))
    pilot_load.learn("1.31.0")
    assert versions(pilot_load) == ("1.29.0", "1.24.0-pilot-load")
    assert "ISTIO_VERSION" not in _parsed(_joined(learning, ZTUNNEL))[1]


@pytest.mark.parametrize(
    ("identifier", "version"),
    [
        ('{"Component":"istiod","ID":"istiod-1","Info":{"version":"1.24.2"}}', "1.24.2"),
        (
            '{"Info":{"version":"1.32-alpha.86c9f01-86c9f01a0b1c2d3e-Modified"}}',
            "1.32-alpha.86c9f01",
        ),
        ('{"Info":{"version":"unknown"}}', "unknown"),
        ('{"Info":{}}', "unknown"),
        ('"1.24.2"', "unknown"),
        ("istiod-1", "unknown"),
    ],
)
def test_a_control_plane_may_say_its_version(identifier: str, version: str) -> None:
    """Istiods up to 1.27 name themselves in every response; what is no version does no harm."""
    nodes = NodeEncoder()
    nodes.learn_identifier(identifier)

    assert _parsed(_joined(nodes, SPEC))[1]["ISTIO_VERSION"] == version


def test_a_workload_is_encoded_once_for_all_of_its_proxies() -> None:
    """Each of 10,000 dials would encode 60 entries anew; and no proxy must get another's."""
    nodes = NodeEncoder()
    labels = {"app": "other"}
    one = nodes.encode(SPEC)
    assert nodes.encode(replace(SPEC, name="app-2"))[0].count(b"app-2") == 2
    assert b"other" in nodes.encode(replace(SPEC, labels=labels))[0]
    assert b"ns-2" in nodes.encode(replace(SPEC, namespace="ns-2"))[0]
    assert nodes.encode(SPEC) == one
    assert len(nodes._workloads) == 3
    for number in range(2_000):
        nodes.encode(replace(SPEC, workload=f"w-{number}"))
    assert len(nodes._workloads) < 1_100


def test_a_principal_is_that_of_the_spec() -> None:
    """A proxy would show the token of another account, or go to another control plane."""
    spec = ProxySpec(
        key="uid-1",
        type="sidecar",
        ip="10.0.0.1",
        name="app-1",
        namespace="mesh",
        service_account="app",
        cluster_id="primary",
        address="istiod.other:15012",
    )
    assert principal_of(spec) == Principal(
        namespace="mesh",
        service_account="app",
        cluster_id="primary",
        proxy="uid-1",
        address="istiod.other:15012",
    )
