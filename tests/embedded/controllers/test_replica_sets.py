"""Which pods a ReplicaSet creates and deletes."""

from __future__ import annotations

from pyload.embedded.controllers.owners import OwnedPod
from pyload.embedded.controllers.replica_sets import missing_and_surplus


def test_surplus_pods_are_those_that_came_least_far() -> None:
    """Scaling down would kill pods that serve while others only start."""
    pods = [
        OwnedPod(("m", "old"), node="n", phase="Running", ready=True, created="1"),
        OwnedPod(("m", "new"), node="n", phase="Running", ready=True, created="2"),
        OwnedPod(("m", "unready"), node="n", phase="Running", created="1"),
        OwnedPod(("m", "pending"), node="n", created="1"),
        OwnedPod(("m", "unbound"), created="1"),
        OwnedPod(("m", "ended"), node="n", phase="Succeeded"),
        OwnedPod(("m", "going"), node="n", terminating=True),
    ]

    missing, surplus = missing_and_surplus(1, pods)

    assert missing == 0
    assert [pod.key[1] for pod in surplus] == ["unbound", "pending", "unready", "new"]
    assert missing_and_surplus(7, pods) == (2, [])
