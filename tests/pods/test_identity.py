"""Which proxy a pod runs, under which identity, or why none."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from pyload.pods.identity import Identity, IdentityPool
from pyload.pods.reader import proxy_spec, read_pod
from pyload.pods.reasons import Skip
from tests.pods.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def _identity(obj: Obj) -> Identity:
    identity = read_pod(obj).identity
    assert isinstance(identity, Identity)
    return identity


def _reason(obj: Obj) -> str:
    identity = read_pod(obj).identity
    assert isinstance(identity, Skip)
    return identity.value


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


def test_pods_of_one_template_share_their_identity_until_none_is_left() -> None:
    """A mesh of 100,000 pods would keep as many copies of the same labels."""
    identities = IdentityPool()
    one = read_pod(pod("a", ip="10.0.0.1"), identities)
    two = read_pod(pod("b", ip="10.0.0.2", node="kwok-1"), identities)
    other = read_pod(pod("c", labels={"app": "other"}), identities)

    assert one.identity is two.identity
    assert other.identity is not one.identity
    assert dict(proxy_spec(two).own)["NODE_NAME"] == "kwok-1"
    assert proxy_spec(one).metadata is proxy_spec(two).metadata
    assert len(identities) == 2
    del one, two, other
    gc.collect()
    assert len(identities) == 0
