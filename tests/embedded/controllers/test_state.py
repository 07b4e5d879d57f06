"""What the watches show, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pyload.embedded.controllers.state import ClusterState, WorkItem

if TYPE_CHECKING:
    from pyload.kube.resources import Obj

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


KEY = ("mesh", "p")
KWOK: Obj = {"metadata": {"name": "n", "annotations": {"kwok.x-k8s.io/node": "fake"}}}


@pytest.fixture
def state() -> ClusterState:
    """An empty cluster."""
    return ClusterState("fast")


def _obj(name: str, *, uid: str = "u", version: int = 1, owner: str = "") -> Obj:
    metadata: Obj = {
        "name": name,
        "namespace": "mesh",
        "uid": uid,
        "resourceVersion": str(version),
    }
    if owner:
        reference = {"kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
        metadata["ownerReferences"] = [{"kind": "Other", "uid": "x"}, reference]
    return {"metadata": metadata, "spec": {}}


def _pod(*, node: str = "", phase: str = "Pending", **rest: Any) -> Obj:
    pod = _obj("p", **rest)
    pod["spec"] = {"nodeName": node, "containers": []}
    return {**pod, "status": {"phase": phase}}


async def test_an_older_version_changes_nothing(state: ClusterState) -> None:
    """An answer to a write may be ahead of the watch, which then tells old news."""
    state.put_pod(_pod(version=5, phase="Running"))
    state.put_pod(_pod(version=4))
    state.put_workload("Job", _obj("j", version=5))
    state.put_workload("Job", _obj("j", version=4))

    pod, job = state.pods.get(KEY), state.workloads["Job"].get(("mesh", "j"))

    assert pod is not None
    assert job is not None
    assert (pod.phase, job.version) == ("Running", 5)


async def test_a_name_that_is_used_again_is_another_object(state: ClusterState) -> None:
    """The new pod would inherit the node, and the old one's address be lost."""
    state.put_node(KWOK)
    state.put_pod(_pod(uid="old", node="n", version=1))
    state.put_workload("ReplicaSet", _obj("r", uid="old", version=1))
    state.put_pod(_pod(uid="new", version=2))
    state.put_workload("ReplicaSet", _obj("r", uid="new", version=2))
    state.remove_workload("ReplicaSet", ("mesh", "r"), uid="old")

    assert state.on_node("n") == []
    pod = state.pods.get(KEY)
    assert pod is not None
    assert (pod.uid, pod.node) == ("new", "")
    assert state.workloads["ReplicaSet"].find("new") == ("mesh", "r")


async def test_what_was_done_stays_done(state: ClusterState) -> None:
    """Until the watch shows it, a bound pod would be bound again, a doomed one be counted."""
    state.put_node(KWOK)
    state.put_pod(_pod())
    state.record_binding(KEY, "u", "n")
    state.record_binding(KEY, "u", "other")
    state.record_deletion(KEY, "u")
    state.put_pod(_pod(version=2))

    pod = state.pods.get(KEY)
    assert pod is not None
    assert (pod.node, pod.terminating, pod.active) == ("n", True, False)
    assert state.on_node("n") == [KEY]


async def test_notes_about_pods_that_are_gone_are_dropped(state: ClusterState) -> None:
    """An answer may come after the pod's successor of the same name."""
    state.put_pod(_pod(uid="new"))
    for key in (KEY, ("mesh", "gone")):
        state.record_binding(key, "old", "n")
        state.record_deletion(key, "old")
        state.record_untracked(key, "old")
        state.remove_pod(("mesh", "gone"))

    pod = state.pods.get(KEY)
    assert pod is not None
    assert (pod.node, pod.terminating) == ("", False)


async def test_a_node_that_loses_its_annotation_stays_kwoks(state: ClusterState) -> None:
    """As with kwok itself, until the node is deleted."""
    state.put_node(KWOK)
    state.put_node({"metadata": {"name": "n"}})
    assert state.managed == {"n"}

    state.remove_node("n")

    assert state.managed == set()


async def test_dead_owners_are_forgotten_with_the_last_they_owned(state: ClusterState) -> None:
    """Every deleted ReplicaSet would take memory for ever."""
    state.put_workload("ReplicaSet", _obj("r", uid="r"))
    state.put_pod(_pod(owner="r"))
    assert await state.queue.get() == WorkItem("ReplicaSet", ("mesh", "r"))
    assert await state.queue.get() == WorkItem("Pod", KEY)

    state.remove_workload("ReplicaSet", ("mesh", "r"))
    assert state.dead == {"r"}
    assert await state.queue.get() == WorkItem("Pod", KEY)
    state.remove_pod(KEY)

    assert state.dead == set()


async def test_a_workload_is_woken_once_for_many_pods(state: ClusterState) -> None:
    """A thousand pods that turn ready would be counted a thousand times."""
    state.put_workload("ReplicaSet", _obj("r", uid="r"))
    await state.queue.get()
    for number in range(10):
        pod = _pod(owner="r", uid=str(number), phase="Running")
        pod["metadata"]["name"] = f"p{number}"
        state.put_pod(pod)

    assert await state.queue.get() == WorkItem("ReplicaSet", ("mesh", "r"))
    assert len(state.queue) == 0
