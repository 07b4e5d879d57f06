"""Writes a run's objects: labelled, counted, and kept track of."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from pyload.errors import ApiError, ClusterUnreachable, Conflict, NotFound, PyloadError
from pyload.kube import upsert
from pyload.kube.resources import NAMESPACES
from pyload.manifests.objects import RUN_LABEL
from pyload.mesh.ledger import Entry, Ledger

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

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
        terminating: Namespaces of the ledger that have been deleted.
    """

    def __init__(self, client: Client, metrics: Metrics) -> None:
        self.client = client
        self.ledger = Ledger()
        self.terminating: dict[Entry, None] = {}
        self._metrics = metrics
        self._in_flight: set[asyncio.Task[Any]] = set()
        self._foreign: set[Entry] = set()
        # Entries whose last write may or may not have been carried out, and the run's name.
        self._unsure: dict[Entry, str] = {}

    async def upsert(self, resource: Resource, obj: Obj, *, status: bool = False) -> Obj:
        """Create or replace an object, as pilot-load's typed clients do.

        An object that was there before and that no run of pyload made is somebody else's: it is
        updated, but gets no run label and is never deleted. A namespace that is being deleted
        stays as it is, and is returned.
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
        known = entry in self.ledger
        whole = obj

        def prepare(obj: Obj, before: Obj | None) -> Obj:
            nonlocal whole
            whole = self._prepared(entry, obj, before)
            return whole

        try:
            written = await upsert.upsert(self.client, resource, obj, prepare=prepare)
        except PyloadError as error:
            self._failed(entry, error, obj, known=known)
            raise
        if written.obj is written.before:
            return written.obj
        self._done(entry, "created" if written.before is None else "updated")
        if not (status and obj.get("status")):
            return written.obj
        with self._of_status(resource):
            return await upsert.put_status(self.client, resource, whole, written=written.obj)

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
            else:
                self._unsure[entry] = _run_of(obj)
                # It stays in the ledger if nobody can say; cleanup looks again then.
                with contextlib.suppress(PyloadError):
                    if await self._is_ours(entry, _run_of(obj)):
                        # The answer was lost, not the write.
                        self._done(entry, "created")
                        return obj
            self._metrics.object(resource.kind, "failed")
            raise
        self._done(entry, "created")
        return written

    async def _is_ours(self, entry: Entry, run_id: str) -> bool:
        """Tell whether the object of this name is the run's; if not, forget it."""
        try:
            path = entry.resource.path(entry.namespace or None, entry.name)
            found = await self.client.get(path)
        except NotFound:
            found = {}
        ours = _run_of(found) == run_id
        if not ours:
            self.ledger.close(entry)
        return ours

    async def _apply(
        self, resource: Resource, obj: Obj, *, status: bool, again: bool = False
    ) -> Obj:
        entry = entry_of(resource, obj)
        known = entry in self.ledger
        if entry not in self._foreign:
            self._open(entry)
        path = resource.path(entry.namespace or None, entry.name)
        try:
            result = await self.client.apply(path, obj)
        except PyloadError as error:
            self._failed(entry, error, obj, known=known)
            raise
        self._done(entry, "updated" if again else "created")
        if status:
            with self._of_status(resource):
                result = await self.client.apply(f"{path}/status", obj)
        return result

    async def _place(self, resource: Resource, obj: Obj) -> Obj:
        entry = entry_of(resource, obj)
        path = resource.path(entry.namespace or None, entry.name)
        known = entry in self.ledger or entry in self._foreign
        if not known and not self._inside(entry):
            with contextlib.suppress(NotFound):
                self._look_at(entry, await self.client.get(path))
        if entry in self._foreign:
            obj = _unlabelled(obj)
        result = await self._apply(resource, obj, status=False, again=known)
        if obj.get("status"):
            # A kind without that subresource has taken the status with the rest.
            with contextlib.suppress(NotFound):
                result = await self.client.apply(f"{path}/status", obj)
        return result

    async def delete(self, entry: Entry) -> None:
        """Delete an object if this run has written it; one that is gone already is fine.

        A namespace stays in the ledger, and is among the `terminating`: this only begins its end.
        """
        if entry not in self.ledger:
            return
        path = entry.resource.path(entry.namespace or None, entry.name)
        try:
            # Where the write's outcome is not known, somebody else's may be there instead.
            run_id = self._unsure.get(entry)
            if run_id is not None and not await self._is_ours(entry, run_id):
                return
            await self.client.delete(path)
        except PyloadError:
            self._metrics.object(entry.resource.kind, "failed")
            raise
        self._metrics.object(entry.resource.kind, "deleted")
        if entry.resource == NAMESPACES:
            self.terminating[entry] = None
        else:
            self.ledger.close(entry)

    def _done(self, entry: Entry, what: str) -> None:
        self._unsure.pop(entry, None)
        self._metrics.object(entry.resource.kind, what)

    def _failed(self, entry: Entry, error: PyloadError, obj: Obj, *, known: bool) -> None:
        self._metrics.object(entry.resource.kind, "failed")
        if entry not in self.ledger or (known and entry not in self._unsure):
            return
        # A server that says no has looked at the write and not done it; of the others one
        # cannot be sure.
        if isinstance(error, ApiError) and error.status in (400, 401, 403, 404, 422):
            if not known:
                self.ledger.close(entry)
        else:
            self._unsure[entry] = _run_of(obj)

    @contextlib.contextmanager
    def _of_status(self, resource: Resource) -> Iterator[None]:
        """Count a failure; the object itself is there, whatever is said of its status."""
        try:
            yield
        except PyloadError:
            self._metrics.object(resource.kind, "failed")
            raise

    def _prepared(self, entry: Entry, obj: Obj, before: Obj | None) -> Obj:
        """Decide whose an object is, before the write that may be the run's last deed."""
        if before is None:
            self._foreign.discard(entry)
        elif entry.resource == NAMESPACES and before["metadata"].get("deletionTimestamp"):
            # What is put into it now would be refused, or go with it.
            return before
        else:
            self._look_at(entry, before)
            if entry in self._foreign:
                return _over(obj, before)
        self._open(entry)
        return obj

    def _open(self, entry: Entry) -> None:
        self.ledger.open(entry)
        self.terminating.pop(entry, None)

    def _look_at(self, entry: Entry, existing: Obj) -> None:
        """Leave an object alone that was there before, if it is somebody else's."""
        if existing.get("metadata", {}).get("deletionTimestamp"):
            # It goes anyway, and the next of its name will be ours.
            return
        if entry not in self._foreign and not self._ours(entry, existing):
            self._foreign.add(entry)
            self.ledger.close(entry)
            log.warning("%s was there before this run: it will not be deleted", entry)

    def _ours(self, entry: Entry, existing: Obj) -> bool:
        # What a controller put into a namespace of ours, such as its default service account,
        # goes with the namespace anyway.
        return bool(_run_of(existing)) or self._inside(entry)

    def _inside(self, entry: Entry) -> bool:
        """Tell whether an object is in a namespace of this run."""
        return Entry(NAMESPACES, "", entry.namespace) in self.ledger


def entry_of(resource: Resource, obj: Obj) -> Entry:
    """Name an object."""
    metadata = obj["metadata"]
    return Entry(resource, metadata.get("namespace", ""), metadata["name"])


def _run_of(obj: Obj) -> str:
    """Name the run that an object belongs to; empty if it is somebody else's."""
    return str(((obj.get("metadata") or {}).get("labels") or {}).get(RUN_LABEL, ""))


def _unlabelled(obj: Obj) -> Obj:
    """Give an object without the label by which cleanup finds what it may delete."""
    metadata = obj["metadata"]
    labels = {key: text for key, text in metadata["labels"].items() if key != RUN_LABEL}
    return {**obj, "metadata": {**metadata, "labels": labels}}


def _over(obj: Obj, before: Obj) -> Obj:
    """Give what is written over somebody else's object, which keeps its owner's metadata."""
    theirs, added = before["metadata"], _unlabelled(obj)["metadata"]
    merged = {
        name: {**(theirs.get(name) or {}), **(added.get(name) or {})}
        for name in ("labels", "annotations")
    }
    metadata = {**theirs, **added, **merged}
    # Who owns which field is the server's to say.
    metadata.pop("managedFields", None)
    return {**obj, "metadata": metadata}
