"""The objects of a mesh, as pilot-load writes them.

Each carries the label of the run that made it, so that what a killed run left can be found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from pyload.kube.resources import Obj

RUN_LABEL: Final = "pyload.dev/run"
NODE_LABEL: Final = "pilot-load.istio.io/node"
"""Label and taint of fake nodes, and the node selector of the pods meant for them."""

NODE_LABEL_VALUE: Final = "fake"
LEASE_NAMESPACE: Final = "kube-node-lease"
LEASE_SECONDS: Final = 40

LOCALITY: Final = "region/zone"
"""Where all nodes stand but kwok's."""

_CAPACITY: Final = {"cpu": "32", "memory": "256Gi", "pods": "255"}
_PORTS: Final = (("http", 80), ("https", 443))
_WAYPOINT_PORTS: Final = (("mesh", 15008),)
MANAGED: Final = {"gateway.istio.io/managed": "istio.io-mesh-controller"}
"""Label of the service and the pods of a waypoint."""


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC as ``metav1.Time``: whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def bare_object(
    api_version: str,
    kind: str,
    name: str,
    *,
    run_id: str,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
    **fields: Any,
) -> Obj:
    """Build an object of a run.

    Args:
        api_version: Such as ``v1``.
        kind: Such as ``Pod``.
        name: Name of the object.
        run_id: Value of the run label.
        namespace: Namespace of the object; empty for cluster-scoped kinds.
        labels: Further labels.
        fields: What it has besides its metadata, such as ``spec``.
    """
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {**(labels or {}), RUN_LABEL: run_id}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def node(name: str, *, now: datetime, run_id: str, full: bool) -> Obj:
    """Build a node.

    Args:
        name: Node name.
        now: In UTC.
        run_id: Value of the run label.
        full: With taint and status, as a scheduler and controllers need them; a bare API server
            has neither.
    """
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/role": "agent",
        NODE_LABEL: NODE_LABEL_VALUE,
        "topology.kubernetes.io/region": LOCALITY.partition("/")[0],
        "topology.kubernetes.io/zone": LOCALITY.partition("/")[2],
    }
    fields: Obj = {}
    if full:
        taint = {"key": NODE_LABEL, "value": NODE_LABEL_VALUE, "effect": "NoSchedule"}
        fields = {"spec": {"taints": [taint]}, "status": node_status(now)}
    return bare_object("v1", "Node", name, labels=labels, run_id=run_id, **fields)


