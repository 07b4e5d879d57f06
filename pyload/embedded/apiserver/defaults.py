"""The API server's defaults for fields that an object leaves out.

Arguments are not changed: every function returns new dicts along the path to a default.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver import definitions, webhooks
from pyload.embedded.apiserver.kinds import (
    AUTOSCALER,
    CLUSTER_ROLE_BINDING,
    CRD,
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    ENDPOINTS,
    JOB,
    MUTATING_WEBHOOK,
    NAMESPACE,
    NODE,
    POD,
    PRIORITY_CLASS,
    REPLICA_SET,
    ROLE_BINDING,
    SECRET,
    STATEFUL_SET,
    VALIDATING_WEBHOOK,
)
from pyload.kube.resources import Obj

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.kinds import Kind


_Filler = Callable[[Obj], Obj]

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
_JOB: Final[Obj] = {
    "parallelism": 1,
    "completions": 1,
    "backoffLimit": 6,
    "completionMode": "NonIndexed",
    "podReplacementPolicy": "TerminatingOrFailed",
    "suspend": False,
}
_SCHEDULED: Final[Obj] = {
    "concurrencyPolicy": "Allow",
    "suspend": False,
    "successfulJobsHistoryLimit": 3,
    "failedJobsHistoryLimit": 1,
}
_RBAC_GROUP: Final = ROLE_BINDING.group
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


def _workload(extra: Obj, *, strategy: str = "", rolling: Obj | None = None) -> _Filler:
    """Return what fills in a kind with a template of pods.

    Args:
        extra: Fields of its spec.
        strategy: The field that says how its pods are replaced; empty for none.
        rolling: What holds for pods that are replaced one after the other.
    """

    def filler(obj: Obj) -> Obj:
        spec = {**extra, **obj.get("spec", {})}
        if strategy:
            spec[strategy] = _strategy(spec.get(strategy) or {}, rolling or {})
        template = spec.get("template")
        if template:
            spec["template"] = {**template, "spec": _pod_spec(template.get("spec", {}))}
        return {**obj, "spec": spec}

    return filler


def _strategy(given: Obj, rolling: Obj) -> Obj:
    strategy = {**given, "type": given.get("type") or "RollingUpdate"}
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = {**rolling, **(given.get("rollingUpdate") or {})}
    return strategy


def _cron_job(obj: Obj) -> Obj:
    spec = {**_SCHEDULED, **obj.get("spec", {})}
    template = spec.get("jobTemplate") or {}
    jobs = template.get("spec") or {}
    pods = jobs.get("template") or {}
    if pods:
        pods = {**pods, "spec": _pod_spec(pods.get("spec", {}))}
        spec["jobTemplate"] = {**template, "spec": {**jobs, "template": pods}}
    return {**obj, "spec": spec}


def _binding(obj: Obj) -> Obj:
    """Fill in the API groups of a binding's role and subjects."""
    filled = {**obj, "roleRef": {"apiGroup": _RBAC_GROUP, **(obj.get("roleRef") or {})}}
    if "subjects" in obj:
        filled["subjects"] = [
            one if one.get("kind") == "ServiceAccount" else {"apiGroup": _RBAC_GROUP, **one}
            for one in obj["subjects"]
        ]
    return filled


def _autoscaler(obj: Obj) -> Obj:
    spec = {"minReplicas": 1, **obj.get("spec", {})}
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]
    return {**obj, "spec": spec}


def _priority_class(obj: Obj) -> Obj:
    return {"preemptionPolicy": _ADMITTED["preemptionPolicy"], **obj}


_FILLERS: Final[Mapping[Kind, _Filler]] = {
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
            "revisionHistoryLimit": 10,
            "progressDeadlineSeconds": 600,
        },
        strategy="strategy",
        rolling={"maxUnavailable": "25%", "maxSurge": "25%"},
    ),
    REPLICA_SET: _workload({"replicas": 1}),
    STATEFUL_SET: _workload(
        {"replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10},
        strategy="updateStrategy",
        rolling={"partition": 0},
    ),
    DAEMON_SET: _workload(
        {"revisionHistoryLimit": 10},
        strategy="updateStrategy",
        rolling={"maxUnavailable": 1, "maxSurge": 0},
    ),
    JOB: _workload(_JOB),
    CRON_JOB: _cron_job,
    ROLE_BINDING: _binding,
    CLUSTER_ROLE_BINDING: _binding,
    AUTOSCALER: _autoscaler,
    PRIORITY_CLASS: _priority_class,
}
