"""The cluster as the watches show it, and the queue of objects that need attention.

No requests are sent here: every change puts the objects that it concerns into the queue. Changes
of a workload's pods are gathered for a moment, so that a rollout is looked at once per round. The
effects of requests are recorded at once (`record_binding` and its like), because the next
decision may come before the watch shows them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from pyload.embedded.controllers.queue import WorkQueue
from pyload.embedded.controllers.scheduler import SchedulableNode, Scheduler
from pyload.embedded.controllers.tracked_objects import (
    DONE,
    OwnerIndex,
    TrackedPod,
    TrackedWorkload,
    controller_of,
)
from pyload.embedded.kwok.pod_addresses import PodAddresses
from pyload.embedded.kwok.stages import is_kwok, next_stage
from pyload.kube.resources import DEPLOYMENTS, JOBS, REPLICA_SETS

if TYPE_CHECKING:
    from datetime import datetime

    from pyload.embedded.controllers.tracked_objects import Key
    from pyload.embedded.kwok.stages import Stage, Stages
    from pyload.kube.resources import Obj


WORKLOADS: Final = {one.kind: one for one in (DEPLOYMENTS, REPLICA_SETS, JOBS)}

GATHERING: Final = 0.05
"""Seconds for which changes of a workload's pods are gathered before it is handled."""

