"""Which objects own which: dependents by the UID of their owner.

Of a pod that a workload owns a few fields are kept, so that a workload of thousands of pods need
not read all of them for each that changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import POD
from pyload.kube.resources import has_condition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.kube.resources import Obj

TRACKING: Final = "batch.kubernetes.io/job-tracking"
"""The finalizer by which the controller of Jobs sees the end of each pod."""


@dataclass(frozen=True, slots=True)
class OwnedPod:
    """A pod with the fields that its workload's controller needs.

    Attributes:
        key: Namespace and name.
        uid: UID.
        node: Name of its node, or empty.
        phase: ``Pending``, ``Running``, and so on.
        ready: Whether it is ready.
        terminating: Whether its deletion has begun.
        tracked: Whether it has the finalizer of the controller of Jobs.
        created: Its creationTimestamp.
    """

    key: Key
    uid: str = ""
    node: str = ""
    phase: str = "Pending"
    ready: bool = False
    terminating: bool = False
    tracked: bool = False
    created: str = ""

    @classmethod
    def read(cls, obj: Obj) -> OwnedPod:
        """Read a pod object."""
        metadata = obj["metadata"]
        phase = (obj.get("status") or {}).get("phase") or "Pending"
        return cls(
            key=(metadata["namespace"], metadata["name"]),
            uid=metadata["uid"],
            node=obj["spec"].get("nodeName") or "",
            phase=phase,
            ready=phase == "Running" and has_condition(obj),
            terminating="deletionTimestamp" in metadata,
            tracked=TRACKING in (metadata.get("finalizers") or ()),
            created=metadata["creationTimestamp"],
        )

    @property
    def active(self) -> bool:
        """Whether it counts as one of its owner's replicas."""
        return not self.terminating and self.phase not in ("Succeeded", "Failed")


class OwnerIndex:
    """Dependents by the UID of their owner.

    Attributes:
        listeners: Called with a reference to an owner and the namespace of its dependent, when that
            comes, goes, or changes in what its owner cares for.
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[Obj, str], None]] = []
        self._owned: dict[str, dict[tuple[Kind, Key], OwnedPod | None]] = {}

    def start(self, loop: ControlLoop, kinds: KindRegistry) -> None:
        """Follow all objects, now that all listeners are there."""
        kinds.follow(lambda kind: loop.follow(kind, partial(self._on_event, kind)))

    def __contains__(self, uid: str) -> bool:
        return uid in self._owned

    def dependents(self, uid: str) -> list[tuple[Kind, Key]]:
        """List the objects of one owner."""
        return list(self._owned.get(uid, ()))

    def pods(self, uid: str) -> list[OwnedPod]:
        """List the pods of the workload that is their controller."""
        return [pod for pod in self._owned.get(uid, {}).values() if pod is not None]

    def _on_event(self, kind: Kind, event: Event) -> None:
        metadata = event.entry.obj["metadata"]
        owners = metadata.get("ownerReferences") or ()
        gone = event.type == "DELETED"
        if event.previous is not None and not gone:
            before = event.previous.obj["metadata"].get("ownerReferences") or ()
            if before != owners:
                kept = {owner["uid"] for owner in owners}
                self._remove(kind, event, [one for one in before if one["uid"] not in kept])
        if not owners:
            return
        if gone:
            self._remove(kind, event, owners)
            return
        key = event.entry.key
        pod = OwnedPod.read(event.entry.obj) if kind is POD else None
        for owner in owners:
            dependents = self._owned.setdefault(owner["uid"], {})
            known = dependents.get((kind, key), self)
            mine = pod if owner.get("controller") else None
            dependents[kind, key] = mine
            if mine is None or known != mine:
                self._notify(owner, key[0])

    def _remove(self, kind: Kind, event: Event, owners: Iterable[Obj]) -> None:
        key = event.entry.key
        for owner in owners:
            dependents = self._owned.get(owner["uid"], {})
            dependents.pop((kind, key), None)
            if not dependents:
                self._owned.pop(owner["uid"], None)
            self._notify(owner, key[0])

    def _notify(self, owner: Obj, namespace: str) -> None:
        for listener in self.listeners:
            listener(owner, namespace)


def controller_of(obj: Obj) -> Obj | None:
    """Find the reference to the controller that owns an object."""
    for owner in obj["metadata"].get("ownerReferences") or ():
        if owner.get("controller"):
            found: Obj = owner
            return found
    return None


def reference_to(owner: Obj) -> Obj:
    """Build the reference by which a controller owns what it creates."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
