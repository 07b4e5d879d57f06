"""Pods as they are kept, and the proxies that follow from them."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from pyload.pods.identity import IdentityPool
from pyload.pods.reader import proxy_spec, read_pod
from pyload.pods.reasons import Skip
from pyload.proxies.identity import node_of
from pyload.xds.wire import discovery_pb2
from tests.pods.injected import pod, proxy_container

if TYPE_CHECKING:
    from pathlib import Path


def test_a_pod_is_reduced_to_what_decides() -> None:
    """A proxy would start for a pod without an IP, or never stop for one that is gone."""
    record = read_pod(pod("a", ip="10.0.0.1", deletion=30))

    assert (record.uid, record.namespace, record.name, record.node) == (
        "uid-a",
        "mesh",
        "a",
        "kwok-0",
    )
    assert (record.ips, record.ip, record.phase) == (("10.0.0.1",), "10.0.0.1", "Running")
    assert (record.ready, record.terminating, record.killed) == (True, True, False)
    assert record.host_network is False
    assert read_pod(pod("a", ip="10.0.0.1", deletion=0)).killed


def test_a_pod_that_has_just_been_made_is_empty() -> None:
    """The first event of every pod has no status worth the name."""
    record = read_pod({"metadata": {"name": "a", "uid": "u", "namespace": "mesh"}})

    assert (record.node, record.ips, record.ip, record.phase) == ("", (), "", "")
    assert (record.ready, record.terminating) == (False, False)
    assert record.identity == Skip("not a mesh proxy")


def test_the_spec_is_what_the_agent_would_send() -> None:
    """Istiod would not find the pod, or refuse the proxy for another account's name."""
    container = proxy_container(
        native=True,
        ISTIO_META_WORKLOAD_NAME="app-v1",
        ISTIO_META_POD_PORTS='[\n  {"containerPort":80,"protocol":"TCP"}\n]',
        ISTIO_METAJSON_EXTRA='{"A":"1","B":"2"}',
        PROXY_CONFIG='{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"true","OTHER":"x"}}',
    )
    spec = proxy_spec(read_pod(pod("a", ip="10.0.0.1", proxy=container)))

    assert spec.key == "uid-a"
    assert (spec.type, spec.ip, spec.name, spec.namespace) == ("sidecar", "10.0.0.1", "a", "mesh")
    assert (spec.service_account, spec.cluster_id) == ("sa", "Kubernetes")
    assert spec.domain == "mesh.svc.cluster.local"
    assert spec.address == "istiod.istio-system.svc:15012"
    assert spec.labels == {"app": "app", "service.istio.io/canonical-name": "app"}
    metadata = {**spec.metadata, **dict(spec.own)}
    config = metadata.pop("PROXY_CONFIG")
    assert isinstance(config, dict)
    assert config["proxyMetadata"] == {"ISTIO_META_DNS_CAPTURE": "true", "OTHER": "x"}
    assert metadata == {
        "A": "1",
        "B": "2",
        "ANNOTATIONS": {"istio.io/rev": "default"},
        "CLUSTER_ID": "Kubernetes",
        "DNS_CAPTURE": "true",
        "ENVOY_PROMETHEUS_PORT": 15090,
        "ENVOY_SKIP_DEPRECATED_LOGS": "true",
        "ENVOY_STATUS_PORT": 15021,
        "INSTANCE_IPS": "10.0.0.1",
        "ISTIO_VERSION": "1.27.1",
        "LABELS": {"app": "app", "service.istio.io/canonical-name": "app"},
        "METADATA_DISCOVERY": "false",
        "NAME": "a",
        "NAMESPACE": "mesh",
        "NODE_NAME": "kwok-0",
        "PILOT_SAN": ["istiod.istio-system.svc"],
        "POD_PORTS": '[{"containerPort":80,"protocol":"TCP"}]',
        "SERVICE_ACCOUNT": "sa",
        "WORKLOAD_IDENTITY_SOCKET_FILE": "socket",
        "WORKLOAD_NAME": "app-v1",
    }


