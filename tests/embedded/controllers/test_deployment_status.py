"""The status of Deployments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyload.embedded.controllers.deployment_status import deployment_status, progress_of
from pyload.embedded.controllers.deployments import ReplicaCounts

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


def _deployment(replicas: int) -> Obj:
    return {
        "metadata": {"name": "d", "namespace": "mesh", "uid": "u"},
        "spec": {"replicas": replicas, "template": {}},
    }


def _at(seconds: int) -> str:
    return (datetime(2026, 11, 28, tzinfo=UTC) + timedelta(seconds=seconds)).isoformat()


def _next(deployment: Obj, new: ReplicaCounts, seconds: int, *olds: ReplicaCounts) -> Obj:
    status = deployment_status(deployment, new, olds, name="d-1", now=_at(seconds))
    return {**deployment, "status": status}


def test_conditions_keep_their_times() -> None:
    """A Deployment would be written for ever, because its status never came out the same."""
    starting = _next(_deployment(2), ReplicaCounts(2, 2, 0), 0)
    done = _next(starting, ReplicaCounts(2, 2, 2), 1)
    later = _next(done, ReplicaCounts(2, 2, 2), 2)

    assert later == done
    assert starting["status"]["unavailableReplicas"] == 2
    assert [one["status"] for one in starting["status"]["conditions"]] == ["False", "True"]
    assert done["status"]["conditions"] == [
        {
            "type": "Available",
            "status": "True",
            "reason": "MinimumReplicasAvailable",
            "message": "Deployment has minimum availability.",
            "lastUpdateTime": _at(1),
            "lastTransitionTime": _at(1),
        },
        {
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable",
            "message": 'ReplicaSet "d-1" has successfully progressed.',
            "lastUpdateTime": _at(1),
            "lastTransitionTime": _at(0),
        },
    ]


def test_a_rollout_that_stands_still_is_late() -> None:
    """`kubectl rollout status` would wait for it for ever."""
    begun = _next(_deployment(3), ReplicaCounts(3, 3, 0), 0)
    stepped = _next(begun, ReplicaCounts(3, 3, 1), 500)
    waiting = _next(stepped, ReplicaCounts(3, 3, 1), 1000)
    late = _next(waiting, ReplicaCounts(3, 3, 1), 1101)
    done = _next(late, ReplicaCounts(3, 3, 3), 2000)

    reasons = [progress_of(one)["reason"] for one in (begun, stepped, waiting, late, done)]
    assert reasons == [
        "NewReplicaSetCreated",
        "ReplicaSetUpdated",
        "ReplicaSetUpdated",
        "ProgressDeadlineExceeded",
        "NewReplicaSetAvailable",
    ]
    assert waiting == stepped
    assert progress_of(late)["status"] == "False"
    assert _next(late, ReplicaCounts(3, 3, 1), 1500) == late


def test_a_pause_shows_and_ends() -> None:
    """Users would not see why nothing moves."""
    done = _next(_deployment(1), ReplicaCounts(1, 1, 1), 0)
    paused = {**done, "spec": {**done["spec"], "paused": True}}
    paused = _next(paused, ReplicaCounts(1, 1, 1), 1)
    resumed = _next({**paused, "spec": done["spec"]}, ReplicaCounts(1, 1, 0), 2)

    assert progress_of(paused)["reason"] == "DeploymentPaused"
    assert progress_of(resumed)["reason"] == "DeploymentResumed"
