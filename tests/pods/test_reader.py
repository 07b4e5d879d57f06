"""Pods as mesh proxies: which proxy, under which identity, or why none."""

from __future__ import annotations

import gc
import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from pyload.pods.reader import Identity, IdentityPool, Skip, read_pod, spec_of
from pyload.proxies.identity import node_of
from pyload.xds.wire import discovery_pb2
from tests.proxies.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.kube.resources import Obj


def _identity(obj: Obj) -> Identity:
    identity = read_pod(obj).identity
    assert isinstance(identity, Identity)
    return identity


def _reason(obj: Obj) -> str:
    identity = read_pod(obj).identity
    assert isinstance(identity, Skip)
    return identity.reason


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
    assert (record.owner, record.host_network) == ("ReplicaSet", False)
    assert read_pod(pod("a", ip="10.0.0.1", deletion=0)).killed


def test_a_pod_that_has_just_been_made_is_empty() -> None:
    """The first event of every pod has no status worth the name."""
    record = read_pod({"metadata": {"name": "a", "uid": "u", "namespace": "mesh"}})

    assert (record.node, record.ips, record.ip, record.phase) == ("", (), "", "")
    assert (record.ready, record.terminating, record.owner) == (False, False, "")
    assert record.identity == Skip("not a mesh proxy")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("type_", ["sidecar", "router", "waypoint", "ztunnel"])
def test_the_arguments_tell_the_type(*, native: bool, type_: str) -> None:
    """A gateway would ask for a sidecar's listeners."""
    assert _identity(pod("a", proxy=proxy_container(type_, native=native))).type == type_


def test_a_proxy_without_a_type_is_a_sidecar() -> None:
    """The agent's own default; the pod would be left out."""
    container = proxy_container()
    for args in (["proxy"], ["proxy", "--domain", "x"]):
        container["args"] = args
        assert _identity(pod("a", proxy=container)).type == "sidecar"


def _without_args() -> Obj:
    container = proxy_container()
    del container["args"]
    return container


def _host_network() -> Obj:
    obj = plain_pod("a")
    obj["spec"]["hostNetwork"] = True
    return obj


def _agentgateway() -> Obj:
    obj = plain_pod("a")
    obj["spec"]["containers"].append({"name": "agentgateway"})
    return obj


def _once_in_the_beginning() -> Obj:
    obj = pod("a", proxy=proxy_container(native=True))
    del obj["spec"]["initContainers"][1]["restartPolicy"]
    return obj


def _status_only() -> Obj:
    obj = plain_pod("a")
    obj["metadata"]["annotations"] = {"sidecar.istio.io/status": "{}"}
    return obj


def _opted_out_by_annotation() -> Obj:
    obj = plain_pod("a")
    obj["metadata"]["annotations"] = {"sidecar.istio.io/inject": "false"}
    return obj


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (plain_pod("a"), "not a mesh proxy"),
        (pod("a", proxy=_without_args()), "not a mesh proxy"),
        (pod("a", proxy={"name": "istio-proxy", "args": ["wait"]}), "not a mesh proxy"),
        (_once_in_the_beginning(), "not a mesh proxy"),
        (_host_network(), "host network"),
        (plain_pod("a", labels={"sidecar.istio.io/inject": "false"}), "opted out of injection"),
        (_opted_out_by_annotation(), "opted out of injection"),
        (_status_only(), "injected without a proxy"),
        (_agentgateway(), "agentgateway"),
        (pod("a", proxy=proxy_container("bridge")), "unknown proxy type"),
        (pod("a", proxy=proxy_container(ISTIO_META_GENERATOR="grpc")), "proxyless gRPC"),
    ],
)
def test_a_pod_without_a_proxy_says_why(obj: Obj, reason: str) -> None:
    """The user would not know why fewer proxies run than there are pods."""
    assert _reason(obj) == reason


def test_a_gateway_that_istiod_made_is_a_proxy_although_injection_is_off() -> None:
    """Gateways and waypoints carry the label that keeps the injector away from them."""
    labels = {"sidecar.istio.io/inject": "false"}

    assert _identity(pod("a", proxy=proxy_container("router"), labels=labels)).type == "router"


