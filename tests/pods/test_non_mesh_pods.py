"""Pods outside of the mesh that are taken for sidecars."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.pods.identity import Identity
from pyload.pods.non_mesh_pods import AllPods
from pyload.pods.reader import read_pod
from pyload.pods.reasons import Skip
from tests.pods.injected import plain_pod, pod, proxy_container

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def _host_pod() -> Obj:
    obj = plain_pod("p", ip="10.0.0.1")
    obj["spec"]["hostNetwork"] = True
    return obj


def _agentgateway() -> Obj:
    obj = plain_pod("p", ip="10.0.0.1")
    obj["spec"]["containers"][0]["name"] = "agentgateway"
    return obj


@pytest.mark.parametrize(
    "obj",
    [
        plain_pod("p", ip="10.0.0.1"),
        plain_pod("p", ip="10.0.0.1", labels={"sidecar.istio.io/inject": "false"}),
        pod("p", ip="10.0.0.1", proxy={"name": "istio-proxy", "image": "istio/proxyv2"}),
        _host_pod(),
    ],
    ids=["plain", "opted out", "as pilot-load writes it", "host network"],
)
def test_a_pod_without_a_proxy_is_taken_for_a_sidecar(obj: Obj) -> None:
    """`impersonate --selector external` is there for such pods."""
    before = read_pod(obj)
    record = AllPods().read(obj)

    assert isinstance(before.identity, Skip)
    assert isinstance(record.identity, Identity)
    assert record.identity.type == "sidecar"
    assert record.identity.domain == "mesh.svc.cluster.local"
    assert record.identity.labels == obj["metadata"]["labels"]
    assert record.identity.service_account == "sa"
    assert (record.uid, record.ips, record.node) == (before.uid, before.ips, before.node)


@pytest.mark.parametrize(
    ("obj", "reason"),
    [
        (_agentgateway(), Skip.AGENTGATEWAY),
        (pod("p", proxy=proxy_container(ISTIO_META_GENERATOR="grpc")), Skip.PROXYLESS),
        (pod("p", proxy=proxy_container("other")), Skip.UNKNOWN_TYPE),
    ],
)
def test_a_proxy_of_another_kind_stays_left_out(obj: Obj, reason: Skip) -> None:
    """It speaks another xDS; a sidecar in its name would load istiod with something else."""
    assert AllPods().read(obj).identity is reason


@pytest.mark.parametrize("kind", ["sidecar", "router", "waypoint", "ztunnel"])
def test_a_proxy_is_what_it_is(kind: str) -> None:
    """pilot-load announces gateways as sidecars."""
    obj = pod("p", ip="10.0.0.1", proxy=proxy_container(kind))

    assert AllPods().read(obj) == read_pod(obj)


def test_the_pods_of_one_deployment_share_an_identity() -> None:
    """100,000 pods must not keep 100,000 copies of their labels."""
    pods = AllPods()
    one, other = (pods.read(plain_pod(name)) for name in "ab")

    assert one.identity is other.identity
