"""The API server's defaults for pods, and for the kinds that have a template of pods.

Arguments are not changed: every function returns new dicts along the path to a default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pyload.embedded.apiserver.kinds import (
    CRON_JOB,
    DAEMON_SET,
    DEPLOYMENT,
    JOB,
    POD,
    REPLICA_SET,
    REPLICATION_CONTROLLER,
    STATEFUL_SET,
)
from pyload.kube.resources import Obj

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.apiserver.kinds import Kind

Filler = Callable[[Obj], Obj]

_POD_SPEC: Final[Obj] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}
ADMITTED: Final[Obj] = {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
_CONTAINER: Final[Obj] = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
_JOB: Final[Obj] = {
    "parallelism": 1,
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
_PATIENCE: Final = tuple(
    {
        "key": f"node.kubernetes.io/{taint}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for taint in ("not-ready", "unreachable")
)


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


def admit_pod(obj: Obj) -> Obj:
    """Add what admission adds to a new pod."""
    spec = {**ADMITTED, **obj["spec"]}
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


def _workload(extra: Obj, *, strategy: str = "", rolling: Obj | None = None) -> Filler:
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


def _job(obj: Obj) -> Obj:
    spec = obj.get("spec", {})
    if not {"completions", "parallelism"} & spec.keys():
        obj = {**obj, "spec": {**spec, "completions": 1}}
    return _workload(_JOB)(obj)


def admit_job(obj: Obj, uid: str) -> Obj:
    """Let a Job select the pods that have its UID, and label their template with it."""
    spec, template = obj["spec"], obj["spec"].get("template") or {}
    if spec.get("manualSelector"):
        return obj
    labels = (template.get("metadata") or {}).get("labels") or {}
    of_job = {"controller-uid": uid, "job-name": obj["metadata"].get("name", "")}
    prefixed = {f"batch.kubernetes.io/{key}": value for key, value in of_job.items()}
    labels = {**labels, **prefixed, **of_job}
    template = {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}}
    selector = {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}
    metadata = {**obj["metadata"], "labels": obj["metadata"].get("labels") or labels}
    spec = {**spec, "selector": selector, "template": template}
    return {**obj, "metadata": metadata, "spec": spec}


def _replication_controller(obj: Obj) -> Obj:
    obj = _workload({"replicas": 1})(obj)
    template = obj["spec"].get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    return {**obj, "spec": {"selector": labels, **obj["spec"]}}


FILLERS: Final[Mapping[Kind, Filler]] = {
    POD: _pod,
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
    JOB: _job,
    REPLICATION_CONTROLLER: _replication_controller,
    CRON_JOB: _cron_job,
}
