"""Nodes and deployments for a cluster in which kwok plays the kubelets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.config.app_types import APP_TYPES
from pyload.manifests.kwok import TAINT, Placement, deployment, kwok_node

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def template_of(type_: str, placement: Placement | None = None) -> Obj:
    """Return the pod template of an application's deployment."""
    built = deployment(
        "a",
        "mesh",
        type_=APP_TYPES[type_],
        replicas=2,
        placement=placement or Placement(),
        run_id="run",
    )
    template: Obj = built["spec"]["template"]
    return template


def test_pods_go_where_the_user_says() -> None:
    """Clusters label and taint kwok's nodes as they like."""
    assert Placement().node_selector == {"type": "kwok"}
    assert Placement().toleration == "kwok.x-k8s.io/node"
    assert template_of("plain")["spec"]["tolerations"] == [
        {"key": "kwok.x-k8s.io/node", "operator": "Exists", "effect": "NoSchedule"}
    ]

    spec = template_of("plain", Placement({"pool": "fake"}, toleration=""))["spec"]
    assert spec["nodeSelector"] == {"pool": "fake"}
    assert "tolerations" not in spec


@pytest.mark.parametrize(
    ("type_", "inject", "annotations", "container"),
    [
        ("sidecar", "true", None, "app"),
        ("plain", "false", None, "app"),
        ("router", "true", {"inject.istio.io/templates": "gateway"}, "istio-proxy"),
        ("ambient", "false", {"ambient.istio.io/redirection": "enabled"}, "app"),
    ],
)
def test_the_injector_makes_of_a_pod_what_its_type_says(
    type_: str, inject: str, annotations: dict[str, str] | None, container: str
) -> None:
    """The mesh would have plain pods in the place of its proxies."""
    template = template_of(type_)

    assert template["metadata"]["labels"]["sidecar.istio.io/inject"] == inject
    assert template["metadata"].get("annotations") == annotations
    assert [one["name"] for one in template["spec"]["containers"]] == [container]


def test_nodes_are_spread_over_zones_and_keep_other_pods_away() -> None:
    """Locality would never play a part, and real pods would be scheduled to fake nodes."""
    nodes = [kwok_node(f"n{index}", index=index, run_id="run") for index in range(6)]

    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in nodes]
    assert zones == ["zone-0", "zone-1", "zone-2"] * 2
    for node in nodes:
        assert node["spec"]["taints"] == [{"key": TAINT, "value": "fake", "effect": "NoSchedule"}]
        assert node["metadata"]["annotations"] == {"kwok.x-k8s.io/node": "fake"}
