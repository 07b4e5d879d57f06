"""What Deployments, ReplicaSets and Jobs want."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controllers.tracked_objects import TrackedPod
from pyload.embedded.controllers.workloads import (
    ReplicaCounts,
    deployment_status,
    job_status,
    missing_and_surplus,
    missing_of_job,
    replica_set_of,
    rollout,
    suffix,
    template_hash,
)

if TYPE_CHECKING:
    from pyload.kube.resources import Obj


ROLLING = st.fixed_dictionaries(
    {
        "maxSurge": st.sampled_from([0, 1, 3, "25%", "100%"]),
        "maxUnavailable": st.sampled_from([0, 1, 2, "25%", "50%"]),
    }
)


def _deployment(replicas: int = 3, **strategy: Any) -> Obj:
    return {
        "metadata": {"name": "d", "namespace": "mesh", "uid": "u"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "d"}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {}},
            "strategy": strategy,
        },
    }


def test_surplus_pods_are_those_that_came_least_far() -> None:
    """Scaling down would kill pods that serve while others only start."""
    pods = [
        TrackedPod(("m", "old"), node="n", phase="Running", ready=True, created="1"),
        TrackedPod(("m", "new"), node="n", phase="Running", ready=True, created="2"),
        TrackedPod(("m", "unready"), node="n", phase="Running", created="1"),
        TrackedPod(("m", "pending"), node="n", created="1"),
        TrackedPod(("m", "unbound"), created="1"),
        TrackedPod(("m", "ended"), node="n", phase="Succeeded"),
        TrackedPod(("m", "going"), node="n", terminating=True),
    ]

    missing, surplus = missing_and_surplus(1, pods)

    assert missing == 0
    assert [pod.key[1] for pod in surplus] == ["unbound", "pending", "unready", "new"]
    assert missing_and_surplus(7, pods) == (2, [])


def test_the_hash_follows_the_template_alone() -> None:
    """Every sync would make a new ReplicaSet, or an edit none."""
    first = {"metadata": {"labels": {"a": "1"}}, "spec": {"x": 1}}

    assert template_hash(first) == template_hash({"spec": {"x": 1}, **first})
    assert template_hash(first) != template_hash({**first, "spec": {"x": 2}})
    created = replica_set_of(_deployment(), revision=2)
    tag = template_hash(_deployment()["spec"]["template"])
    assert created["metadata"]["name"] == f"d-{tag}"
    assert created["spec"]["selector"]["matchLabels"] == {"app": "d", "pod-template-hash": tag}
    assert len(suffix(Random(1))) == 5


@given(
    wanted=st.integers(0, 20),
    start=st.integers(0, 20),
    rolling=ROLLING,
    data=st.data(),
)
def test_a_rollout_ends_and_stays_in_its_bounds(
    wanted: int, start: int, rolling: Obj, data: st.DataObject
) -> None:
    """A rollout would hang, or take more of the service away than its owner allows."""
    deployment = _deployment(wanted, type="RollingUpdate", rollingUpdate=rolling)
    new, old = ReplicaCounts(0, 0, 0), ReplicaCounts(start, start, start)
    surge, unavailable = _most(rolling, wanted)
    for _ in range(200):
        target, [left] = rollout(deployment, new, [old])
        serving = new.ready + old.ready
        assert target + left <= max(wanted + surge, new.wanted + old.wanted)
        assert new.ready + min(left, old.ready) >= min(serving, wanted - unavailable)
        ready = min(target, new.ready + data.draw(st.integers(1, 3)))
        if (target, left, ready) == (wanted, 0, wanted):
            break
        new, old = (
            ReplicaCounts(target, target, ready),
            ReplicaCounts(left, left, min(left, old.ready)),
        )
    else:
        pytest.fail("the rollout does not end")


def _most(rolling: Obj, wanted: int) -> tuple[int, int]:
    def share(value: Any) -> float:
        return int(value[:-1]) * wanted / 100 if isinstance(value, str) else value

    surge, unavailable = math.ceil(share(rolling["maxSurge"])), share(rolling["maxUnavailable"])
    return surge, int(unavailable) or (0 if surge else 1)


def test_recreate_waits_for_the_old_pods() -> None:
    """Two versions would run side by side where the strategy forbids it."""
    deployment = _deployment(2, type="Recreate")

    assert rollout(deployment, ReplicaCounts(0, 0, 0), [ReplicaCounts(2, 2, 2)]) == (0, [0])
    assert rollout(deployment, ReplicaCounts(0, 0, 0), [ReplicaCounts(0, 1, 1)]) == (0, [0])
    assert rollout(deployment, ReplicaCounts(0, 0, 0), [ReplicaCounts(0, 0, 0)]) == (2, [0])


def test_conditions_keep_their_times() -> None:
    """A Deployment would be written for ever, because its status never came out the same."""
    deployment = _deployment(2)
    starting = deployment_status(deployment, ReplicaCounts(2, 2, 0), [], now="A")
    done = deployment_status(
        {**deployment, "status": starting}, ReplicaCounts(2, 2, 2), [], now="B"
    )
    later = deployment_status({**deployment, "status": done}, ReplicaCounts(2, 2, 2), [], now="C")

    assert later == done
    assert starting["unavailableReplicas"] == 2
    assert [one["status"] for one in starting["conditions"]] == ["False", "True"]
    assert done["conditions"] == [
        {
            "type": "Available",
            "status": "True",
            "reason": "MinimumReplicasAvailable",
            "lastUpdateTime": "B",
            "lastTransitionTime": "B",
        },
        {
            "type": "Progressing",
            "status": "True",
            "reason": "NewReplicaSetAvailable",
            "lastUpdateTime": "B",
            "lastTransitionTime": "A",
        },
    ]


@pytest.mark.parametrize(
    ("spec", "pods", "succeeded", "missing"),
    [
        ({"completions": 3, "parallelism": 2}, [], 0, 2),
        ({"completions": 3, "parallelism": 2}, [TrackedPod(("m", "a"))], 0, 1),
        ({"completions": 3, "parallelism": 2}, [], 2, 1),
        ({"completions": 1}, [TrackedPod(("m", "a"), phase="Succeeded", tracked=True)], 0, 0),
        ({"completions": 1}, [TrackedPod(("m", "a"), phase="Succeeded")], 1, 0),
        ({"parallelism": 2}, [], 0, 2),
        ({"parallelism": 2}, [TrackedPod(("m", "a"))], 1, 0),
        ({"completions": 2, "parallelism": 0}, [], 0, 0),
    ],
)
def test_a_job_gets_the_pods_it_needs(
    spec: Obj, pods: list[TrackedPod], succeeded: int, missing: int
) -> None:
    """A Job would run too often, too rarely, or too wide."""
    assert missing_of_job({"spec": spec}, pods, succeeded=succeeded) == missing


def test_a_job_is_complete_once() -> None:
    """Its times would change with every look at it."""
    job: Obj = {"spec": {"completions": 1}}
    running = job_status(job, [TrackedPod(("m", "a"), ready=True)], succeeded=0, now="A")
    done = job_status({**job, "status": running}, [], succeeded=1, now="B")

    assert running == {"startTime": "A", "active": 1, "ready": 1}
    assert (done["startTime"], done["completionTime"], done["succeeded"]) == ("A", "B", 1)
    assert [one["type"] for one in done["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    assert job_status({**job, "status": done}, [], succeeded=1, now="C") == done
