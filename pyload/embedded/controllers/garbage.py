"""The garbage collector: objects go with their owners, or stay as orphans if that is asked for.

In the background an owner goes first and its dependents after it. In the foreground a finalizer
holds the owner until the dependents that block it are gone. An owner whose dependents are to stay
is held until none refers to it any more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pyload.embedded.apiserver.deletion import FOREGROUND, ORPHAN

if TYPE_CHECKING:
    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.registry import KindRegistry
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.apiserver.stored_object import StoredObject
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.embedded.controllers.owners import OwnerIndex
    from pyload.kube.resources import Obj

_GONE = "Owner that is gone"
_GOING = "Owner that is going"


class GarbageCollector:
    """Acts on one owner at a time.

    Args:
        loop: The loop of the controllers.
        owners: The dependents of each owner.
        kinds: The kinds that are served.
    """

    def __init__(self, loop: ControlLoop, owners: OwnerIndex, kinds: KindRegistry) -> None:
        self._loop = loop
        self._owners = owners
        self._kinds = kinds
        self._going: dict[str, tuple[Kind, Key]] = {}
        loop.handle(_GONE, self._collect)
        loop.handle(_GOING, self._release)
        kinds.follow(lambda kind: loop.follow(kind, partial(self._on_event, kind)))
        owners.listeners.append(self._on_dependent)

    def _on_event(self, kind: Kind, event: Event) -> None:
        metadata = event.entry.obj["metadata"]
        if event.type == "DELETED":
            self._going.pop(metadata["uid"], None)
            if metadata["uid"] in self._owners:
                self._loop.add(_GONE, ("", metadata["uid"]))
        elif "deletionTimestamp" in metadata and _policy(metadata):
            self._going[metadata["uid"]] = kind, event.entry.key
            self._loop.add(_GOING, ("", metadata["uid"]))

    def _on_dependent(self, owner: Obj, namespace: str) -> None:
        uid = owner["uid"]
        if uid in self._going:
            self._loop.add(_GOING, ("", uid))
        elif uid in self._owners and self._is_gone(owner, namespace):
            self._loop.add(_GONE, ("", uid))

    def _is_gone(self, owner: Obj, namespace: str) -> bool:
        """Return whether an owner is not there; one of a kind that is not served may be."""
        kind = self._kinds.named(owner["apiVersion"], owner["kind"])
        if kind is None:
            return False
        entry = self._loop.store.get(kind, namespace if kind.namespaced else "", owner["name"])
        return entry is None or entry.obj["metadata"]["uid"] != owner["uid"]

    async def _collect(self, key: Key) -> None:
        """Delete the dependents of an owner that is gone, unless they have another one.

        Raises:
            PyloadError: A request failed, and the owner must be handled again.
        """
        for kind, of_object in self._owners.dependents(key[1]):
            entry = self._loop.store.get(kind, *of_object)
            if entry is None or "deletionTimestamp" in entry.obj["metadata"]:
                continue
            owners = entry.obj["metadata"].get("ownerReferences") or ()
            if owners and all(self._is_gone(owner, of_object[0]) for owner in owners):
                await self._delete(kind, entry)

    async def _release(self, key: Key) -> None:
        """Let an owner go that waits for its dependents.

        Raises:
            PyloadError: A request failed, and the owner must be handled again.
        """
        uid = key[1]
        kind, of_owner = self._going.get(uid, (None, ("", "")))
        entry = kind and self._loop.store.get(kind, *of_owner)
        if kind is None or not entry or entry.obj["metadata"]["uid"] != uid:
            return
        policy = _policy(entry.obj["metadata"])
        blocked = False
        for of_kind, of_object in self._owners.dependents(uid):
            dependent = self._loop.store.get(of_kind, *of_object)
            if dependent is None:
                continue
            if policy == ORPHAN:
                await self._orphan(of_kind, dependent, uid)
                continue
            blocked |= _blocks(dependent.obj, uid)
            if "deletionTimestamp" not in dependent.obj["metadata"]:
                await self._delete(of_kind, dependent)
        if not blocked:
            metadata = entry.obj["metadata"]
            left = [one for one in metadata["finalizers"] if one != policy]
            await self._update(kind, {**entry.obj, "metadata": {**metadata, "finalizers": left}})

    async def _orphan(self, kind: Kind, entry: StoredObject, uid: str) -> None:
        """Remove the reference to an owner."""
        metadata = entry.obj["metadata"]
        kept = [one for one in metadata["ownerReferences"] if one["uid"] != uid]
        metadata = {**metadata, "ownerReferences": kept}
        if not kept:
            del metadata["ownerReferences"]
        await self._update(kind, {**entry.obj, "metadata": metadata})

    async def _update(self, kind: Kind, obj: Obj) -> None:
        metadata = obj["metadata"]
        path = kind.resource().path(metadata.get("namespace"), metadata["name"])
        await self._loop.client.write("PUT", path, obj)

    async def _delete(self, kind: Kind, entry: StoredObject) -> None:
        path = kind.resource().path(*entry.key)
        uid = entry.obj["metadata"]["uid"]
        await self._loop.client.delete(path, grace_period_seconds=None, uid=uid)


def _policy(metadata: Obj) -> str:
    """Return which of the collector's finalizers holds an object; empty for none."""
    held = metadata.get("finalizers") or ()
    return next((one for one in held if one in (FOREGROUND, ORPHAN)), "")


def _blocks(dependent: Obj, uid: str) -> bool:
    owners = dependent["metadata"].get("ownerReferences") or ()
    return any(one["uid"] == uid and one.get("blockOwnerDeletion") for one in owners)