def test_the_spec_is_what_the_agent_would_send() -> None:
    """Istiod would not find the pod, or refuse the proxy for another account's name."""
    container = proxy_container(
        native=True,
        ISTIO_META_WORKLOAD_NAME="app-v1",
        ISTIO_META_POD_PORTS='[\n  {"containerPort":80,"protocol":"TCP"}\n]',
        ISTIO_METAJSON_EXTRA='{"A":"1","B":"2"}',
        PROXY_CONFIG='{"proxyMetadata":{"ISTIO_META_DNS_CAPTURE":"true","OTHER":"x"}}',
    )
    spec = spec_of(read_pod(pod("a", ip="10.0.0.1", proxy=container)))

    assert spec.key == "uid-a"
    assert (spec.type, spec.ip, spec.name, spec.namespace) == ("sidecar", "10.0.0.1", "a", "mesh")
    assert (spec.service_account, spec.cluster_id) == ("sa", "Kubernetes")
    assert spec.domain == "mesh.svc.cluster.local"
    assert spec.address == "istiod.istio-system.svc:15012"
    assert spec.labels == {"app": "app", "service.istio.io/canonical-name": "app"}
    metadata = dict(spec.metadata)
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
        "WORKLOAD_NAME": "app-v1",
    }


def test_the_node_is_made_of_the_spec_and_of_nothing_else() -> None:
    """Keys of pilot-load's proxies would mix with those of the pod."""
    container = proxy_container()
    container["args"] = ["proxy", "sidecar", "--domain=mesh.svc.example.org"]
    node = discovery_pb2.Node()
    spec = spec_of(read_pod(pod("a", ip="10.0.0.1", proxy=container)))
    node.ParseFromString(node_of(spec))

    assert node.id == "sidecar~10.0.0.1~a.mesh~mesh.svc.example.org"
    assert set(node.metadata.fields) == set(spec.metadata)
    assert node.metadata.fields["PROXY_CONFIG"].struct_value.fields["statusPort"].number_value


def test_a_ztunnel_sends_little() -> None:
    """Istiod looks for a ztunnel's pods by its node's name."""
    container = proxy_container("ztunnel", NODE_NAME="kwok-0", XDS_ADDRESS="https://istiod:15012")
    container["env"] = [each for each in container["env"] if "NODE" not in each["name"]]
    spec = spec_of(read_pod(pod("z", ip="10.0.0.9", proxy=container)))

    assert (spec.type, spec.labels, spec.address) == ("ztunnel", None, "istiod:15012")
    assert spec.metadata == {
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

    assert spec_of(read_pod(obj)).metadata["INSTANCE_IPS"] == "10.0.0.1,fd00::1"


@pytest.mark.parametrize(
    ("config", "annotations", "address"),
    [
        ("", {}, "istiod.istio-system.svc:15012"),
        ("{}\n", {}, "istiod.istio-system.svc:15012"),
        ('{"discoveryAddress":"istiod-a.x.svc:15012"}', {}, "istiod-a.x.svc:15012"),
        (
            '{"discoveryAddress":"istiod-a.x.svc:15012"}',
            {"proxy.istio.io/config": "discoveryAddress: istiod-b.x.svc:15012\nconcurrency: 2"},
            "istiod-b.x.svc:15012",
        ),
        (
            "",
            {
                "proxy.istio.io/config": "discoveryAddress: istiod-b.x.svc:15012",
                "sidecar.istio.io/discoveryAddress": "istiod-c.x.svc:15012",
            },
            "istiod-c.x.svc:15012",
        ),
        ('{"discoveryAddress":7}', {}, "istiod.istio-system.svc:15012"),
    ],
)
def test_the_last_layer_decides_where_to_connect(
    config: str, annotations: dict[str, str], address: str
) -> None:
    """The proxies of one revision would load another one's istiod."""
    container = proxy_container(PROXY_CONFIG=config)
    identity = _identity(pod("a", proxy=container, annotations=annotations))

    assert identity.address == address
    proxy_config = identity.metadata["PROXY_CONFIG"]
    assert isinstance(proxy_config, dict)
    assert proxy_config["discoveryAddress"] == address


def test_what_the_user_says_wins_over_the_pod() -> None:
    """Outside the cluster, the pod's own address leads nowhere."""
    record = read_pod(pod("a", ip="10.0.0.1"))
    mapped = {"istiod.istio-system.svc:15012": "localhost:15012"}

    assert spec_of(record, address_map=mapped).address == "localhost:15012"
    assert spec_of(record, address_map={"x": "y"}).address == "istiod.istio-system.svc:15012"
    assert spec_of(record, address_map=mapped, address="here:1").address == "here:1"
    assert spec_of(record, cluster_id="c1").cluster_id == "c1"
    assert spec_of(record, cluster_id="c1").metadata["CLUSTER_ID"] == "c1"


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/istio/proxyv2:1.27.1", "1.27.1"),
        ("proxyv2:1.27.1-distroless", "1.27.1"),
        ("localhost:5000/proxyv2:1.28-alpha.0-debug", "1.28-alpha.0"),
        ("proxyv2:1.27.1@sha256:00ff", "1.27.1"),
        ("localhost:5000/proxyv2", "1.24.0-pilot-load"),
        ("proxyv2:latest", "1.24.0-pilot-load"),
        ("", "1.24.0-pilot-load"),
    ],
)
def test_the_version_comes_from_the_image(image: str, version: str) -> None:
    """Istiod gates parts of its config by the proxy's version."""
    container = {**proxy_container(), "image": image}

    assert spec_of(read_pod(pod("a", proxy=container))).metadata["ISTIO_VERSION"] == version