def node_status(now: datetime) -> Obj:
    """Build the status of a node that is ready; `now` is in UTC."""
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": timestamp(now),
        "lastTransitionTime": timestamp(now),
    }
    return {
        "phase": "Running",
        "capacity": dict(_CAPACITY),
        "allocatable": dict(_CAPACITY),
        "conditions": [ready],
        "nodeInfo": {
            "kubeletVersion": "fake",
            "kubeProxyVersion": "fake",
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    }


def lease(node_name: str, *, node_uid: str, now: datetime, run_id: str) -> Obj:
    """Build a node's lease, renewed `now` (UTC); it goes when the node goes."""
    obj = bare_object(
        "coordination.k8s.io/v1", "Lease", node_name, namespace=LEASE_NAMESPACE, run_id=run_id
    )
    owner = {"apiVersion": "v1", "kind": "Node", "name": node_name, "uid": node_uid}
    obj["metadata"]["ownerReferences"] = [owner]
    obj["spec"] = {
        "holderIdentity": node_name,
        "leaseDurationSeconds": LEASE_SECONDS,
        "renewTime": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    }
    return obj


def namespace(name: str, *, run_id: str, waypoint: tuple[str, str] = ("", "")) -> Obj:
    """Build a namespace whose pods belong to the mesh.

    Args:
        name: Name of the object.
        run_id: Value of the run label.
        waypoint: Namespace and name of the waypoint that serves it. An empty namespace is its
            own, an empty name means none.
    """
    labels = {"istio-injection": "enabled"}
    if waypoint[1]:
        labels["istio.io/use-waypoint"] = waypoint[1]
        if waypoint[0]:
            labels["istio.io/use-waypoint-namespace"] = waypoint[0]
    status = {"phase": "Active"}
    return bare_object("v1", "Namespace", name, labels=labels, run_id=run_id, status=status)


def service_account(name: str, namespace: str, *, run_id: str) -> Obj:
    """Build a service account."""
    return bare_object("v1", "ServiceAccount", name, namespace=namespace, run_id=run_id)


def ports(*, waypoint: bool) -> tuple[tuple[str, int], ...]:
    """Return the names and numbers of an application's ports."""
    return _WAYPOINT_PORTS if waypoint else _PORTS


def service(
    name: str,
    namespace: str,
    *,
    labels: Mapping[str, str],
    run_id: str,
    selector: bool = True,
    cluster_ip: str = "",
    waypoint: bool = False,
) -> Obj:
    """Build an application's service.

    Args:
        name: Name of the application.
        namespace: Namespace of the object.
        labels: Labels that the user gave the application.
        run_id: Value of the run label.
        selector: Whether it selects pods; without, its Endpoints are written by hand.
        cluster_ip: Its address, where no controller allocates one.
        waypoint: Whether the application is a waypoint.
    """
    if waypoint:
        labels = {**labels, **MANAGED}
    spec: Obj = {"type": "ClusterIP"}
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    if selector:
        spec["selector"] = {"app": name}
    spec["ports"] = [
        {"name": port, "port": number}
        | ({"appProtocol": "all"} if waypoint else {"targetPort": number})
        for port, number in ports(waypoint=waypoint)
    ]
    return bare_object(
        "v1", "Service", name, namespace=namespace, labels=labels, run_id=run_id, spec=spec
    )


def endpoints(
    name: str,
    namespace: str,
    *,
    addresses: Iterable[tuple[str, str, str]],
    ports: Iterable[tuple[str, int]] = _PORTS,
    target_refs: bool,
    run_id: str,
) -> Obj:
    """Build an application's endpoints.

    Args:
        name: Name of the application.
        namespace: Namespace of the object.
        addresses: IP, node name and pod name of each pod.
        ports: Name and number of each port.
        target_refs: Whether the pods exist as objects.
        run_id: Value of the run label.
    """
    labels = {"app": name, "security.istio.io/tlsMode": "istio"}
    obj = bare_object("v1", "Endpoints", name, namespace=namespace, labels=labels, run_id=run_id)
    listed = []
    for ip, node_name, pod_name in addresses:
        address: Obj = {"ip": ip, "nodeName": node_name}
        if target_refs:
            address["targetRef"] = {"kind": "Pod", "namespace": namespace, "name": pod_name}
        listed.append(address)
    if listed:
        numbers = [{"name": port, "port": number} for port, number in ports]
        obj["subsets"] = [{"addresses": listed, "ports": numbers}]
    return obj


def endpoint_slice(
    name: str,
    namespace: str,
    *,
    addresses: Iterable[tuple[str, str, str]],
    ports: Iterable[tuple[str, int]] = _PORTS,
    run_id: str,
) -> Obj:
    """Build an application's endpoint slice, which no controller derives on a bare server.

    istiod reads slices only; the Endpoints object is there for older ones.

    Args:
        name: Name of the application.
        namespace: Namespace of the object.
        addresses: IP, node name and pod name of each pod.
        ports: Name and number of each port.
        run_id: Value of the run label.
    """
    labels = {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "pyload.dev",
    }
    listed = [
        {
            "addresses": [ip],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": node_name,
            "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod_name},
        }
        for ip, node_name, pod_name in addresses
    ]
    return bare_object(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        name,
        namespace=namespace,
        labels=labels,
        run_id=run_id,
        addressType="IPv4",
        endpoints=listed,
        ports=[{"name": port, "port": number, "protocol": "TCP"} for port, number in ports],
    )
