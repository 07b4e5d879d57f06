"""The stages of kwok: which comes next for a pod or a node, and the status that it leads to.

Times and randomness are arguments. The stages are kwok's: pod-fast, pod-general and
node-fast.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

from pyload.kube.resources import has_condition
from pyload.units import Duration

if TYPE_CHECKING:
    from random import Random

    from pyload.kube.resources import Obj

Stages = Literal["fast", "general"]

VERSION: Final = "kwok-0.9.0"
"""What kwok writes where a node names no version."""

NODE_IP: Final = "192.0.2.1"
"""Address of nodes that name none."""

HEARTBEAT: Final = (600.0, 610.0)
"""Seconds between two heartbeats of a node."""

_DELAY: Final = (1.0, 5.0)
_NODE: Final = "kwok.x-k8s.io/node"
_CAPACITY: Final[Obj] = {"cpu": "1k", "memory": "1Ti", "pods": "1M"}
_NODE_INFO: Final[Obj] = {
    "architecture": "amd64",
    "containerRuntimeVersion": VERSION,
    "kernelVersion": VERSION,
    "kubeProxyVersion": VERSION,
    "kubeletVersion": VERSION,
    "operatingSystem": "linux",
}
_NODE_CONDITIONS: Final = (
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("NetworkUnavailable", "False", "RouteCreated", "RouteController created a route"),
)


class Stage(Enum):
    """A step in a pod's life; the value is kwok's name for it."""

    CREATE = "pod-create"
    INIT_RUNNING = "pod-init-container-running"
    INIT_COMPLETED = "pod-init-container-completed"
    READY = "pod-ready"
    COMPLETE = "pod-complete"
    DELETE = "pod-delete"


def is_kwok(node: Obj) -> bool:
    """Return whether a node carries the annotation by which kwok knows its nodes."""
    annotations = node["metadata"].get("annotations") or {}
    return annotations.get(_NODE) == "fake"


def next_stage(pod: Obj, stages: Stages) -> Stage | None:
    """Return the next stage of a pod on a kwok node; None while there is none.

    A pod without any grace left is removed by the API server, once its finalizers are gone.
    """
    metadata = pod["metadata"]
    status = pod.get("status") or {}
    if metadata.get("deletionTimestamp"):
        held = stages == "general" and metadata.get("finalizers")
        return None if held or metadata.get("deletionGracePeriodSeconds") == 0 else Stage.DELETE
    phase = status.get("phase") or "Pending"
    if phase == "Running":
        owners = metadata.get("ownerReferences") or ()
        return Stage.COMPLETE if any(one.get("kind") == "Job" for one in owners) else None
    if phase != "Pending":
        return None
    if stages == "general":
        return _before_ready(status)
    return None if has_condition(pod) else Stage.READY


def _before_ready(status: Obj) -> Stage:
    """Choose the next of pod-general's stages for a pending pod."""
    if not status.get("containerStatuses"):
        return Stage.CREATE
    inits = [one.get("state") or {} for one in status.get("initContainerStatuses") or ()]
    if any("waiting" in state for state in inits):
        return Stage.INIT_RUNNING
    if any("running" in state for state in inits):
        return Stage.INIT_COMPLETED
    return Stage.READY


def delay(stage: Stage, pod: Obj, stages: Stages, *, now: datetime, rng: Random) -> float:
    """Choose how many seconds pass before a stage happens.

    A pod's annotations ``STAGE.stage.kwok.x-k8s.io/delay`` and ``jitter-delay`` override the
    bounds of pod-general; pod-fast knows no delays.
    """
    if stages == "fast":
        return 0.0
    low, high = _DELAY
    if stage is Stage.DELETE:
        until = datetime.fromisoformat(pod["metadata"]["deletionTimestamp"])
        high = (until - now.astimezone(UTC)).total_seconds()
    annotations = pod["metadata"].get("annotations") or {}
    prefix = f"{stage.value}.stage.kwok.x-k8s.io/"
    low = _seconds(annotations.get(f"{prefix}delay"), low)
    high = _seconds(annotations.get(f"{prefix}jitter-delay"), high)
    # The second bound wins where it is the smaller one, as in kwok.
    return rng.uniform(low, high) if high > low else max(0.0, high)


def _seconds(text: str | None, default: float) -> float:
    try:
        return Duration.parse(text).seconds if text else default
    except ValueError:
        return default


def pod_status(stage: Stage, pod: Obj, *, ip: str, host_ip: str, now: str) -> Obj:
    """Return a pod's status after a stage other than DELETE.

    Args:
        stage: The stage.
        pod: The pod before.
        ip: Its address; may be empty.
        host_ip: Its node's address; may be empty.
        now: A Kubernetes timestamp.
    """
    status = dict(pod.get("status") or {})
    addresses = _addresses(ip, host_ip)
    match stage:
        case Stage.CREATE:
            return _created(status, pod["spec"], addresses, now)
        case Stage.INIT_RUNNING | Stage.INIT_COMPLETED:
            return _initializing(status, pod["spec"], now, done=stage is Stage.INIT_COMPLETED)
        case Stage.READY:
            return _ready(status, pod["spec"], addresses, now)
        case Stage.COMPLETE:
            containers = [_completed(one, now) for one in pod["spec"]["containers"]]
            return {**status, "containerStatuses": containers, "phase": "Succeeded"}
        case Stage.DELETE:
            raise AssertionError("a deleted pod has no status")