def test_a_version_is_given_only_where_the_image_tells_none() -> None:
    """Pods of two versions would claim the same one."""
    latest = {**proxy_container(), "image": "proxyv2:latest"}

    spec = spec_of(read_pod(pod("a", proxy=latest)), istio_version="1.30.0")
    assert spec.metadata["ISTIO_VERSION"] == "1.30.0"
    spec = spec_of(read_pod(pod("a")), istio_version="1.30.0")
    assert spec.metadata["ISTIO_VERSION"] == "1.27.1"


@pytest.mark.parametrize(
    ("labels", "annotations", "revision"),
    [
        ({"istio.io/rev": "tag"}, {"istio.io/rev": "1-27"}, "1-27"),
        ({}, {"istio.io/rev": "", "sidecar.istio.io/status": '{"revision":"1-28"}'}, "1-28"),
        ({"istio.io/rev": "tag"}, {"istio.io/rev": "", "sidecar.istio.io/status": "{"}, "tag"),
        ({}, {"istio.io/rev": "", "sidecar.istio.io/status": "[]"}, ""),
    ],
)
def test_the_revision_is_the_one_that_injected(
    labels: dict[str, str], annotations: dict[str, str], revision: str
) -> None:
    """Counts by revision would show tags."""
    assert _identity(pod("a", labels=labels, annotations=annotations)).revision == revision


def test_the_network_comes_from_the_environment_or_a_label() -> None:
    """Endpoints of another network are reached through its gateway."""
    labels = {"topology.istio.io/network": "net-b"}

    assert _identity(pod("a", labels=labels)).network == "net-b"
    container = proxy_container(ISTIO_META_NETWORK="net-a")
    assert _identity(pod("a", labels=labels, proxy=container)).network == "net-a"


def test_what_cannot_be_resolved_is_named() -> None:
    """The user would trust an identity that lacks a part."""
    container = proxy_container(PROXY_CONFIG="[]", ISTIO_METAJSON_X="{")
    container["envFrom"] = [{"secretRef": {"name": "s"}}]
    annotations = {"proxy.istio.io/config": "a: [", "sidecar.istio.io/status": "{}"}

    assert _identity(pod("a", proxy=container, annotations=annotations)).unresolved == (
        "envFrom",
        "PROXY_CONFIG",
        "proxy.istio.io/config",
        "ISTIO_METAJSON_X",
    )


def test_dates_and_numbers_of_a_yaml_annotation_can_be_sent() -> None:
    """One odd annotation would kill the proxy of its pod."""
    annotations = {"proxy.istio.io/config": "since: 2026-11-23\nconcurrency: 2"}
    record = read_pod(pod("a", ip="10.0.0.1", annotations=annotations))

    assert node_of(spec_of(record))


def test_text_that_is_not_json_is_left_as_it_is() -> None:
    """The agent hands it on, too."""
    container = proxy_container(ISTIO_META_POD_PORTS="[", ISTIO_METAJSON_EMPTY="")

    assert _identity(pod("a", proxy=container)).metadata["POD_PORTS"] == "["


def test_pods_of_one_template_share_their_identity_until_none_is_left() -> None:
    """A mesh of 100,000 pods would keep as many copies of the same labels."""
    identities = IdentityPool()
    one = read_pod(pod("a", ip="10.0.0.1"), identities)
    two = read_pod(pod("b", ip="10.0.0.2", node="kwok-1"), identities)
    other = read_pod(pod("c", labels={"app": "other"}), identities)

    assert one.identity is two.identity
    assert other.identity is not one.identity
    assert spec_of(two).metadata["NODE_NAME"] == "kwok-1"
    assert len(identities) == 2
    del one, two, other
    gc.collect()
    assert len(identities) == 0


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
        what = identity.reason if isinstance(identity, Skip) else identity.type
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
