"""The decisions of the controllers of Deployments, ReplicaSets and Jobs.

They are which pods to create and delete, and the status to write; names and times are arguments.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from pyload.embedded.controllers.tracked_objects import TRACKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

    from pyload.embedded.controllers.tracked_objects import TrackedPod
    from pyload.kube.resources import Obj


HASH: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def suffix(rng: Random) -> str:
    """Choose the end of a generated name."""
    return "".join(rng.choices(_LETTERS, k=5))


def template_hash(template: Obj) -> str:
    """Return the label that distinguishes a Deployment's templates."""
    digits = str(zlib.crc32(orjson.dumps(template, option=orjson.OPT_SORT_KEYS)))
    return "".join(_LETTERS[ord(digit) % len(_LETTERS)] for digit in digits)


def replica_set_of(deployment: Obj, *, revision: int) -> Obj:
    """Build the ReplicaSet of a Deployment's present template, with no replicas yet."""
    metadata, spec = deployment["metadata"], deployment["spec"]
    template = spec["template"]
    tag = template_hash(template)
    of_template = template.get("metadata") or {}
    labels = {**(of_template.get("labels") or {}), HASH: tag}
    selector = spec.get("selector") or {}
    matched = {**(selector.get("matchLabels") or {}), HASH: tag}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{metadata['name']}-{tag}",
            "namespace": metadata["namespace"],
            "labels": labels,
            "annotations": {REVISION: str(revision)},
            "ownerReferences": [_reference(deployment, "apps/v1", "Deployment")],
        },
        "spec": {
            "replicas": 0,
            "selector": {**selector, "matchLabels": matched},
            "template": {**template, "metadata": {**of_template, "labels": labels}},
        },
    }


def pod_of(owner: Obj, kind: str, name: str) -> Obj:
    """Build a pod from the template of a ReplicaSet or Job."""
    metadata, template = owner["metadata"], owner["spec"]["template"]
    given = template.get("metadata") or {}
    of_pod: Obj = {
        "name": name,
        "generateName": f"{metadata['name']}-",
        "namespace": metadata["namespace"],
        "labels": given.get("labels") or {},
        "annotations": given.get("annotations") or {},
    }
    version = "apps/v1"
    if kind == "Job":
        version = "batch/v1"
        of_job = {"controller-uid": metadata["uid"], "job-name": metadata["name"]}
        prefixed = {f"batch.kubernetes.io/{key}": value for key, value in of_job.items()}
        of_pod["labels"] = {**of_pod["labels"], **prefixed, **of_job}
        of_pod["finalizers"] = [TRACKING]
    of_pod["ownerReferences"] = [_reference(owner, version, kind)]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": of_pod, "spec": template["spec"]}


