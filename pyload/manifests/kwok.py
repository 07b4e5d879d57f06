"""Objects for a cluster in which kwok plays the kubelets and controllers make the pods."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.manifests.objects import RUN_LABEL
from pyload.manifests.pods import AMBIENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.config.app_types import AppType
    from pyload.kube.resources import Obj

NODE_ANNOTATION: Final = "kwok.x-k8s.io/node"
NODE_ANNOTATION_VALUE: Final = "fake"
TAINT: Final = NODE_ANNOTATION

KUBELET_VERSION: Final = "v1.34.0"
"""istiod gives pods native sidecars only where every node's version is one that it can parse."""

_ZONES: Final = 3
_CAPACITY: Final = {"cpu": "32", "memory": "256Gi", "pods": "255"}


@dataclass(frozen=True, slots=True)
class Placement:
    """How pods are sent to kwok's nodes.

    Attributes:
        node_selector: Labels that a node must have.
        toleration: Key of the taint that they tolerate; empty for none.
    """

    node_selector: Mapping[str, str] = field(default_factory=lambda: {"type": "kwok"})
    toleration: str = TAINT


def kwok_node(name: str, *, index: int, run_id: str) -> Obj:
    """Build a node for kwok to keep alive.

    Args:
        name: Node name.
        index: Position among the run's nodes; spreads them over zones.
        run_id: Value of the run label.
    """
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {NODE_ANNOTATION: NODE_ANNOTATION_VALUE},
            "labels": {
                "type": "kwok",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node-role.kubernetes.io/agent": "",
                "topology.kubernetes.io/region": "region",
                "topology.kubernetes.io/zone": f"zone-{index % _ZONES}",
                RUN_LABEL: run_id,
            },
        },
        "spec": {
            # Keeps cloud controllers from deleting a node that they have no machine for.
            "providerID": f"kwok://{name}",
            "taints": [{"key": TAINT, "value": NODE_ANNOTATION_VALUE, "effect": "NoSchedule"}],
        },
        "status": {
            "capacity": dict(_CAPACITY),
            "allocatable": dict(_CAPACITY),
            "nodeInfo": {
                "kubeletVersion": KUBELET_VERSION,
                "kubeProxyVersion": KUBELET_VERSION,
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }


def deployment(
    name: str,
    namespace: str,
    *,
    type_: AppType,
    replicas: int,
    placement: Placement,
    run_id: str,
) -> Obj:
    """Build an application's deployment, whose pods go to kwok's nodes.

    Args:
        name: Name of the application.
        namespace: Namespace of the object.
        type_: Type of the application: Istio's injector adds a sidecar to its pods, or makes
            gateways of them.
        replicas: How many pods it has.
        placement: Which nodes they go to.
        run_id: Value of the run label.
    """
    labels = {
        "app": name,
        "owner": "pilot-load",
        "sidecar.istio.io/inject": "true" if type_.is_sidecar or type_.is_gateway else "false",
    }
    annotations: dict[str, str] = {}
    if type_.is_gateway:
        annotations["inject.istio.io/templates"] = "gateway"
    elif type_.ambient:
        annotations |= AMBIENT
    spec: Obj = {
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": dict(placement.node_selector),
        "containers": [
            # What Istio's injector fills in to make a gateway.
            {"name": "istio-proxy", "image": "auto"}
            if type_.is_gateway
            else {"name": "app", "image": "fake"}
        ],
    }
    if placement.toleration:
        spec["tolerations"] = [
            {"key": placement.toleration, "operator": "Exists", "effect": "NoSchedule"}
        ]
    metadata: Obj = {"labels": labels | {RUN_LABEL: run_id}}
    if annotations:
        metadata["annotations"] = annotations
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {RUN_LABEL: run_id}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": metadata, "spec": spec},
        },
    }
