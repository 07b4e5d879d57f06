"""The status of Deployments: how many pods there are, and how far a rollout is.

Times are arguments.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pyload.embedded.controllers.deployments import bounds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyload.embedded.controllers.deployments import ReplicaCounts
    from pyload.kube.resources import Obj


def deployment_status(
    deployment: Obj, new: ReplicaCounts, olds: Sequence[ReplicaCounts], *, name: str, now: str
) -> Obj:
    """Return a Deployment's status.

    Args:
        deployment: The Deployment.
        new: The ReplicaSet of its present template.
        olds: Those of former templates.
        name: Name of the new one; empty while there is none.
        now: A Kubernetes timestamp.
    """
    spec, before = deployment["spec"], deployment.get("status") or {}
    wanted = spec.get("replicas", 1)
    total = new.pods + sum(old.pods for old in olds)
    ready = new.ready + sum(old.ready for old in olds)
    _, unavailable = bounds((spec.get("strategy") or {}).get("rollingUpdate") or {}, wanted)
    enough = ready >= wanted - unavailable
    counts = {
        "replicas": total,
        "updatedReplicas": new.pods,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, max(total, wanted) - ready),
    }
    conditions = before.get("conditions") or ()
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **{name: count for name, count in counts.items() if count},
    }
    available = _condition(
        conditions,
        now,
        type="Available",
        status="True" if enough else "False",
        reason="MinimumReplicas" + ("Available" if enough else "Unavailable"),
        message=f"Deployment {'has' if enough else 'does not have'} minimum availability.",
    )
    complete = new.ready == wanted and total == wanted
    progressing = _progressing(deployment, status, complete=complete)
    old = progress_of(deployment)
    if is_late(deployment, now=now) and progressing == old.get("reason"):
        progressing = "ProgressDeadlineExceeded"
    elif progressing == "ReplicaSetUpdated" and _has_progressed(status, before):
        # Each step of the rollout moves its deadline.
        conditions = [one for one in conditions if one is not old]
        conditions.append({**old, "message": ""})
    value, text = _PROGRESS[progressing]
    status["conditions"] = [
        available,
        _condition(
            conditions,
            now,
            type="Progressing",
            status=value,
            reason=progressing,
            message=text.format(name=name),
        ),
    ]
    return status


_PROGRESS: Final = {
    "DeploymentPaused": ("Unknown", "Deployment is paused"),
    "DeploymentResumed": ("Unknown", "Deployment is resumed"),
    "NewReplicaSetAvailable": ("True", 'ReplicaSet "{name}" has successfully progressed.'),
    "NewReplicaSetCreated": ("True", 'Created new replica set "{name}"'),
    "ProgressDeadlineExceeded": ("False", 'ReplicaSet "{name}" has timed out progressing.'),
    "ReplicaSetUpdated": ("True", 'ReplicaSet "{name}" is progressing.'),
}
"""Status and message of the condition Progressing, by its reason."""

_UNDER_WAY: Final = frozenset(("NewReplicaSetCreated", "ReplicaSetUpdated", "DeploymentResumed"))


def _progressing(deployment: Obj, status: Obj, *, complete: bool) -> str:
    """Return how far a rollout is: the reason of its condition, but for one that is late."""
    before = deployment.get("status") or {}
    old = progress_of(deployment)
    reason = str(old.get("reason", "NewReplicaSetCreated"))
    if deployment["spec"].get("paused"):
        return "DeploymentPaused"
    if complete:
        return "NewReplicaSetAvailable"
    if reason == "DeploymentPaused":
        return "DeploymentResumed"
    if old and (_has_progressed(status, before) or reason == "NewReplicaSetAvailable"):
        return "ReplicaSetUpdated"
    return reason


def progress_of(deployment: Obj) -> Obj:
    """Return the condition Progressing of a Deployment; empty without one."""
    for one in (deployment.get("status") or {}).get("conditions") or ():
        if one.get("type") == "Progressing":
            found: Obj = one
            return found
    return {}


def _has_progressed(status: Obj, before: Obj) -> bool:
    """Return whether a rollout has come further since the status before."""

    def of(name: str) -> int:
        return int(status.get(name, 0)) - int(before.get(name, 0))

    retired = of("updatedReplicas") - of("replicas")
    generation = status["observedGeneration"] != before.get("observedGeneration")
    steps = (of("updatedReplicas"), retired, of("readyReplicas"), of("availableReplicas"))
    return generation or any(step > 0 for step in steps)


def deadline(deployment: Obj) -> datetime | None:
    """Return when a rollout is late unless it comes further; None while none is under way."""
    condition = progress_of(deployment)
    if condition.get("reason") not in _UNDER_WAY:
        return None
    seconds = deployment["spec"].get("progressDeadlineSeconds", 600)
    return datetime.fromisoformat(condition["lastUpdateTime"]) + timedelta(seconds=seconds)


def is_late(deployment: Obj, *, now: str) -> bool:
    """Return whether a rollout has not come further for longer than its deadline."""
    until = deadline(deployment)
    return until is not None and datetime.fromisoformat(now) > until


def _condition(before: Iterable[Obj], now: str, **fields: str) -> Obj:
    """Return a condition with its times, which stay while nothing changes."""
    old = next((one for one in before if one.get("type") == fields["type"]), {})
    same = all(old.get(name) == value for name, value in fields.items())
    turned = old.get("status") != fields["status"]
    return {
        **fields,
        "lastUpdateTime": old.get("lastUpdateTime", now) if same else now,
        "lastTransitionTime": now if turned else old.get("lastTransitionTime", now),
    }
