"""The work of the scheduler: binds pods to nodes, and says of those that fit nowhere why.

Nodes and places are counted from the first pod that needs a node on; a cluster whose pods name
their nodes themselves pays nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.deletion import has_ended
from pyload.embedded.apiserver.kinds import NODE, POD
from pyload.embedded.controllers.scheduler import SchedulableNode, Scheduler, Unschedulable
from pyload.kube.resources import PODS

if TYPE_CHECKING:
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.kube.resources import Obj

COMPONENT: Final = "default-scheduler"

_LEADER: Final = "kube-scheduler"
_WORK: Final = "Unscheduled pod"


class PodScheduler:
    """Acts on one pod at a time.

    Args:
        loop: The loop of the controllers.
    """

    def __init__(self, loop: ControlLoop) -> None:
        self._loop = loop
        self._scheduler: Scheduler | None = None
        self._places: dict[Key, str] = {}
        self._waiting: set[Key] = set()
        loop.handle(_WORK, self.handle, leader=_LEADER)
        loop.follow(POD, self._on_pod)

    def _on_pod(self, event: Event) -> None:
        obj, key = event.entry.obj, event.entry.key
        gone = event.type == "DELETED"
        if self._scheduler is not None:
            self._move(self._scheduler, key, "" if gone else _place(obj))
        if not gone and _needs_node(obj):
            if self._scheduler is None:
                self._scheduler = self._count()
            self._loop.add(_WORK, key)
        else:
            self._waiting.discard(key)

    def _count(self) -> Scheduler:
        scheduler = self._scheduler = Scheduler()
        for entry in self._loop.store.entries(POD):
            self._move(scheduler, entry.key, _place(entry.obj))
        self._loop.follow(NODE, self._on_node)
        return scheduler

    def _on_node(self, event: Event) -> None:
        assert self._scheduler is not None, "nodes are followed from then on"
        if event.type == "DELETED":
            self._scheduler.remove(event.entry.key[1])
        elif self._scheduler.put(SchedulableNode.read(event.entry.obj)):
            self._wake_waiting()

    def _move(self, scheduler: Scheduler, key: Key, after: str) -> None:
        before = self._places.get(key, "")
        if before == after:
            return
        if after:
            self._places[key] = after
            scheduler.add_pod(after)
        else:
            del self._places[key]
        if before and scheduler.remove_pod(before):
            self._wake_waiting()

    def _wake_waiting(self) -> None:
        for key in self._waiting:
            self._loop.add(_WORK, key)

    async def handle(self, key: Key) -> None:
        """Bind a pod to a node, if it fits on one.

        Raises:
            PyloadError: A request failed, and the pod must be handled again.
        """
        obj = self._loop.live(POD, key)
        if obj is None or not _needs_node(obj) or self._scheduler is None:
            return
        chosen = self._scheduler.choose(obj["spec"])
        if isinstance(chosen, Unschedulable):
            self._waiting.add(key)
            await self._mark_unschedulable(obj, chosen.message)
            return
        self._waiting.discard(key)
        namespace, name = key
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": name, "namespace": namespace, "uid": obj["metadata"]["uid"]},
            "target": {"apiVersion": "v1", "kind": "Node", "name": chosen},
        }
        await self._loop.client.write("POST", PODS.path(namespace, name, "binding"), binding)
        text = f"Successfully assigned {namespace}/{name} to {chosen}"
        await self._loop.events.record(COMPONENT, obj, "Scheduled", text)

    async def _mark_unschedulable(self, obj: Obj, why: str) -> None:
        """Write into a pod's status why it fits on no node."""
        status = obj.get("status") or {}
        conditions = status.get("conditions") or []
        if any(one["type"] == "PodScheduled" and one.get("message") == why for one in conditions):
            return
        others = [one for one in conditions if one["type"] != "PodScheduled"]
        refused = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": why,
            "lastTransitionTime": self._loop.timestamp,
        }
        await self._loop.write_status(POD, obj, {**status, "conditions": [*others, refused]})
        await self._loop.events.record(COMPONENT, obj, "FailedScheduling", why, warning=True)


def _needs_node(pod: Obj) -> bool:
    spec, metadata = pod["spec"], pod["metadata"]
    return (
        not spec.get("nodeName")
        and spec.get("schedulerName", COMPONENT) == COMPONENT
        and "deletionTimestamp" not in metadata
        and (pod.get("status") or {}).get("phase", "Pending") == "Pending"
    )


def _place(pod: Obj) -> str:
    """Return the node on which a pod counts, or empty."""
    return "" if has_ended(pod) else str(pod["spec"].get("nodeName") or "")
