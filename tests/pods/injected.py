"""Pods as an API server would give them after injection and scheduling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def proxy_container(*args: str, native: bool = False, **env: object) -> Obj:
    """Make the container of a proxy; the variables of every injected one come before `env`."""
    fields = {
        "POD_NAME": "metadata.name",
        "POD_NAMESPACE": "metadata.namespace",
        "INSTANCE_IP": "status.podIP",
        "SERVICE_ACCOUNT": "spec.serviceAccountName",
        "ISTIO_META_NODE_NAME": "spec.nodeName",
    }
    container: Obj = {
        "name": "istio-proxy",
        "image": "example.com/istio/proxyv2:1.27.1-distroless",
        "args": [
            "proxy",
            *(args or ("sidecar",)),
            "--domain",
            "$(POD_NAMESPACE).svc.cluster.local",
        ],
        "env": [
            *(
                {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
                for name, path in fields.items()
            ),
            {"name": "ISTIO_META_CLUSTER_ID", "value": "Kubernetes"},
            *({"name": name, "value": value} for name, value in env.items()),
        ],
    }
    if native:
        container["restartPolicy"] = "Always"
    return container


def pod(
    name: str,
    *,
    namespace: str = "mesh",
    uid: str = "",
    node: str = "kwok-0",
    ip: str = "",
    phase: str = "",
    ready: bool | None = None,
    owner: str = "ReplicaSet",
    proxy: Obj | None = None,
    labels: Obj | None = None,
    annotations: Obj | None = None,
    deletion: int | None = None,
) -> Obj:
    """Make a pod.

    Args:
        name: Its name.
        namespace: Its namespace.
        uid: Its UID; made from the name unless given.
        node: Its node; empty for one that is not scheduled.
        ip: Its IP; empty for one that has none yet.
        phase: Its phase; follows from the IP unless given.
        ready: Whether it is ready; follows from the IP unless given.
        owner: Kind of its controller.
        proxy: The proxy's container; a classic sidecar unless given.
        labels: Further labels.
        annotations: Further annotations.
        deletion: Seconds that it has to end, if its deletion has begun.
    """
    metadata: Obj = {
        "name": name,
        "namespace": namespace,
        "uid": uid or f"uid-{name}",
        "labels": {
            "app": "app",
            "pod-template-hash": "5d",
            "service.istio.io/canonical-name": "app",
            **(labels or {}),
        },
        "annotations": {"istio.io/rev": "default", **(annotations or {})},
        "ownerReferences": [{"kind": owner, "name": "owner", "uid": "o", "controller": True}],
    }
    if deletion is not None:
        metadata |= {
            "deletionTimestamp": "2026-11-23T19:14:09Z",
            "deletionGracePeriodSeconds": deletion,
        }
    spec: Obj = {
        "serviceAccountName": "sa",
        "containers": [{"name": "app", "image": "app"}],
    }
    container = proxy if proxy is not None else proxy_container()
    if container.get("restartPolicy") == "Always":
        spec["initContainers"] = [{"name": "istio-init", "image": "x"}, container]
    else:
        spec["containers"].append(container)
    if node:
        spec["nodeName"] = node
    is_ready = bool(ip) if ready is None else ready
    status: Obj = {
        "phase": phase or ("Running" if ip else "Pending"),
        "conditions": [{"type": "Ready", "status": "True" if is_ready else "False"}],
    }
    if ip:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def plain_pod(name: str, **changes: Any) -> Obj:
    """Make a pod without a proxy."""
    obj = pod(name, **changes)
    obj["spec"]["containers"] = obj["spec"]["containers"][:1]
    obj["metadata"]["annotations"] = {}
    return obj
