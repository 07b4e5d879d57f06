"""The controller of ReplicaSets: creates pods that are missing, and deletes those in surplus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import REPLICA_SET
from pyload.embedded.controllers.templates import BATCH, GATHERING, pod_of
from pyload.errors import PyloadError
from pyload.kube.resources import PODS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.embedded.controllers.owners import OwnedPod, OwnerIndex
    from pyload.kube.resources import Obj

COMPONENT: Final = "replicaset-controller"

_WORK: Final = REPLICA_SET.kind


class ReplicaSetController:
    """Acts on one ReplicaSet at a time.

    Args:
        loop: The loop of the controllers.
        owners: The pods by their ReplicaSet.
    """

    def __init__(self, loop: ControlLoop, owners: OwnerIndex) -> None:
        self._loop = loop
        self._owners = owners
        loop.handle(_WORK, self.handle)
        loop.follow(REPLICA_SET, self._on_replica_set)
        owners.listeners.append(self._on_dependent)

    def _on_replica_set(self, event: Event) -> None:
        if event.type != "DELETED":
            self._loop.add(_WORK, event.entry.key)

    def _on_dependent(self, owner: Obj, namespace: str) -> None:
        if owner["kind"] == REPLICA_SET.kind:
            self._loop.add(_WORK, (namespace, owner["name"]), after=GATHERING)

    async def handle(self, key: Key) -> None:
        """Bring the number of a ReplicaSet's pods nearer to what is wanted.

        Raises:
            PyloadError: A request failed, and the ReplicaSet must be handled again.
        """
        obj = self._loop.live(REPLICA_SET, key)
        if obj is None:
            return
        uid = obj["metadata"]["uid"]
        missing, surplus = missing_and_surplus(
            obj["spec"].get("replicas", 1), self._owners.pods(uid)
        )
        if missing > BATCH or len(surplus) > BATCH:
            self._loop.add(_WORK, key)
        try:
            for _ in range(min(missing, BATCH)):
                await create_pod(self._loop, COMPONENT, obj, pod_of(obj, self._loop.rng))
            for pod in surplus[:BATCH]:
                await delete_pod(self._loop, COMPONENT, obj, pod)
        finally:
            live = self._loop.live(REPLICA_SET, key)
            if live is not None and live["metadata"]["uid"] == uid:
                status = replica_set_status(live, self._owners.pods(uid))
                await self._loop.write_status(REPLICA_SET, live, status)


async def create_pod(loop: ControlLoop, component: str, owner: Obj, pod: Obj) -> None:
    """Create a pod of a workload, and write the event of it.

    Raises:
        PyloadError: The server refused it, or a request failed.
    """
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    try:
        await loop.client.write("POST", PODS.path(namespace), pod)
    except PyloadError as error:
        why = f"Error creating: {error}"
        await loop.events.record(component, owner, "FailedCreate", why, warning=True)
        raise
    await loop.events.record(component, owner, "SuccessfulCreate", f"Created pod: {name}")


async def delete_pod(loop: ControlLoop, component: str, owner: Obj, pod: OwnedPod) -> None:
    """Delete a pod of a workload, and write the event of it.

    Raises:
        PyloadError: A request failed.
    """
    await loop.client.delete(PODS.path(*pod.key), grace_period_seconds=None, uid=pod.uid)
    await loop.events.record(component, owner, "SuccessfulDelete", f"Deleted pod: {pod.key[1]}")


def missing_and_surplus(wanted: int, pods: Iterable[OwnedPod]) -> tuple[int, list[OwnedPod]]:
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


def replica_set_status(replica_set: Obj, pods: Iterable[OwnedPod]) -> Obj:
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
