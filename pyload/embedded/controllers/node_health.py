"""The decisions of the controller of nodes: which are lost, their taints, which pods must go."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from pyload.embedded.controllers.scheduler import tolerates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.kube.resources import Obj

GRACE: Final = 40.0
"""Seconds without a sign of life after which a node is lost."""

STARTUP: Final = 60.0
"""Seconds that a new node has for its first one."""

_UNREACHABLE: Final = "node.kubernetes.io/unreachable"
_NOT_READY: Final = "node.kubernetes.io/not-ready"
_EFFECTS: Final = ("NoSchedule", "NoExecute")
_WATCHED: Final = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


def readiness(node: Obj) -> str:
    """Return the status of a node's condition Ready; empty before it has any."""
    return str(_condition(node, "Ready").get("status", ""))


def heartbeat(node: Obj, lease: Obj | None) -> tuple[str, str]:
    """Return what changes with each sign of a node's life; empty before the first."""
    return renewal(lease or {}), str(_condition(node, "Ready").get("lastHeartbeatTime", ""))


def renewal(lease: Obj) -> str:
    """Return when a Lease was renewed; empty if it never was."""
    return str((lease.get("spec") or {}).get("renewTime", ""))


def _condition(obj: Obj, type_: str) -> Obj:
    for one in (obj.get("status") or {}).get("conditions") or ():
        if one.get("type") == type_:
            found: Obj = one
            return found
    return {}


def lost_status(node: Obj, *, now: str) -> Obj:
    """Return the status of a node that shows no sign of life."""
    status = node.get("status") or {}
    conditions = []
    for type_ in _WATCHED:
        old = _condition(node, type_)
        if old.get("status") == "Unknown":
            conditions.append(old)
            continue
        why = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
        if not old:
            why = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
        conditions.append(
            {
                "type": type_,
                "status": "Unknown",
                "lastHeartbeatTime": old.get("lastHeartbeatTime", now),
                "lastTransitionTime": now,
                "reason": why[0],
                "message": why[1],
            }
        )
    others = [one for one in status.get("conditions") or () if one["type"] not in _WATCHED]
    return {**status, "conditions": [*conditions, *others]}


def tainted(node: Obj, *, now: str) -> Obj:
    """Return a node with the taints that its readiness asks for; the node itself if it has them."""
    spec = node.get("spec") or {}
    key = {"False": _NOT_READY, "Unknown": _UNREACHABLE}.get(readiness(node), "")
    before = spec.get("taints") or []
    taints = [one for one in before if one["key"] not in (_UNREACHABLE, _NOT_READY)]
    for effect in _EFFECTS if key else ():
        known = [one for one in before if (one["key"], one.get("effect")) == (key, effect)]
        taints.append(known[0] if known else {"key": key, "effect": effect, "timeAdded": now})
    if taints == before:
        return node
    changed = {name: value for name, value in spec.items() if name != "taints"}
    return {**node, "spec": {**changed, "taints": taints} if taints else changed}


def patience(pod: Obj, node: Obj) -> float | None:
    """Return how many seconds a pod may stay on a node whose taints evict; None for ever."""
    shortest: float | None = None
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint.get("effect") != "NoExecute":
            continue
        known = taint["key"], taint.get("value", ""), taint["effect"]
        bearing = [one for one in pod["spec"].get("tolerations") or () if tolerates(one, known)]
        if not bearing:
            return 0.0
        limits = [one["tolerationSeconds"] for one in bearing if "tolerationSeconds" in one]
        if limits and (shortest is None or min(limits) < shortest):
            shortest = max(0.0, float(min(limits)))
    return shortest


def evicting_since(node: Obj) -> datetime | None:
    """Return since when a node has had a taint that evicts; None if it has none."""
    added = [
        datetime.fromisoformat(one["timeAdded"])
        for one in (node.get("spec") or {}).get("taints") or ()
        if one.get("effect") == "NoExecute" and one.get("timeAdded")
    ]
    return min(added, default=None)


def unready_status(pod: Obj, *, now: str) -> Obj | None:
    """Return the status of a pod whose node is lost; None if it is not ready anyway."""
    if _condition(pod, "Ready").get("status") != "True":
        return None
    conditions: Iterable[Obj] = pod["status"]["conditions"]
    return {
        **pod["status"],
        "conditions": [
            {**one, "status": "False", "lastTransitionTime": now} if one["type"] == "Ready" else one
            for one in conditions
        ],
    }
