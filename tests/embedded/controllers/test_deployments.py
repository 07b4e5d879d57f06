"""What Deployments want of their ReplicaSets."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyload.embedded.controllers.deployments import (
    HISTORY,
    REVISION,
    ReplicaCounts,
    is_of_template,
    new_annotations,
    replica_set_of,
    rollout,
    while_paused,
)
from pyload.embedded.controllers.templates import template_hash

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
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "mesh", "uid": "u"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "d"}},
            "template": {"metadata": {"labels": {"app": "d"}}, "spec": {}},
            "strategy": strategy,
        },
    }


def test_a_replica_set_is_of_a_template() -> None:
    """Its pods would be counted as those of another rollout."""
    deployment = _deployment()
    created = replica_set_of(deployment, replicas=2)
    tag = template_hash(deployment["spec"]["template"])
    edited = {**deployment, "spec": {**deployment["spec"], "template": {"spec": {"x": 1}}}}

    assert created["metadata"]["name"] == f"d-{tag}"
    assert created["spec"]["selector"]["matchLabels"] == {"app": "d", "pod-template-hash": tag}
    assert is_of_template(created, deployment)
    assert not is_of_template(created, edited)


def test_the_revision_of_the_present_template_is_the_highest() -> None:
    """`kubectl rollout history` would show an undone rollout in its old place."""
    deployment = _deployment()
    deployment["metadata"]["annotations"] = {
        "kubernetes.io/change-cause": "because",
        "deployment.kubernetes.io/revision": "7",
    }
    first = new_annotations(deployment, _replica_set(), [])
    again = new_annotations(deployment, _replica_set(1), [_replica_set(2), _replica_set(3)])
    same = new_annotations(deployment, _replica_set(4), [_replica_set(2)])

    assert first == {"kubernetes.io/change-cause": "because", REVISION: "1"}
    assert (again[REVISION], again[HISTORY]) == ("4", "1")
    assert same[REVISION] == "4"


def _replica_set(revision: int = 0) -> Obj:
    annotations = {REVISION: str(revision)} if revision else {}
    return {"metadata": {"annotations": annotations}}


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


def test_a_paused_rollout_stands_still() -> None:
    """Pods would move that the user has asked to stay."""
    old, new = ReplicaCounts(3, 3, 3), ReplicaCounts(2, 2, 2)

    assert while_paused(_deployment(4), [old, new]) == [3, 2]
    assert while_paused(_deployment(5), [old, new]) == [3, 2]
    assert while_paused(_deployment(7), [old, new]) == [3, 4]
    assert while_paused(_deployment(1), [old, new]) == [2, 0]
    assert while_paused(_deployment(0), [old, new]) == [0, 0]
    assert while_paused(_deployment(2), [ReplicaCounts(0, 0, 0), new]) == [0, 2]
    assert while_paused(_deployment(1), [ReplicaCounts(0, 0, 0), new]) == [0, 1]
    assert while_paused(_deployment(2), []) == []