ORPHANED: Final = 40.0
"""Seconds after which the pods of a node that is gone are deleted."""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An object that needs attention.

    Attributes:
        kind: Kind of the object, or ``Heartbeat`` or ``Gone`` of a node.
        key: Namespace and name.
    """

    kind: str
    key: Key


class Actor(Enum):
    """The part of the cluster that has to act on a pod next."""

    SCHEDULER = auto()
    KWOK = auto()
    JOB = auto()
    GARBAGE_COLLECTOR = auto()


class ClusterState:
    """The cluster's nodes, pods and workloads.

    Args:
        stages: Which of kwok's sets of stages its pods go through.
    """

    def __init__(self, stages: Stages) -> None:
        self.stages = stages
        self.queue: WorkQueue[WorkItem] = WorkQueue()
        self.scheduler = Scheduler()
        self.addresses = PodAddresses()
        self.nodes: dict[str, Obj] = {}
        self.managed: set[str] = set()
        """Nodes of kwok; one that loses its annotation stays until it is deleted."""
        self.pods: OwnerIndex[TrackedPod] = OwnerIndex()
        self.workloads: dict[str, OwnerIndex[TrackedWorkload]] = {
            kind: OwnerIndex() for kind in WORKLOADS
        }
        self.fresh: dict[Key, Obj] = {}
        """Pods in the queue as the watch has shown them, so that they need not be read again."""
        self.waiting: set[Key] = set()
        """Pods that fit on no node at present."""
        self.dead: set[str] = set()
        """UIDs of owners that are gone while dependents are left."""
        self.planned: dict[str, tuple[Stage, datetime]] = {}
        """Stages that pods are waiting for, by UID."""
        self.succeeded: dict[str, int] = {}
        """Numbers of pods that succeeded and lost their finalizer, by their Job's UID."""
        self._on_node: defaultdict[str, dict[Key, None]] = defaultdict(dict)

    def next_actor(self, pod: Obj, record: TrackedPod) -> Actor | None:
        """Return which part of the cluster has to act on a pod; None if none has."""
        owned = self._is_owned(pod, record)
        if record.tracked and (record.phase in DONE or record.terminating or not owned):
            return Actor.JOB
        if not owned and not record.terminating:
            return Actor.GARBAGE_COLLECTOR
        if not record.node:
            scheduler = pod["spec"].get("schedulerName", "default-scheduler")
            ours = scheduler == "default-scheduler" and not record.terminating
            return Actor.SCHEDULER if ours and record.phase == "Pending" else None
        if record.node in self.managed and next_stage(pod, self.stages) is not None:
            return Actor.KWOK
        return None

    def _is_owned(self, pod: Obj, record: TrackedPod) -> bool:
        """Return whether a pod's owner exists, or is of a kind that is not followed here."""
        owner = controller_of(pod)
        kind = owner["kind"] if owner else ""
        if kind not in ("ReplicaSet", "Job"):
            return True
        return self.workloads[kind].find(record.owner) is not None

    def on_node(self, name: str) -> list[Key]:
        """List the pods on a node."""
        return list(self._on_node.get(name, ()))

    def put_pod(self, obj: Obj) -> None:
        """Handle a new or changed pod."""
        pod = TrackedPod.read(obj)
        old = self.pods.get(pod.key)
        if old is not None and old.uid == pod.uid:
            # What was done but not seen yet cannot be undone.
            pod.node = pod.node or old.node
            pod.terminating |= old.terminating
        elif old is not None and old.uid:
            self.remove_pod(old.key)
            old = None
        if not self.pods.is_news(pod):
            return
        self.pods.put(pod)
        self._move(pod.key, old.place if old else "", pod.place)
        if pod.node and pod.node not in self.nodes:
            self.queue.add_later(WorkItem("Gone", ("", pod.node)), ORPHANED)
        if self.next_actor(obj, pod) is not None:
            self.fresh[pod.key] = obj
            self.queue.add(WorkItem("Pod", pod.key))
        else:
            self.fresh.pop(pod.key, None)
        if old is None or (old.active, old.ready, old.tracked) != (
            pod.active,
            pod.ready,
            pod.tracked,
        ):
            self._requeue_owner(pod.owner)

    def remove_pod(self, key: Key) -> None:
        """Handle the end of a pod."""
        old = self.pods.remove(key)
        if old is None:
            return
        self.fresh.pop(key, None)
        self.waiting.discard(key)
        self.planned.pop(old.uid, None)
        self._move(key, old.place, "")
        self.addresses.release(old.uid)
        self._requeue_owner(old.owner)
        self._discard_if_childless(old.owner)

    def record_binding(self, key: Key, uid: str, node: str) -> None:
        """Record that a pod has been bound to a node, before the watch shows it."""
        self.waiting.discard(key)
        pod = self.pods.get(key)
        if pod is not None and pod.uid == uid and not pod.node:
            pod.node = node
            self._move(key, "", pod.place)

    def record_deletion(self, key: Key, uid: str) -> None:
        """Record that a pod's deletion has begun, before the watch shows it."""
        pod = self.pods.get(key)
        if pod is not None and pod.uid == uid:
            pod.terminating = True

    def record_untracked(self, key: Key, uid: str) -> None:
        """Record that a Job's pod has no finalizer any more, and count it if it succeeded."""
        pod = self.pods.get(key)
        if pod is None or pod.uid != uid:
            return
        pod.tracked = False
        if pod.phase == "Succeeded" and pod.owner in self.succeeded:
            self.succeeded[pod.owner] += 1

    def _move(self, key: Key, before: str, after: str) -> None:
        if before == after:
            return
        if before:
            del self._on_node[before][key]
            if not self._on_node[before]:
                del self._on_node[before]
            if self.scheduler.remove_pod(before):
                self._wake_waiting()
        if after:
            self._on_node[after][key] = None
            self.scheduler.add_pod(after)

    def _wake_waiting(self) -> None:
        for key in self.waiting:
            self.queue.add(WorkItem("Pod", key))

    def put_node(self, obj: Obj) -> None:
        """Handle a new or changed node."""
        name = obj["metadata"]["name"]
        self.nodes[name] = obj
        if is_kwok(obj) and name not in self.managed:
            self.managed.add(name)
            for key in self.on_node(name):
                self.queue.add(WorkItem("Pod", key))
        if name in self.managed:
            self.queue.add(WorkItem("Node", ("", name)))
        if self.scheduler.put(SchedulableNode.read(obj)):
            self._wake_waiting()

    def remove_node(self, name: str) -> None:
        """Handle the end of a node; its pods are left for a while."""
        self.nodes.pop(name, None)
        self.managed.discard(name)
        self.scheduler.remove(name)
        self.queue.add_later(WorkItem("Gone", ("", name)), ORPHANED)

    def put_workload(self, kind: str, obj: Obj) -> None:
        """Handle a new or changed workload."""
        collection = self.workloads[kind]
        workload = TrackedWorkload.read(obj)
        old = collection.get(workload.key)
        if old is not None and old.uid != workload.uid:
            self.remove_workload(kind, old.key)
        if not collection.is_news(workload):
            return
        collection.put(workload)
        self.queue.add(WorkItem(kind, workload.key))
        self._requeue_owner(workload.owner)
        if old is None or old.uid != workload.uid:
            # What it owns may have been shown before it.
            self._queue_dependents(workload.uid)

    def remove_workload(self, kind: str, key: Key, *, uid: str = "") -> None:
        """Handle the end of a workload; its dependents are put into the queue.

        Args:
            kind: Its kind.
            key: Its namespace and name.
            uid: Its UID, if known: another workload may have its name by now.
        """
        old = self.workloads[kind].get(key)
        if old is None or uid not in ("", old.uid):
            return
        self.workloads[kind].remove(key)
        self.succeeded.pop(old.uid, None)
        self.dead.add(old.uid)
        self._queue_dependents(old.uid)
        self._discard_if_childless(old.uid)
        self._requeue_owner(old.owner)
        self._discard_if_childless(old.owner)

    def _queue_dependents(self, owner: str) -> None:
        for workload in self.workloads["ReplicaSet"].owned_by(owner):
            self.queue.add(WorkItem("ReplicaSet", workload.key))
        for pod in self.pods.owned_by(owner):
            self.queue.add(WorkItem("Pod", pod.key))

    def _requeue_owner(self, owner: str) -> None:
        """Queue a workload for soon, because a dependent of it has changed."""
        if not owner:
            return
        for kind, collection in self.workloads.items():
            key = collection.find(owner)
            if key is not None:
                self.queue.add_later(WorkItem(kind, key), GATHERING)

    def _discard_if_childless(self, owner: str) -> None:
        """Discard a dead owner without dependents."""
        if not self.pods.owns(owner) and not self.workloads["ReplicaSet"].owns(owner):
            self.dead.discard(owner)
