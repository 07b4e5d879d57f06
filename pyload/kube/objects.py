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

_CAPACITY: Final = {"cpu": "32", "memory": "256Gi", "pods": "255"}
_PORTS: Final = (("http", 80), ("https", 443))


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC as ``metav1.Time``: whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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
        "topology.kubernetes.io/region": "region",
        "topology.kubernetes.io/zone": "zone",
    }
    obj = _obj("v1", "Node", name, labels=labels, run_id=run_id)
    if full:
        taint = {"key": NODE_LABEL, "value": NODE_LABEL_VALUE, "effect": "NoSchedule"}
        obj["spec"] = {"taints": [taint]}
        obj["status"] = node_status(now)
    return obj


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
    obj = _obj(
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


def namespace(name: str, *, run_id: str) -> Obj:
    """Build a namespace whose pods belong to the mesh."""
    obj = _obj("v1", "Namespace", name, labels={"istio-injection": "enabled"}, run_id=run_id)
    obj["status"] = {"phase": "Active"}
    return obj


def service_account(name: str, namespace: str, *, run_id: str) -> Obj:
    """Build a service account."""
    return _obj("v1", "ServiceAccount", name, namespace=namespace, run_id=run_id)


def service(
    name: str,
    namespace: str,
    *,
    labels: Mapping[str, str],
    run_id: str,
    selector: bool = True,
    cluster_ip: str = "",
) -> Obj:
    """Build an application's service.

    Args:
        name: Name of the application.
        namespace: Its namespace.
        labels: Labels that the user gave the application.
        run_id: Value of the run label.
        selector: Whether it selects pods; without, its Endpoints are written by hand.
        cluster_ip: Its address where nobody else gives it one.
    """
    obj = _obj("v1", "Service", name, namespace=namespace, labels=labels, run_id=run_id)
    spec: Obj = {"type": "ClusterIP"}
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    if selector:
        spec["selector"] = {"app": name}
    spec["ports"] = [
        {"name": port, "port": number, "targetPort": number} for port, number in _PORTS
    ]
    obj["spec"] = spec
    return obj


def endpoints(
    name: str,
    namespace: str,
    *,
    addresses: Iterable[tuple[str, str, str]],
    target_refs: bool,
    run_id: str,
) -> Obj:
    """Build an application's endpoints.

    Args:
        name: Name of the application.
        namespace: Its namespace.
        addresses: IP, node name and pod name of each pod.
        target_refs: Whether the pods exist as objects.
        run_id: Value of the run label.
    """
    labels = {"app": name, "security.istio.io/tlsMode": "istio"}
    obj = _obj("v1", "Endpoints", name, namespace=namespace, labels=labels, run_id=run_id)
    listed = []
    for ip, node_name, pod_name in addresses:
        address: Obj = {"ip": ip, "nodeName": node_name}
        if target_refs:
            address["targetRef"] = {"kind": "Pod", "namespace": namespace, "name": pod_name}
        listed.append(address)
    if listed:
        ports = [{"name": port, "port": number} for port, number in _PORTS]
        obj["subsets"] = [{"addresses": listed, "ports": ports}]
    return obj


def endpoint_slice(
    name: str, namespace: str, *, addresses: Iterable[tuple[str, str, str]], run_id: str
) -> Obj:
    """Build an application's endpoint slice, as the controller would that a bare server lacks.

    istiod reads slices only; the Endpoints object is there for older ones.

    Args:
        name: Name of the application.
        namespace: Its namespace.
        addresses: IP, node name and pod name of each pod.
        run_id: Value of the run label.
    """
    labels = {
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "pyload.dev",
    }
    obj = _obj(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        name,
        namespace=namespace,
        labels=labels,
        run_id=run_id,
    )
    obj["addressType"] = "IPv4"
    obj["endpoints"] = [
        {
            "addresses": [ip],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": node_name,
            "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod_name},
        }
        for ip, node_name, pod_name in addresses
    ]
    obj["ports"] = [{"name": port, "port": number, "protocol": "TCP"} for port, number in _PORTS]
    return obj


def pod_labels(app: str, *, sidecar: bool, full: bool) -> dict[str, str]:
    """Give the labels of an application's pods, which are also their proxies' labels.

    Args:
        app: Name of the application.
        sidecar: Whether the pods have a sidecar.
        full: For a cluster with controllers, whose injector is told what to do.
    """
    if full:
        inject = "true" if sidecar else "false"
        return {"app": app, "owner": "pilot-load", "sidecar.istio.io/inject": inject}
    return {"app": app, "security.istio.io/tlsMode": "istio"} if sidecar else {"app": app}


def pod(
    name: str,
    namespace: str,
    *,
    app: str,
    node: str,
    ip: str,  # noqa: ARG001 - the kubelet's business; there for `bare_pod`
    sidecar: bool,
    now: datetime,  # noqa: ARG001 - likewise
    run_id: str,
) -> Obj:
    """Build a pod for a cluster with controllers and a fake kubelet, which gives it its status.

    Args:
        name: Pod name.
        namespace: Its namespace.
        app: Name of the application.
        node: Name of the pod's node.
        ip: Ignored.
        sidecar: Whether the pod has a sidecar.
        now: Ignored.
        run_id: Value of the run label.
    """
    labels = pod_labels(app, sidecar=sidecar, full=True)
    obj = _obj("v1", "Pod", name, namespace=namespace, labels=labels, run_id=run_id)
    obj["metadata"]["annotations"] = {"prometheus.io/scrape": "false"}
    obj["spec"] = {
        "nodeName": node,
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 0,
        "nodeSelector": {NODE_LABEL: NODE_LABEL_VALUE},
        "tolerations": [{"key": NODE_LABEL, "operator": "Exists", "effect": "NoSchedule"}],
        "containers": [{"name": "app", "image": "fake"}],
    }
    return obj


def bare_pod(
    name: str,
    namespace: str,
    *,
    app: str,
    node: str,
    ip: str,
    sidecar: bool,
    now: datetime,
    run_id: str,
) -> Obj:
    """Build a pod for a bare API server: injected and running from the start.

    Args:
        name: Pod name.
        namespace: Its namespace.
        app: Name of the application.
        node: Name of the pod's node.
        ip: The pod's IP.
        sidecar: Whether the pod has a sidecar.
        now: When it became ready, in UTC.
        run_id: Value of the run label.
    """
    labels = pod_labels(app, sidecar=sidecar, full=False)
    obj = _obj("v1", "Pod", name, namespace=namespace, labels=labels, run_id=run_id)
    proxy_image = "istio/proxyv2"
    obj["spec"] = {
        "nodeName": node,
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 0,
        "initContainers": [{"name": "istio-init", "image": proxy_image}],
        "containers": [
            {"name": "app", "image": "app"},
            {"name": "istio-proxy", "image": proxy_image},
        ],
    }
    obj["status"] = {
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "conditions": [_condition("Ready", now)],
    }
    return obj


def kubelet_status(
    name: str,
    namespace: str,
    *,
    uid: str,
    resource_version: str,
    ip: str,
    containers: Iterable[tuple[str, str]],
    now: datetime,
) -> Obj:
    """Build what the fake kubelet applies to a pod's status to make it run.

    The pod may be somebody else's, so it gets no run label.

    Args:
        name: Pod name.
        namespace: Its namespace.
        uid: The pod's UID, so that another pod of the same name is left alone.
        resource_version: As last seen, so that a pod that has changed is left alone.
        ip: The pod's IP.
        containers: Name and image of each container.
        now: When it starts, in UTC.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": uid,
            "resourceVersion": resource_version,
        },
        "status": {
            "phase": "Running",
            "podIP": ip,
            "conditions": [_condition("Ready", now), _condition("ContainersReady", now)],
            "containerStatuses": [
                {
                    "name": container,
                    "image": image,
                    "imageID": "",
                    "ready": True,
                    "restartCount": 0,
                    "state": {"running": {"startedAt": timestamp(now)}},
                }
                for container, image in containers
            ],
        },
    }


def _obj(
    api_version: str,
    kind: str,
    name: str,
    *,
    run_id: str,
    namespace: str = "",
    labels: Mapping[str, str] | None = None,
) -> Obj:
    metadata: dict[str, Any] = {"name": name}
    if namespace:
        metadata["namespace"] = namespace
    metadata["labels"] = {**(labels or {}), RUN_LABEL: run_id}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _condition(type_: str, now: datetime) -> dict[str, str]:
    return {"type": type_, "status": "True", "lastTransitionTime": timestamp(now)}
