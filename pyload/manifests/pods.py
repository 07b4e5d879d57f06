"""The pods of a mesh as pilot-load writes them, and the status that makes them run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.manifests.objects import MANAGED, NODE_LABEL, NODE_LABEL_VALUE, bare_object, timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from pyload.config.app_types import AppType
    from pyload.kube.resources import Obj

AMBIENT: Final = {"ambient.istio.io/redirection": "enabled"}
"""Annotation by which istiod knows that a pod is reached through its ztunnel."""

PROXY: Final = "pyload.dev/proxy"
"""Annotation of the pods for which pyload runs a proxy: its node type.

No container of theirs says so, and `reproduce` and `dump` are to know it.
"""


def pod_labels(app: str, type_: AppType, *, full: bool) -> dict[str, str]:
    """Return the labels of an application's pods, which are also their proxies' labels.

    Args:
        app: Name of the application.
        type_: Type of the application.
        full: For a cluster with controllers, whose injector is told what to do.
    """
    if full:
        inject = "true" if type_.is_sidecar else "false"
        labels = {"app": app, "owner": "pilot-load", "sidecar.istio.io/inject": inject}
        return labels | MANAGED if type_.is_waypoint else labels
    if type_.is_sidecar:
        return {"app": app, "security.istio.io/tlsMode": "istio"}
    return {"app": app, **MANAGED} if type_.is_waypoint else {"app": app}


def pod(name: str, namespace: str, *, app: str, type_: AppType, node: str, run_id: str) -> Obj:
    """Build a pod for a cluster with controllers and a fake kubelet, which gives it its status.

    Args:
        name: Pod name.
        namespace: Namespace of the object.
        app: Name of the application.
        type_: Type of the application.
        node: Name of the pod's node.
        run_id: Value of the run label.
    """
    labels = pod_labels(app, type_, full=True)
    obj = bare_object("v1", "Pod", name, namespace=namespace, labels=labels, run_id=run_id)
    obj["metadata"]["annotations"] = {"prometheus.io/scrape": "false", **_annotations(type_)}
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
    type_: AppType,
    node: str,
    ip: str,
    now: datetime,
    run_id: str,
) -> Obj:
    """Build a pod for a bare API server: injected and running from the start.

    Args:
        name: Pod name.
        namespace: Namespace of the object.
        app: Name of the application.
        type_: Type of the application.
        node: Name of the pod's node.
        ip: The pod's IP.
        now: When it became ready, in UTC.
        run_id: Value of the run label.
    """
    labels = pod_labels(app, type_, full=False)
    obj = bare_object("v1", "Pod", name, namespace=namespace, labels=labels, run_id=run_id)
    obj["spec"] = {
        "nodeName": node,
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": "app"}],
    }
    if annotations := _annotations(type_):
        obj["metadata"]["annotations"] = annotations
    if not type_.ambient:
        image = "istio/proxyv2"
        obj["spec"]["initContainers"] = [{"name": "istio-init", "image": image}]
        obj["spec"]["containers"].append({"name": "istio-proxy", "image": image})
    obj["status"] = {
        "phase": "Running",
        "podIP": ip,
        "podIPs": [{"ip": ip}],
        "conditions": [_condition("Ready", now)],
    }
    return obj


def _annotations(type_: AppType) -> dict[str, str]:
    annotations = dict(AMBIENT) if type_.ambient else {}
    return {**annotations, PROXY: type_.proxy} if type_.proxy else annotations


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
    """Build the status that the fake kubelet applies to a pod to make it run.

    The pod may be somebody else's, so it gets no run label.

    Args:
        name: Pod name.
        namespace: Namespace of the object.
        uid: The pod's UID, so that another pod of the same name is left alone.
        resource_version: Its resourceVersion as last seen; a pod that has changed is left alone.
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


def _condition(type_: str, now: datetime) -> dict[str, str]:
    return {"type": type_, "status": "True", "lastTransitionTime": timestamp(now)}
