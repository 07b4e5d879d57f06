"""The API server's defaults for fields that an object leaves out.

Arguments are not changed: every function returns new dicts along the path to a default.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import definitions, webhooks
from pyload.embedded.apiserver.kinds import (
    CRD,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    ENDPOINTS,
    JOB,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NODE,
    POD,
    REPLICA_SET,
    SECRET,
    STATEFUL_SET,
    VALIDATING_WEBHOOK,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.kube.resources import Obj


METADATA_NAME: Final = "kubernetes.io/metadata.name"
"""The label that carries a namespace's name."""

_POD_SPEC: Final[Obj] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
_ADMITTED: Final[Obj] = {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
_CONTAINER: Final[Obj] = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_PATIENCE: Final = tuple(
    {
        "key": f"node.kubernetes.io/{taint}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for taint in ("not-ready", "unreachable")
)


def fill(kind: Kind, obj: Obj) -> Obj:
    """Fill in an object's defaults, on every write."""
    filler = _FILLERS.get(kind)
    return filler(obj) if filler else obj


def admit(kind: Kind, obj: Obj) -> Obj:
    """Add the fields that admission adds to a new object, and reset its status."""
    if kind is POD:
        obj = _admit_pod(obj)
    elif kind is NAMESPACE:
        spec = {"finalizers": ["kubernetes"], **obj.get("spec", {})}
        obj = {**obj, "spec": spec, "status": {"phase": "Active"}}
    elif kind.has_status and not kind.status_on_create and "status" in obj:
        obj = {name: value for name, value in obj.items() if name != "status"}
    return obj


def _pod_spec(spec: Obj) -> Obj:
    spec = {**_POD_SPEC, **spec}
    for field in ("initContainers", "containers"):
        if field in spec:
            spec[field] = [_container(container) for container in spec[field]]
    if "serviceAccountName" in spec:
        spec["serviceAccount"] = spec["serviceAccountName"]
    return spec


def _container(container: Obj) -> Obj:
    filled = {**_CONTAINER, **container}
    if "imagePullPolicy" not in filled:
        name = filled.get("image", "").rpartition("/")[2]
        tag = name.partition("@")[0].partition(":")[2]
        pinned = "@" in name or (tag and tag != "latest")
        filled["imagePullPolicy"] = "IfNotPresent" if pinned else "Always"
    if "ports" in filled:
        filled["ports"] = [{"protocol": "TCP", **port} for port in filled["ports"]]
    return filled


def _pod(obj: Obj) -> Obj:
    obj = {**obj, "spec": _pod_spec(obj.get("spec", {}))}
    status = obj.get("status")
    if status and ("podIP" in status or "podIPs" in status):
        obj["status"] = _mirrored(status)
    return obj


def _mirrored(status: Obj) -> Obj:
    """Make `podIP` and `podIPs` agree; `podIP` wins."""
    ip = status.get("podIP")
    ips = status.get("podIPs")
    if ip:
        if ips and ips[0].get("ip") == ip:
            return status
        return {**status, "podIPs": [{"ip": ip}]}
    return {**status, "podIP": ips[0].get("ip", "")} if ips else status


def _admit_pod(obj: Obj) -> Obj:
    spec = {**_ADMITTED, **obj["spec"]}
    spec.setdefault("serviceAccountName", "default")
    spec["serviceAccount"] = spec["serviceAccountName"]
    given = spec.get("tolerations", [])
    for toleration in _PATIENCE:
        if not any(_tolerates(item, toleration["key"]) for item in given):
            given = [*given, toleration]
    spec["tolerations"] = given
    return {**obj, "spec": spec, "status": {"phase": "Pending", "qosClass": _qos_class(spec)}}


def _tolerates(toleration: Mapping[str, Any], key: object) -> bool:
    return toleration.get("key") in (None, "", key) and toleration.get("effect") in (
        None,
        "",
        "NoExecute",
    )


def _qos_class(spec: Obj) -> str:
    resources = [
        container["resources"]
        for field in ("containers", "initContainers")
        for container in spec.get(field, ())
    ]
    if not any(given.get("limits") or given.get("requests") for given in resources):
        return "BestEffort"
    for given in resources:
        limits = given.get("limits", {})
        if not {"cpu", "memory"} <= limits.keys() or given.get("requests", limits) != limits:
            return "Burstable"
    return "Guaranteed"


def _namespace(obj: Obj) -> Obj:
    metadata = obj["metadata"]
    labels = {**metadata.get("labels", {}), METADATA_NAME: metadata["name"]}
    return {**obj, "metadata": {**metadata, "labels": labels}}


def _node(obj: Obj) -> Obj:
    return obj if "spec" in obj else {**obj, "spec": {}}


def _secret(obj: Obj) -> Obj:
    obj = {"type": "Opaque", **obj}
    plain = obj.pop("stringData", None)
    if plain:
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in plain.items()}
        obj["data"] = {**obj.get("data", {}), **encoded}
    return obj


def _endpoints(obj: Obj) -> Obj:
    if "subsets" not in obj:
        return obj
    subsets = [
        {**subset, "ports": [{"protocol": "TCP", **port} for port in subset["ports"]]}
        if "ports" in subset
        else subset
        for subset in obj["subsets"]
    ]
    return {**obj, "subsets": subsets}


def _endpoint_slice(obj: Obj) -> Obj:
    ports = [{"name": "", "protocol": "TCP", **port} for port in obj.get("ports", ())]
    return {**obj, "endpoints": obj.get("endpoints", []), "ports": ports}


def _workload(extra: Obj) -> Callable[[Obj], Obj]:
    def filler(obj: Obj) -> Obj:
        spec = {**extra, **obj.get("spec", {})}
        template = spec.get("template")
        if template:
            spec["template"] = {**template, "spec": _pod_spec(template.get("spec", {}))}
        return {**obj, "spec": spec}

    return filler


_FILLERS: Final[Mapping[Kind, Callable[[Obj], Obj]]] = {
    CRD: definitions.complete,
    MUTATING_WEBHOOK: webhooks.complete,
    VALIDATING_WEBHOOK: webhooks.complete,
    POD: _pod,
    NAMESPACE: _namespace,
    NODE: _node,
    SECRET: _secret,
    ENDPOINTS: _endpoints,
    ENDPOINT_SLICE: _endpoint_slice,
    DEPLOYMENT: _workload(
        {
            "replicas": 1,
            "strategy": {
                "type": "RollingUpdate",
                "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
            },
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        }
    ),
    REPLICA_SET: _workload({"replicas": 1}),
    STATEFUL_SET: _workload(
        {"replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10}
    ),
    DAEMON_SET: _workload({"revisionHistoryLimit": 10}),
    JOB: _workload({"parallelism": 1, "completions": 1, "backoffLimit": 6}),
}
