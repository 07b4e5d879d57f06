"""Writes a run's objects: labelled, counted, and kept track of.

A run must never forget an object that it has created, nor delete one that it has not. Three things
see to that:

- The ledger has each object from before its first write until it is known to be gone. Whatever
  ends the run, cleanup finds there what may exist.
- Whose an object is, `pyload.mesh.ownership` decides from what was there before the write. A write
  is: read, decide, enter into the ledger, send.
- A write is a task of its own that a cancelled caller leaves running. A request that is cut short
  may still be carried out by the server, after the delete that was meant for it; so cleanup first
  waits for all of these (`drain`).

There are four ways to write, because pilot-load and controllers have as many: `upsert` (read, then
POST or PUT), `create` (POST, and leave what is there), `apply` (a server-side apply into a
namespace of the run) and `place` (one that may be anywhere).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pyload.errors import ApiError, ClusterUnreachable, Conflict, NotFound, PyloadError
from pyload.kube.decision import Create, Leave
from pyload.kube.resources import NAMESPACES
from pyload.kube.upsert import put_status, upsert
from pyload.mesh.ledger import Entry, Ledger
from pyload.mesh.ownership import Ownership, run_of, unlabelled

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from pyload.kube.client import Client
    from pyload.kube.decision import Decision
    from pyload.kube.resources import Obj, Resource
    from pyload.manifests.runs import Origin
    from pyload.report.metrics import Metrics

T = TypeVar("T")

_REFUSALS: Final = frozenset({400, 401, 403, 404, 422})
"""Status codes of a server that has looked at a write and not carried it out."""

log = logging.getLogger("pyload")


class Writer:
    """Writes objects to one API server.

    Args:
        client: The API server.
        metrics: Counts each write.
        origin: The run, which cluster-scoped objects name in annotations; None writes none.
        adopts: Whether objects of other runs are taken over.

    Attributes:
        ledger: The objects that have been written and are not known to be gone.
    """

    def __init__(
        self,
        client: Client,
        metrics: Metrics,
        *,
        origin: Origin | None = None,
        adopts: bool = False,
    ) -> None:
        self.client = client
        self.ledger = Ledger()
        self._origin = origin
        run_id = "" if origin is None else origin.run_id
        self._adopts = adopts
        self._ownership = Ownership(self.ledger, run_id=run_id, adopts=adopts)
        self._metrics = metrics
        self._in_flight: set[asyncio.Task[Any]] = set()

    async def upsert(self, resource: Resource, obj: Obj, *, status: bool = False) -> Obj:
        """Create or replace an object, as pilot-load's typed clients do.

        Somebody else's object is updated, but gets no run label and is never deleted. A namespace
        that is being deleted stays as it is, and is returned.

        Raises:
            UsageError: The object belongs to another run.
        """
        obj = self._marked(resource, obj)
        return await self._shielded(self._upsert(resource, obj, status=status), resource.kind)

    async def create(self, resource: Resource, obj: Obj) -> Obj | None:
        """Create an object; None if there was one before, which is left alone.

        One of another run is not, where objects of other runs are taken over.
        """
        obj = self._marked(resource, obj)
        return await self._shielded(self._create(resource, obj), resource.kind)

    async def apply(self, resource: Resource, obj: Obj, *, status: bool = False) -> Obj:
        """Apply an object server-side; with `status` also to its status subresource."""
        return await self._shielded(self._apply(resource, obj, status=status), resource.kind)

    async def place(self, resource: Resource, obj: Obj) -> Obj:
        """Apply an object server-side with its status; somebody else's is never deleted.

        Whose it is has to be asked only outside of the run's own namespaces.

        Raises:
            UsageError: The object belongs to another run.
        """
        obj = self._marked(resource, obj)
        return await self._shielded(self._place(resource, obj), resource.kind)

    async def drain(self) -> None:
        """Wait for the writes whose callers were cancelled; to be called before cleanup."""
        while self._in_flight:
            await asyncio.wait(self._in_flight)

    def _marked(self, resource: Resource, obj: Obj) -> Obj:
        """Return an object with the run's annotations, if its kind is cluster-scoped."""
        if self._origin is None or resource.namespaced:
            return obj
        metadata = obj["metadata"]
        annotations = {**(metadata.get("annotations") or {}), **self._origin.annotations}
        return {**obj, "metadata": {**metadata, "annotations": annotations}}

    async def _shielded(self, write: Coroutine[Any, Any, T], kind: str) -> T:
        task = asyncio.create_task(write, name=f"write-{kind}")
        self._in_flight.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._in_flight.discard(task)
        if not task.cancelled():
            # The error of a write whose caller was cancelled is not worth a traceback.
            task.exception()

    async def _upsert(self, resource: Resource, obj: Obj, *, status: bool) -> Obj:
        entry = entry_of(resource, obj)
        with self._failure_of(entry, obj):
            written, decision = await upsert(
                self.client,
                resource,
                obj,
                decide=partial(self._ownership.decide, entry),
                before_write=partial(self._begin, entry),
            )
        if isinstance(decision, Leave):
            return written
        self._done(entry, "created" if isinstance(decision, Create) else "updated")
        if not (status and obj.get("status")):
            return written
        with self._failure_of_status(resource):
            return await put_status(self.client, resource, decision.obj, written=written)

    async def _create(self, resource: Resource, obj: Obj) -> Obj | None:
        entry = entry_of(resource, obj)
        self._begin(entry, Create(obj))
        try:
            written = await self.client.create(resource.path(entry.namespace or None), obj)
        except (ApiError, ClusterUnreachable) as error:
            if isinstance(error, ApiError) and error.status < 500:
                self.ledger.close(entry)
                if isinstance(error, Conflict) and error.reason == "AlreadyExists":
                    before = await self._read(entry) if self._adopts else None
                    if before is None or not run_of(before):
                        return None
                    return await self._upsert(resource, obj, status=False)
            else:
                self._ownership.failed(entry, obj, refused=False, known=False)
                # It stays in the ledger if the server cannot say; cleanup looks again then.
                with contextlib.suppress(PyloadError):
                    if await self._verify(entry):
                        # The answer was lost, not the write.
                        self._done(entry, "created")
                        return obj
            self._metrics.object(resource.kind, "failed")
            raise
        self._done(entry, "created")
        return written

    async def _apply(
        self, resource: Resource, obj: Obj, *, status: bool, repeated: bool = False
    ) -> Obj:
        entry = entry_of(resource, obj)
        path = resource.path(entry.namespace or None, entry.name)
        with self._failure_of(entry, obj):
            if not self._ownership.is_not_ours(entry):
                self.ledger.open(entry)
            result = await self.client.apply(path, obj)
        self._done(entry, "updated" if repeated else "created")
        if status:
            with self._failure_of_status(resource):
                result = await self.client.apply(f"{path}/status", obj)
        return result

    async def _place(self, resource: Resource, obj: Obj) -> Obj:
        entry, ownership = entry_of(resource, obj), self._ownership
        known = entry in self.ledger or ownership.is_not_ours(entry)
        if not known and not ownership.is_inside(entry):
            existing = await self._read(entry)
            if existing is not None and not ownership.owns(entry, existing):
                self._disown(entry)
        if ownership.is_not_ours(entry):
            obj = unlabelled(obj)
        result = await self._apply(resource, obj, status=False, repeated=known)
        if obj.get("status"):
            # A kind without that subresource has taken the status with the rest.
            with contextlib.suppress(NotFound):
                path = resource.path(entry.namespace or None, entry.name, "status")
                result = await self.client.apply(path, obj)
        return result

    async def delete(self, entry: Entry) -> None:
        """Delete an object if this run has written it; one that is gone already is fine.

        A namespace stays in the ledger, as terminating: this only begins its end.
        """
        if entry not in self.ledger:
            return
        path = entry.resource.path(entry.namespace or None, entry.name)
        try:
            if self._ownership.is_uncertain(entry) and not await self._verify(entry):
                return
            await self.client.delete(path)
        except PyloadError:
            self._metrics.object(entry.resource.kind, "failed")
            raise
        self._metrics.object(entry.resource.kind, "deleted")
        if entry.resource == NAMESPACES:
            self.ledger.terminate(entry)
        else:
            self.ledger.close(entry)

    async def _read(self, entry: Entry) -> Obj | None:
        try:
            return await self.client.get(entry.resource.path(entry.namespace or None, entry.name))
        except NotFound:
            return None

    async def _verify(self, entry: Entry) -> bool:
        """Return whether an object whose write has failed is there, and the run's."""
        return self._ownership.verify(entry, await self._read(entry))

    def _begin(self, entry: Entry, decision: Decision) -> None:
        if self._ownership.begin(entry, decision):
            self._warn(entry)

    def _disown(self, entry: Entry) -> None:
        if self._ownership.disown(entry):
            self._warn(entry)

    def _warn(self, entry: Entry) -> None:
        log.warning("%s was there before this run: it will not be deleted", entry)

    def _done(self, entry: Entry, outcome: str) -> None:
        self._ownership.succeeded(entry)
        self._metrics.object(entry.resource.kind, outcome)

    @contextlib.contextmanager
    def _failure_of(self, entry: Entry, obj: Obj) -> Iterator[None]:
        """Count a failure, and note what it leaves unknown."""
        known = entry in self.ledger
        try:
            yield
        except PyloadError as error:
            self._metrics.object(entry.resource.kind, "failed")
            refused = isinstance(error, ApiError) and error.status in _REFUSALS
            self._ownership.failed(entry, obj, refused=refused, known=known)
            raise

    @contextlib.contextmanager
    def _failure_of_status(self, resource: Resource) -> Iterator[None]:
        """Count a failure; the object itself is there, with or without its status."""
        try:
            yield
        except PyloadError:
            self._metrics.object(resource.kind, "failed")
            raise


def entry_of(resource: Resource, obj: Obj) -> Entry:
    """Return the entry of an object."""
    metadata = obj["metadata"]
    return Entry(resource, metadata.get("namespace", ""), metadata["name"])
