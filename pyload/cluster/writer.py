"""Writes a run's objects: labelled, counted, and kept track of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from pyload.cluster.ledger import Entry, Ledger
from pyload.errors import ApiError, ClusterUnreachable, Conflict, NotFound, PyloadError
from pyload.kube import writes
from pyload.kube.objects import RUN_LABEL
from pyload.kube.resources import NAMESPACES

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pyload.kube.client import Client
    from pyload.kube.resources import Obj, Resource
    from pyload.report.metrics import Metrics

T = TypeVar("T")

log = logging.getLogger("pyload")


class Writer:
    """Writes objects to one API server.

    Args:
        client: The API server.
        metrics: Counts each write.

    Attributes:
        ledger: What has been written and is not known to be gone.
    """

    def __init__(self, client: Client, metrics: Metrics) -> None:
        self.client = client
        self.ledger = Ledger()
        self._metrics = metrics
        self._in_flight: set[asyncio.Task[Any]] = set()
        # Our label is on them too, once they have been written.
        self._foreign: set[Entry] = set()

    async def upsert(self, resource: Resource, obj: Obj, *, status: bool = False) -> Obj:
        """Create or replace an object, as pilot-load's typed clients do.

        An object that was there before and that no run of pyload made is updated but never
        deleted: it is somebody else's.
        """
        return await self._unbroken(self._upsert(resource, obj, status=status), resource.kind)

    async def create(self, resource: Resource, obj: Obj) -> Obj | None:
        """Create an object; None if there was one before, which is left alone."""
        return await self._unbroken(self._create(resource, obj), resource.kind)

    async def apply(self, resource: Resource, obj: Obj, *, status: bool = False) -> Obj:
        """Apply an object server-side; with `status` also to its status subresource."""
        return await self._unbroken(self._apply(resource, obj, status=status), resource.kind)

    async def place(self, resource: Resource, obj: Obj) -> Obj:
        """Apply an object server-side with its status, and spare one of somebody else's at the end.

        Whose it is has to be asked only outside of the run's own namespaces.
        """
        return await self._unbroken(self._place(resource, obj), resource.kind)

    async def drain(self) -> None:
        """Wait for the writes that went on when those who asked for them were cancelled.

        To be called before cleanup: a request cut short may still be carried out by the server,
        after the delete that was meant for it.
        """
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    async def _unbroken(self, write: Coroutine[Any, Any, T], kind: str) -> T:
        task = asyncio.create_task(write, name=f"write-{kind}")
        self._in_flight.add(task)
        task.add_done_callback(self._landed)
        return await asyncio.shield(task)

    def _landed(self, task: asyncio.Task[Any]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            task.exception()

    async def _upsert(self, resource: Resource, obj: Obj, *, status: bool) -> Obj:
        entry = entry_of(resource, obj)
        self._open(entry)
        try:
            written = await writes.upsert(self.client, resource, obj, status=status)
        except PyloadError as error:
            self._failed(entry, error)
            raise
        existing = written.before
        if existing is not None:
            self._disown(entry, existing)
        self._metrics.object(resource.kind, "created" if existing is None else "updated")
        return written.obj

    async def _create(self, resource: Resource, obj: Obj) -> Obj | None:
        entry = entry_of(resource, obj)
        self.ledger.open(entry)
        try:
            written = await self.client.create(resource.path(entry.namespace or None), obj)
        except (ApiError, ClusterUnreachable) as error:
            if isinstance(error, ApiError) and error.status < 500:
                self.ledger.close(entry)
                if isinstance(error, Conflict) and error.reason == "AlreadyExists":
                    return None
            elif await self._is_there(entry, obj):
                # The answer was lost, not the write.
                self._metrics.object(resource.kind, "created")
                return obj
            self._metrics.object(resource.kind, "failed")
            raise
        self._metrics.object(resource.kind, "created")
        return written

    async def _is_there(self, entry: Entry, obj: Obj) -> bool:
        """Tell whether an object of this run is in the server; if somebody else's is, forget it."""
        try:
            found = await self.client.get(entry.resource.path(entry.namespace or None, entry.name))
        except NotFound:
            self.ledger.close(entry)
            return False
        except PyloadError:
            # It stays in the ledger: cleanup tries to remove it.
            return False
        labels = found.get("metadata", {}).get("labels", {})
        ours: bool = labels.get(RUN_LABEL) == obj["metadata"]["labels"][RUN_LABEL]
        if not ours:
            self.ledger.close(entry)
        return ours

    async def _apply(
        self, resource: Resource, obj: Obj, *, status: bool, again: bool = False
    ) -> Obj:
        entry = entry_of(resource, obj)
        self._open(entry)
        path = resource.path(entry.namespace or None, entry.name)
        try:
            result = await self.client.apply(path, obj)
            if status:
                result = await self.client.apply(f"{path}/status", obj)
        except PyloadError as error:
            self._failed(entry, error)
            raise
        self._metrics.object(resource.kind, "updated" if again else "created")
        return result

    async def _place(self, resource: Resource, obj: Obj) -> Obj:
        entry = entry_of(resource, obj)
        known = entry in self.ledger or entry in self._foreign
        before: Obj | None = None
        if not known and not self._inside(entry):
            try:
                path = resource.path(entry.namespace or None, entry.name)
                before = await self.client.get(path)
            except NotFound:
                before = None
        result = await self._apply(resource, obj, status=False, again=known)
        if obj.get("status"):
            # A kind without that subresource has taken the status with the rest.
            with contextlib.suppress(NotFound):
                path = resource.path(entry.namespace or None, entry.name, "status")
                result = await self.client.apply(path, obj)
        if before is not None:
            self._disown(entry, before)
        return result

    async def delete(self, entry: Entry) -> None:
        """Delete an object if this run has written it; one that is gone already is fine."""
        if entry not in self.ledger:
            return
        path = entry.resource.path(entry.namespace or None, entry.name)
        try:
            await self.client.delete(path)
        except PyloadError:
            self._metrics.object(entry.resource.kind, "failed")
            raise
        self._metrics.object(entry.resource.kind, "deleted")
        self.ledger.close(entry)

    def _failed(self, entry: Entry, error: PyloadError) -> None:
        self._metrics.object(entry.resource.kind, "failed")
        # A server that says no has looked at the write and not done it; of the others one
        # cannot be sure.
        if isinstance(error, ApiError) and error.status in (400, 401, 403, 422):
            self.ledger.close(entry)

    def _open(self, entry: Entry) -> None:
        if entry not in self._foreign:
            self.ledger.open(entry)

    def _disown(self, entry: Entry, existing: Obj) -> None:
        """Leave an object alone that was there before, if it is somebody else's."""
        if existing.get("metadata", {}).get("deletionTimestamp"):
            # It goes anyway, and the next of its name will be ours.
            return
        if entry not in self._foreign and not self._ours(entry, existing):
            self._foreign.add(entry)
            self.ledger.close(entry)
            log.warning("%s was there before this run: it will not be deleted", entry)

    def _ours(self, entry: Entry, existing: Obj) -> bool:
        if RUN_LABEL in existing.get("metadata", {}).get("labels", {}):
            return True
        # What a controller put into a namespace of ours, such as its default service account,
        # goes with the namespace anyway.
        return self._inside(entry)

    def _inside(self, entry: Entry) -> bool:
        """Tell whether an object is in a namespace of this run."""
        return Entry(NAMESPACES, "", entry.namespace) in self.ledger


def entry_of(resource: Resource, obj: Obj) -> Entry:
    """Name an object."""
    metadata = obj["metadata"]
    return Entry(resource, metadata.get("namespace", ""), metadata["name"])