def _created(status: Obj, spec: Obj, addresses: Obj, now: str) -> Obj:
    inits = spec.get("initContainers") or ()
    status |= {"phase": "Pending", "startTime": now, **addresses}
    why = "PodInitializing" if inits else "ContainerCreating"
    status["containerStatuses"] = [_waiting(one, why) for one in spec["containers"]]
    if inits:
        status["initContainerStatuses"] = [_waiting(one, "PodInitializing") for one in inits]
    conditions = [("Initialized", not inits), ("Ready", False), ("ContainersReady", False)]
    return _with_conditions(status, conditions, now)


def _initializing(status: Obj, spec: Obj, now: str, *, done: bool) -> Obj:
    inits = spec.get("initContainers") or ()
    status["initContainerStatuses"] = [
        # pod-general ends native sidecars too.
        _initialized(one, now) if done else _running(one, now, started=True)
        for one in inits
    ]
    return _with_conditions(status, [("Initialized", True)] if done else [], now)


def _ready(status: Obj, spec: Obj, addresses: Obj, now: str) -> Obj:
    inits = spec.get("initContainers") or ()
    status |= {"phase": "Running", **addresses}
    status.setdefault("startTime", now)
    status["containerStatuses"] = [_running(one, now) for one in spec["containers"]]
    if inits and "initContainerStatuses" not in status:
        status["initContainerStatuses"] = [_init(one, now) for one in inits]
    gates = [gate["conditionType"] for gate in spec.get("readinessGates") or ()]
    true = ("Initialized", "Ready", "ContainersReady", *gates)
    return _with_conditions(status, [(type_, True) for type_ in true], now)


def _with_conditions(status: Obj, changes: list[tuple[str, bool]], now: str) -> Obj:
    changed = [
        {"type": type_, "status": "True" if value else "False", "lastTransitionTime": now}
        for type_, value in changes
    ]
    named = {type_ for type_, _ in changes}
    kept = [one for one in status.get("conditions") or () if one["type"] not in named]
    return {**status, "conditions": [*changed, *kept]}


def _addresses(ip: str, host_ip: str) -> Obj:
    addresses: Obj = {}
    if host_ip:
        addresses |= {"hostIP": host_ip, "hostIPs": [{"ip": host_ip}]}
    if ip:
        addresses |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    return addresses


def _container(container: Obj, state: Obj, *, ready: bool, **rest: bool) -> Obj:
    return {
        "name": container["name"],
        "state": state,
        "lastState": {},
        "ready": ready,
        "restartCount": 0,
        "image": container.get("image", ""),
        "imageID": "",
        **rest,
    }


def _waiting(container: Obj, why: str) -> Obj:
    return _container(container, {"waiting": {"reason": why}}, ready=False)


def _running(container: Obj, now: str, **rest: bool) -> Obj:
    return _container(container, {"running": {"startedAt": now}}, ready=True, **rest)


def _ended(now: str) -> Obj:
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now}
    return {"terminated": ended}


def _completed(container: Obj, now: str) -> Obj:
    return _container(container, _ended(now), ready=False, started=False)


def _initialized(container: Obj, now: str) -> Obj:
    return _container(container, _ended(now), ready=True)


def _init(container: Obj, now: str) -> Obj:
    if container.get("restartPolicy") == "Always":
        return _running(container, now, started=True)
    return _initialized(container, now)


def node_status(node: Obj, *, ip: str, port: int, now: str) -> Obj:
    """Return a node's status after node-initialize or a heartbeat: Ready, its own fields kept.

    Args:
        node: The node before.
        ip: Address for nodes that have none; may be empty.
        port: Port of the pretended kubelet.
        now: A Kubernetes timestamp.
    """
    status = dict(node.get("status") or {})
    before = {one["type"]: one for one in status.get("conditions") or ()}
    created = node["metadata"].get("creationTimestamp", now)
    conditions = []
    for type_, value, reason, message in _NODE_CONDITIONS:
        old = before.pop(type_, {})
        kept = old.get("lastTransitionTime") if old.get("status") == value else None
        conditions.append(
            {
                "type": type_,
                "status": value,
                "lastHeartbeatTime": now,
                "lastTransitionTime": kept or created,
                "reason": reason,
                "message": message,
            }
        )
    status["conditions"] = [*conditions, *before.values()]
    addresses = list(status.get("addresses") or ())
    if ip and not any(one.get("type") == "InternalIP" for one in addresses):
        addresses.append({"type": "InternalIP", "address": ip})
    if addresses:
        status["addresses"] = addresses
    for field in ("allocatable", "capacity"):
        status[field] = status.get(field) or _CAPACITY
    given = {name: text for name, text in (status.get("nodeInfo") or {}).items() if text}
    status["nodeInfo"] = {**_NODE_INFO, **given}
    status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": port}}
    status["phase"] = "Running"
    return status


def internal_ip(node: Obj) -> str:
    """Find a node's address; empty if it has none."""
    for one in (node.get("status") or {}).get("addresses") or ():
        if one.get("type") == "InternalIP":
            return str(one.get("address", ""))
    return ""
