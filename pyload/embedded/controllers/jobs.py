"""The decisions of the controller of Jobs: how many pods a Job needs, and its status.

Pods that have ended are counted when they lose the controller's finalizer, so that none is counted
twice or forgotten. Names and times are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pyload.embedded.controllers.owners import TRACKING
from pyload.embedded.controllers.templates import pod_of
from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from pyload.embedded.controllers.owners import OwnedPod
    from pyload.kube.resources import Obj

BACKOFF_SECONDS: Final = 10.0
"""Pause before a pod is created in place of one that failed; it doubles with each."""

_LONGEST_BACKOFF: Final = 600.0
_TOO_MANY: Final = "Job has reached the specified backoff limit"
_TOO_LATE: Final = "Job was active longer than specified deadline"


@dataclass(slots=True)
class EndedPods:
    """A Job's pods that have ended and been counted.

    Attributes:
        succeeded: Those that succeeded.
        failed: Those that failed, or were deleted before they ended.
        retry_at: When the next one is created in place of one that failed.
    """

    succeeded: int = 0
    failed: int = 0
    retry_at: datetime | None = None


def job_pod(job: Obj, rng: Random) -> Obj:
    """Build a pod of a Job."""
    pod, metadata = pod_of(job, rng), job["metadata"]
    of_job = {"controller-uid": metadata["uid"], "job-name": metadata["name"]}
    prefixed = {f"batch.kubernetes.io/{key}": value for key, value in of_job.items()}
    pod["metadata"]["labels"] = {**pod["metadata"]["labels"], **prefixed, **of_job}
    pod["metadata"]["finalizers"] = [TRACKING]
    return pod


def is_finished(job: Obj) -> bool:
    """Return whether a Job is complete or has failed."""
    return has_condition(job, "Complete") or has_condition(job, "Failed")


def is_ended(pod: OwnedPod) -> bool:
    """Return whether a pod that has the controller's finalizer is to be counted."""
    return pod.tracked and (pod.phase in ("Succeeded", "Failed") or pod.terminating)


def missing_of_job(job: Obj, pods: Iterable[OwnedPod], ended: EndedPods) -> int:
    """Return how many more pods a Job needs; a negative number is of those that it has too many.

    Args:
        job: The Job.
        pods: Its pods.
        ended: Those that have ended and been counted.
    """
    spec, there = job["spec"], list(pods)
    active = sum(pod.active for pod in there)
    succeeded = ended.succeeded + sum(pod.tracked and pod.phase == "Succeeded" for pod in there)
    if spec.get("suspend"):
        return -active
    completions = spec.get("completions")
    parallel = spec.get("parallelism", 1)
    if completions is None:
        # Any success ends a Job that works off a queue; the pods that run may finish.
        wanted = active if succeeded else parallel
    else:
        wanted = min(parallel, completions - succeeded)
    return wanted - active


def why_failed(job: Obj, ended: EndedPods, *, now: datetime) -> tuple[str, str] | None:
    """Return the reason and the text of a Job's failure; None if it may go on."""
    spec = job["spec"]
    if ended.failed > spec.get("backoffLimit", 6):
        return "BackoffLimitExceeded", _TOO_MANY
    until = deadline(job)
    if until is not None and now >= until:
        return "DeadlineExceeded", _TOO_LATE
    return None


def deadline(job: Obj) -> datetime | None:
    """Return when a Job has been active for too long; None if it never will."""
    seconds = job["spec"].get("activeDeadlineSeconds")
    started = (job.get("status") or {}).get("startTime")
    if seconds is None or not started:
        return None
    return datetime.fromisoformat(started) + timedelta(seconds=seconds)


def backoff(failed: int) -> timedelta:
    """Return the pause after a number of failures."""
    return timedelta(seconds=min(_LONGEST_BACKOFF, BACKOFF_SECONDS * 2 ** min(failed - 1, 10)))


def expiry(job: Obj) -> datetime | None:
    """Return when a finished Job is to be deleted; None for never."""
    seconds = job["spec"].get("ttlSecondsAfterFinished")
    if seconds is None:
        return None
    for one in (job.get("status") or {}).get("conditions") or ():
        if one.get("type") in ("Complete", "Failed") and one.get("status") == "True":
            return datetime.fromisoformat(one["lastTransitionTime"]) + timedelta(seconds=seconds)
    return None


def job_status(
    job: Obj,
    pods: Iterable[OwnedPod],
    ended: EndedPods,
    *,
    failure: tuple[str, str] | None,
    now: str,
) -> Obj:
    """Return a Job's status.

    Args:
        job: The Job.
        pods: Its pods.
        ended: Those that have ended and been counted.
        failure: Reason and text of its failure, or None.
        now: A Kubernetes timestamp.
    """
    before, spec = job.get("status") or {}, job["spec"]
    there = list(pods)
    active = [pod for pod in there if pod.active]
    counts = {
        "active": len(active),
        "ready": sum(pod.ready for pod in active),
        "succeeded": ended.succeeded,
        "failed": ended.failed,
    }
    conditions = list(before.get("conditions") or ())
    status: Obj = {name: count for name, count in counts.items() if count}
    if not spec.get("suspend"):
        status["startTime"] = before.get("startTime", now)
    _suspend(conditions, suspended=bool(spec.get("suspend")), now=now)
    completions = spec.get("completions")
    enough = ended.succeeded >= (1 if completions is None else completions)
    still = active or any(pod.tracked for pod in there)
    if not is_finished(job) and failure:
        _finish(conditions, "FailureTarget", now, *failure)
        if not still:
            _finish(conditions, "Failed", now, *failure)
    elif not is_finished(job) and enough and not still and not spec.get("suspend"):
        for type_ in ("SuccessCriteriaMet", "Complete"):
            text = "Reached expected number of succeeded pods"
            _finish(conditions, type_, now, "CompletionsReached", text)
    if any(one["type"] == "Complete" for one in conditions):
        status["completionTime"] = before.get("completionTime", now)
    if conditions:
        status["conditions"] = conditions
    return status


def _finish(conditions: list[Obj], type_: str, now: str, reason: str, message: str) -> None:
    if not any(one["type"] == type_ for one in conditions):
        conditions.append(_condition(type_, "True", now, reason, message))


def _suspend(conditions: list[Obj], *, suspended: bool, now: str) -> None:
    """Replace the condition that says whether a Job is suspended; one that never was has none."""
    at = next((at for at, one in enumerate(conditions) if one["type"] == "Suspended"), None)
    value = "True" if suspended else "False"
    if at is None and not suspended:
        return
    if at is not None and conditions[at]["status"] == value:
        return
    word = "suspended" if suspended else "resumed"
    condition = _condition("Suspended", value, now, f"Job{word.title()}", f"Job {word}")
    if at is None:
        conditions.append(condition)
    else:
        conditions[at] = condition


def _condition(type_: str, status: str, now: str, reason: str, message: str) -> Obj:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": now,
        "lastTransitionTime": now,
    }