def _reference(owner: Obj, version: str, kind: str) -> Obj:
    return {
        "apiVersion": version,
        "kind": kind,
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def missing_and_surplus(wanted: int, pods: Iterable[TrackedPod]) -> tuple[int, list[TrackedPod]]:
    """Compare a number of replicas with the pods that are there.

    Returns:
        How many are missing, and which are too many: those that have come least far, then the
        newest.
    """
    active = [pod for pod in pods if pod.active]
    surplus = len(active) - wanted
    if surplus <= 0:
        return -surplus, []
    active.sort(key=lambda pod: pod.created, reverse=True)
    active.sort(key=lambda pod: (bool(pod.node), pod.phase == "Running", pod.ready))
    return 0, active[:surplus]


def replica_set_status(replica_set: Obj, pods: Iterable[TrackedPod]) -> Obj:
    """Return a ReplicaSet's status."""
    active = [pod for pod in pods if pod.active]
    ready = sum(pod.ready for pod in active)
    counts = {
        "fullyLabeledReplicas": len(active),
        "readyReplicas": ready,
        "availableReplicas": ready,
    }
    return {
        "replicas": len(active),
        **{name: count for name, count in counts.items() if count},
        "observedGeneration": replica_set["metadata"].get("generation", 1),
    }


@dataclass(frozen=True, slots=True)
class ReplicaCounts:
    """The progress of one of a Deployment's ReplicaSets.

    Attributes:
        wanted: Its ``spec.replicas``.
        pods: Pods that it has.
        ready: Those of them that are ready.
    """

    wanted: int
    pods: int
    ready: int


def rollout(
    deployment: Obj, new: ReplicaCounts, olds: Sequence[ReplicaCounts]
) -> tuple[int, list[int]]:
    """Decide how many replicas each ReplicaSet of a Deployment shall have next.

    The strategy's maxSurge bounds how many there are, maxUnavailable how many are missing.

    Args:
        deployment: The Deployment.
        new: The ReplicaSet of its present template.
        olds: Those of former templates, the oldest first.

    Returns:
        Replicas of the new one, and of each old one.
    """
    spec = deployment["spec"]
    wanted = spec.get("replicas", 1)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        gone = not any(old.pods for old in olds)
        return wanted if gone else new.wanted, [0] * len(olds)
    surge, unavailable = _bounds(strategy.get("rollingUpdate") or {}, wanted)
    total = new.wanted + sum(old.wanted for old in olds)
    target = min(wanted, max(new.wanted, new.wanted + wanted + surge - total))
    least = wanted - unavailable
    # Pods that never became ready may go as far as the new ones' own are not missing.
    budget = total - least - max(0, new.wanted - new.ready)
    left = [old.wanted for old in olds]
    for at, old in enumerate(olds):
        cut = max(0, min(old.wanted - old.ready, budget))
        left[at] -= cut
        budget -= cut
    spare = min(budget, new.ready + sum(old.ready for old in olds) - least)
    for at in range(len(olds)):
        cut = max(0, min(left[at], spare))
        left[at] -= cut
        spare -= cut
    return target, left


def _bounds(rolling: Obj, wanted: int) -> tuple[int, int]:
    surge = math.ceil(share(rolling.get("maxSurge", "25%"), wanted))
    unavailable = math.floor(share(rolling.get("maxUnavailable", "25%"), wanted))
    return surge, unavailable if surge or unavailable else 1


def share(value: Any, wanted: int) -> float:
    """Return a number, or a percentage of what is wanted."""
    if isinstance(value, str) and value.endswith("%"):
        return int(value[:-1]) * wanted / 100
    return int(value)


def deployment_status(
    deployment: Obj, new: ReplicaCounts, olds: Sequence[ReplicaCounts], *, now: str
) -> Obj:
    """Return a Deployment's status.

    Args:
        deployment: The Deployment.
        new: The ReplicaSet of its present template.
        olds: Those of former templates.
        now: A Kubernetes timestamp.
    """
    spec = deployment["spec"]
    wanted = spec.get("replicas", 1)
    total = new.pods + sum(old.pods for old in olds)
    ready = new.ready + sum(old.ready for old in olds)
    _, unavailable = _bounds((spec.get("strategy") or {}).get("rollingUpdate") or {}, wanted)
    enough = ready >= wanted - unavailable
    complete = new.ready == wanted and total == wanted
    counts = {
        "replicas": total,
        "updatedReplicas": new.pods,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, max(total, wanted) - ready),
    }
    before = (deployment.get("status") or {}).get("conditions") or ()
    return {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        **{name: count for name, count in counts.items() if count},
        "conditions": [
            _condition(
                before,
                now,
                type="Available",
                status="True" if enough else "False",
                reason="MinimumReplicas" + ("Available" if enough else "Unavailable"),
            ),
            _condition(
                before,
                now,
                type="Progressing",
                status="True",
                reason="NewReplicaSetAvailable" if complete else "ReplicaSetUpdated",
            ),
        ],
    }


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


def missing_of_job(job: Obj, pods: Iterable[TrackedPod], *, succeeded: int) -> int:
    """Return how many more pods a Job needs.

    Args:
        job: The Job.
        pods: Its pods.
        succeeded: Pods that have ended and been counted.
    """
    spec = job["spec"]
    completions = spec.get("completions")
    ended = succeeded + sum(pod.tracked and pod.phase == "Succeeded" for pod in pods)
    parallel = spec.get("parallelism", 1)
    if completions is None:
        # Any success ends a Job that works off a queue.
        wanted = 0 if ended else parallel
    else:
        wanted = min(parallel, completions - ended)
    return max(0, wanted - sum(pod.active for pod in pods))


def job_status(job: Obj, pods: Iterable[TrackedPod], *, succeeded: int, now: str) -> Obj:
    """Return a Job's status.

    Args:
        job: The Job.
        pods: Its pods.
        succeeded: Pods that have ended and been counted.
        now: A Kubernetes timestamp.
    """
    before = job.get("status") or {}
    active = [pod for pod in pods if pod.active]
    counts = {
        "active": len(active),
        "ready": sum(pod.ready for pod in active),
        "succeeded": succeeded,
    }
    status: Obj = {
        "startTime": before.get("startTime", now),
        **{name: count for name, count in counts.items() if count},
    }
    completions = job["spec"].get("completions")
    if succeeded >= (1 if completions is None else completions) and not active:
        status["completionTime"] = before.get("completionTime", now)
        old = before.get("conditions") or ()
        status["conditions"] = old or [
            {"type": type_, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
            for type_ in ("SuccessCriteriaMet", "Complete")
        ]
    return status