def test_the_node_is_made_of_the_spec_and_of_nothing_else() -> None:
    """Keys of pilot-load's proxies would mix with those of the pod."""
    container = proxy_container()
    container["args"] = ["proxy", "sidecar", "--domain=mesh.svc.example.org"]
    node = discovery_pb2.Node()
    spec = proxy_spec(read_pod(pod("a", ip="10.0.0.1", proxy=container)))
    node.ParseFromString(node_of(spec))

    assert node.id == "sidecar~10.0.0.1~a.mesh~mesh.svc.example.org"
    assert set(node.metadata.fields) == {*spec.metadata, *dict(spec.own)}
    assert node.metadata.fields["PROXY_CONFIG"].struct_value.fields["statusPort"].number_value


def test_a_ztunnel_sends_little() -> None:
    """Istiod looks for a ztunnel's pods by its node's name."""
    container = proxy_container("ztunnel", NODE_NAME="kwok-0", XDS_ADDRESS="https://istiod:15012")
    container["env"] = [each for each in container["env"] if "NODE" not in each["name"]]
    spec = proxy_spec(read_pod(pod("z", ip="10.0.0.9", proxy=container)))

    assert (spec.type, spec.labels, spec.address) == ("ztunnel", None, "istiod:15012")
    assert {**spec.metadata, **dict(spec.own)} == {
        "CLUSTER_ID": "Kubernetes",
        "INSTANCE_IPS": "10.0.0.9",
        "NAME": "z",
        "NAMESPACE": "mesh",
        "NODE_NAME": "kwok-0",
    }


def test_all_ips_are_named_the_main_one_first() -> None:
    """Istiod would build listeners for one family of a dual-stack pod only."""
    obj = pod("a", ip="10.0.0.1")
    obj["status"]["podIPs"] = [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]

    assert dict(proxy_spec(read_pod(obj)).own)["INSTANCE_IPS"] == "10.0.0.1,fd00::1"


def test_what_the_user_says_wins_over_the_pod() -> None:
    """Outside the cluster, the pod's own address leads nowhere."""
    record = read_pod(pod("a", ip="10.0.0.1"))
    mapped = {"istiod.istio-system.svc:15012": "localhost:15012"}

    assert proxy_spec(record, address_map=mapped).address == "localhost:15012"
    assert proxy_spec(record, address_map={"x": "y"}).address == "istiod.istio-system.svc:15012"
    assert proxy_spec(record, address_map=mapped, address="here:1").address == "here:1"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/proxyv2:1.27.1", "1.27.1"),
        ("proxyv2:1.27.1-distroless", "1.27.1"),
        ("localhost:5000/proxyv2:1.28-alpha.0-debug", "1.28-alpha.0"),
        ("proxyv2:1.27.1@sha256:00ff", "1.27.1"),
        ("localhost:5000/proxyv2", None),
        ("proxyv2:latest", None),
        ("proxyv2:20261127", None),
        ("", None),
    ],
)
def test_the_version_comes_from_the_image(image: str, version: str | None) -> None:
    """Istiod gates parts of its config by the proxy's version."""
    container = {**proxy_container(), "image": image}

    spec = proxy_spec(read_pod(pod("a", proxy=container)))
    assert spec.metadata.get("ISTIO_VERSION") == version


def test_reading_a_pod_is_fast() -> None:
    """100,000 pods are listed at the start, and each changes several times."""
    obj = pod("a", ip="10.0.0.1", proxy=proxy_container(native=True))
    identities = IdentityPool()
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        for _ in range(50):
            read_pod(obj, identities)
        best = min(best, (time.perf_counter() - start) / 50)

    assert best < 100e-6


@pytest.mark.golden
def test_recorded_pods_have_their_proxies(golden: Path) -> None:
    """What a real injector, scheduler and kwok make of pods is what has to be understood."""
    lines = (golden / "kwok" / "pods-watch.jsonl").read_text().splitlines()
    found: dict[str, str] = {}
    for line in lines[1:]:
        record = read_pod(json.loads(line)["object"])
        identity = record.identity
        what = identity.value if isinstance(identity, Skip) else identity.type
        found[re.sub("-v.*", "", record.name)] = what

    assert found == {
        "details": "sidecar",
        "gw-1": "router",
        "host-net": "host network",
        "once-9jcbr": "sidecar",
        "opted-out": "opted out of injection",
        "pinned-real": "sidecar",
        "productpage": "sidecar",
        "ratings": "sidecar",
        "reviews": "sidecar",
        "web-d7f965486": "not a mesh proxy",
    }
