"""What Jobs want, and their status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.controllers.jobs import (
    EndedPods,
    backoff,
    expiry,
    is_ended,
    is_finished,
    job_status,
    missing_of_job,
    why_failed,
)
from pyload.embedded.controllers.owners import OwnedPod

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

NOW = datetime(2026, 11, 28, tzinfo=UTC)
A, B, C = (f"2026-11-28T00:00:0{second}Z" for second in range(3))


@pytest.mark.parametrize(
    ("spec", "pods", "succeeded", "missing"),
    [
        ({"completions": 3, "parallelism": 2}, [], 0, 2),
        ({"completions": 3, "parallelism": 2}, [OwnedPod(("m", "a"))], 0, 1),
        ({"completions": 3, "parallelism": 2}, [], 2, 1),
        ({"completions": 1}, [OwnedPod(("m", "a"), phase="Succeeded", tracked=True)], 0, 0),
        ({"completions": 1}, [OwnedPod(("m", "a"), phase="Succeeded")], 1, 0),
        ({"parallelism": 2}, [], 0, 2),
        ({"parallelism": 2}, [OwnedPod(("m", "a"))], 1, 0),
        ({"completions": 2, "parallelism": 0}, [], 0, 0),
    ],
)
def test_a_job_gets_the_pods_it_needs(
    spec: Obj, pods: list[OwnedPod], succeeded: int, missing: int
) -> None:
    """A Job would run too often, too rarely, or too wide."""
    assert missing_of_job({"spec": spec}, pods, EndedPods(succeeded)) == missing


def _next(job: Obj, pods: list[OwnedPod], ended: EndedPods, now: str, failure: Any = None) -> Obj:
    return {**job, "status": job_status(job, pods, ended, failure=failure, now=now)}


def _conditions(job: Obj) -> list[tuple[str, str, str]]:
    conditions = job["status"].get("conditions", ())
    return [(one["type"], one["status"], one["reason"]) for one in conditions]


def test_a_job_is_complete_once() -> None:
    """Its times would change with every look at it."""
    job: Obj = {"spec": {"completions": 1}}
    running = _next(job, [OwnedPod(("m", "a"), ready=True)], EndedPods(), A)
    done = _next(running, [], EndedPods(1), B)

    assert running["status"] == {"startTime": A, "active": 1, "ready": 1}
    status = done["status"]
    assert (status["startTime"], status["completionTime"], status["succeeded"]) == (A, B, 1)
    assert [one["type"] for one in status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert _next(done, [], EndedPods(1), C) == done
    assert is_finished(done)


def test_a_job_whose_pods_fail_ends() -> None:
    """It would start pods for ever."""
    job: Obj = {"spec": {"completions": 1, "backoffLimit": 1}}

    assert why_failed(job, EndedPods(0, 1), now=NOW) is None
    failure = why_failed(job, EndedPods(0, 2), now=NOW)
    assert failure is not None
    ending = _next(job, [OwnedPod(("m", "a"))], EndedPods(0, 2), A, failure)
    failed = _next(ending, [], EndedPods(0, 2), B, failure)

    assert _conditions(ending) == [("FailureTarget", "True", "BackoffLimitExceeded")]
    assert _conditions(failed)[1:] == [("Failed", "True", "BackoffLimitExceeded")]
    assert is_finished(failed)
    assert [backoff(count).total_seconds() for count in (1, 2, 3, 99)] == [10, 20, 40, 600]


def test_a_job_may_take_too_long() -> None:
    """Its deadline would be without effect."""
    job: Obj = {"spec": {"activeDeadlineSeconds": 60}, "status": {"startTime": A}}

    assert why_failed(job, EndedPods(), now=NOW + timedelta(seconds=59)) is None
    failure = why_failed(job, EndedPods(), now=NOW + timedelta(seconds=60))
    assert failure is not None
    assert failure[0] == "DeadlineExceeded"


def test_a_suspended_job_has_no_pods_and_goes_on_later() -> None:
    """Its pods would run, or its time."""
    job: Obj = {"spec": {"completions": 2, "suspend": True}}
    pods = [OwnedPod(("m", "a"))]
    suspended = _next(job, [], EndedPods(), A)
    resumed = _next({**suspended, "spec": {"completions": 2}}, [], EndedPods(), B)

    assert missing_of_job(job, pods, EndedPods()) == -1
    assert suspended["status"].get("startTime") is None
    assert _conditions(suspended) == [("Suspended", "True", "JobSuspended")]
    assert _conditions(resumed) == [("Suspended", "False", "JobResumed")]
    assert resumed["status"]["startTime"] == B


def test_a_finished_job_expires() -> None:
    """It would stay for ever, or go with its result unread."""
    job: Obj = {"spec": {"completions": 1, "ttlSecondsAfterFinished": 30}}

    assert expiry(job) is None
    assert expiry(_next(job, [], EndedPods(1), A)) == NOW + timedelta(seconds=30)
    assert expiry(_next({"spec": {"completions": 1}}, [], EndedPods(1), A)) is None


def test_a_pod_is_counted_once() -> None:
    """Completions would come too early."""
    assert is_ended(OwnedPod(("m", "a"), phase="Succeeded", tracked=True))
    assert is_ended(OwnedPod(("m", "a"), terminating=True, tracked=True))
    assert not is_ended(OwnedPod(("m", "a"), phase="Succeeded"))
    assert not is_ended(OwnedPod(("m", "a"), phase="Running", tracked=True))
