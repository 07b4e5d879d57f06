"""The objects of the API server, their versions, and the events of each kind.

One global revision counts all changes, as etcd's does; each object carries the revision of its last
change as its resourceVersion. Per kind the store keeps the current objects, sorted when they are
listed, and a bounded history of events, from which a watch that starts in the past is served;
listeners are called with every further event. Times and UIDs are arguments. Objects are never
changed once they are stored: every write passes a new dict, which may share parts with the version
before. How they are kept is the matter of `stored_object`.
"""

from __future__ import annotations

import bisect
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.embedded.apiserver import refusals
from pyload.embedded.apiserver.deletion import is_held, mark_deleted, timestamp
from pyload.embedded.apiserver.stored_object import Recent, StoredObject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.stored_object import Key
    from pyload.kube.resources import Obj, Resource

HISTORY: Final = 4096
"""Events kept per kind for watches that start in the past."""

_UNCOUNTED: Final = frozenset(("metadata", "status", "apiVersion", "kind"))


class Event(NamedTuple):
    """One change.

    Attributes:
        type: ``ADDED``, ``MODIFIED`` or ``DELETED``.
        entry: The object after the change; for ``DELETED`` its last state, under the revision of
            the deletion.
        previous: The object before the change.
    """

    type: str
    entry: StoredObject
    previous: StoredObject | None


class _Table:
    """The objects of one kind, and its recent events."""

    __slots__ = ("entries", "events", "forgotten", "listeners", "order")

    def __init__(self, history: int) -> None:
        self.entries: dict[Key, StoredObject] = {}
        self.order: list[Key] = []
        self.events: deque[Event] = deque(maxlen=history)
        self.forgotten = 0
        self.listeners: tuple[Callable[[Event], None], ...] = ()

    def record(self, event: Event) -> None:
        events = self.events
        if len(events) == events.maxlen:
            self.forgotten = events[0].entry.revision
        events.append(event)
        for listener in self.listeners:
            listener(event)


class _Tables(dict["Kind", _Table]):
    """The tables by kind; each is made when it is first asked for, and stays.

    So the objects that finalizers hold outlast the definition of their kind.
    """

    def __init__(self, history: int) -> None:
        super().__init__()
        self._history = history

    def __missing__(self, kind: Kind) -> _Table:
        table = self[kind] = _Table(self._history)
        return table


class Store:
    """All objects, under one global revision that every change increments.

    Args:
        history: Events kept per kind.
        first: The first revision.
    """

    def __init__(self, *, history: int = HISTORY, first: int = 1) -> None:
        self.revision = self._first = first
        self._recent = Recent()
        self._tables = _Tables(history)

    def get(self, kind: Kind, namespace: str, name: str) -> StoredObject | None:
        """Return an object, or None."""
        return self._tables[kind].entries.get((namespace, name))

    def need(self, kind: Kind, namespace: str, name: str) -> StoredObject:
        """Return an object.

        Raises:
            Refused: There is no such object.
        """
        entry = self._tables[kind].entries.get((namespace, name))
        if entry is None:
            raise refusals.not_found(kind, name)
        return entry

    def entries(self, kind: Kind, namespace: str = "") -> list[StoredObject]:
        """List the objects of one kind by namespace and name; all namespaces by default."""
        table = self._tables[kind]
        order = table.order
        if namespace:
            low = bisect.bisect_left(order, (namespace, ""))
            high = bisect.bisect_left(order, (namespace + "\0", ""), low)
            order = order[low:high]
        entries = table.entries
        return [entries[key] for key in order]

    def objects(self) -> Iterator[tuple[Resource, Obj]]:
        """Iterate over all objects, which must not be changed."""
        for kind, table in self._tables.items():
            resource = kind.resource()
            for key in list(table.order):
                yield resource, table.entries[key].obj

    def since(self, kind: Kind, revision: int) -> list[Event]:
        """List the events of one kind after a revision.

        Raises:
            Refused: The history does not reach back so far, or the revision is not of this store.
        """
        table = self._tables[kind]
        oldest = max(table.forgotten, self._first)
        if not oldest <= revision <= self.revision:
            # One that is not reached yet is that of another server, which was here before.
            raise refusals.too_old(revision, oldest)
        found: list[Event] = []
        for event in reversed(table.events):
            if event.entry.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    def subscribe(self, kind: Kind, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call the listener with every further event of a kind, until the result is called."""
        table = self._tables[kind]
        table.listeners = (*table.listeners, listener)

        def unsubscribe() -> None:
            table.listeners = tuple(other for other in table.listeners if other is not listener)

        return unsubscribe

    def create(self, kind: Kind, obj: Obj, *, now: datetime, uid: str) -> StoredObject:
        """Add an object; takes over ``obj`` and its metadata.

        Raises:
            Refused: There is one of this name already.
        """
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        table = self._tables[kind]
        if key in table.entries:
            raise refusals.already_exists(kind, key[1])
        begin_life(kind, obj, now=now, uid=uid)
        return self._commit(table, "ADDED", key, obj, None)

    def update(self, kind: Kind, obj: Obj) -> StoredObject:
        """Replace an object; takes over ``obj`` and its metadata.

        An object that is being deleted vanishes with its last finalizer. Nothing happens if
        nothing changes.

        Raises:
            Refused: It is not there, its resourceVersion is given and not the current one, or it
                has another UID.
        """
        metadata = obj["metadata"]
        key = (metadata.get("namespace", ""), metadata["name"])
        table = self._tables[kind]
        old = table.entries.get(key)
        if old is None:
            raise refusals.not_found(kind, key[1])
        before = old.obj["metadata"]
        check_preconditions(kind, old, metadata)
        carry_over(kind, obj, old.obj)
        dying = "deletionTimestamp" in before and not before.get("deletionGracePeriodSeconds")
        if dying and not is_held(kind, obj):
            # The writer is shown what it wrote, watchers what was there.
            self._remove(table, key)
            return StoredObject(key, obj, old.revision, self._recent)
        if obj == old.obj:
            return old
        return self._commit(table, "MODIFIED", key, obj, old)

    def delete(
        self,
        kind: Kind,
        namespace: str,
        name: str,
        *,
        now: datetime,
        grace: int | None = None,
        preconditions: Obj | None = None,
    ) -> tuple[StoredObject, bool]:
        """Begin, hasten or complete the deletion of an object.

        Args:
            kind: Its kind.
            namespace: Its namespace, or empty.
            name: Its name.
            now: The time.
            grace: Seconds of grace, or None for the object's own.
            preconditions: The ``uid`` and ``resourceVersion`` that it must have, where given.

        Returns:
            The last state, and whether the object is gone.

        Raises:
            Refused: It is not there, or a precondition does not hold.
        """
        entry = self.need(kind, namespace, name)
        check_deletable(kind, entry, preconditions or {})
        key = entry.key
        table = self._tables[kind]
        marked = mark_deleted(kind, entry.obj, now=now, grace=grace)
        if marked is not None:
            entry = self._commit(table, "MODIFIED", key, marked, entry)
        metadata = entry.obj["metadata"]
        pending = "deletionTimestamp" in metadata and metadata.get("deletionGracePeriodSeconds")
        if pending or is_held(kind, entry.obj):
            return entry, False
        return self._remove(table, key), True

    def _commit(
        self, table: _Table, type_: str, key: Key, obj: Obj, previous: StoredObject | None
    ) -> StoredObject:
        revision = self.revision + 1
        obj["metadata"]["resourceVersion"] = str(revision)
        # If it cannot be encoded, nothing has happened.
        entry = StoredObject(key, obj, revision, self._recent)
        self.revision = revision
        if previous is None:
            bisect.insort(table.order, key)
        table.entries[key] = entry
        table.record(Event(type_, entry, previous))
        return entry

    def _remove(self, table: _Table, key: Key) -> StoredObject:
        previous = table.entries.pop(key)
        del table.order[bisect.bisect_left(table.order, key)]
        self.revision += 1
        last = previous.at(self.revision)
        table.record(Event("DELETED", last, previous))
        return last


_SYSTEM_FIELDS: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
)


def begin_life(kind: Kind, obj: Obj, *, now: datetime, uid: str) -> None:
    """Set the metadata that a server gives to a new object."""
    metadata = obj["metadata"]
    metadata["uid"] = uid
    metadata["creationTimestamp"] = timestamp(now)
    if kind.generation:
        metadata["generation"] = 1


def carry_over(kind: Kind, obj: Obj, old: Obj) -> None:
    """Set the metadata of an object's next version that no client can change."""
    before, metadata = old["metadata"], obj["metadata"]
    for field in _SYSTEM_FIELDS:
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    if kind.generation and _desired(obj) != _desired(old):
        metadata["generation"] = before.get("generation", 0) + 1


def _desired(obj: Obj) -> Obj:
    return {field: value for field, value in obj.items() if field not in _UNCOUNTED}


def check_deletable(kind: Kind, entry: StoredObject, given: Obj) -> None:
    """Compare the ``uid`` and ``resourceVersion`` that a DELETE gives with the object's.

    Raises:
        Refused: They differ.
    """
    actual = {"uid": entry.obj["metadata"]["uid"], "resourceVersion": str(entry.revision)}
    for field, shown, what in (
        ("uid", "UID", "deleted and then recreated"),
        ("resourceVersion", "ResourceVersion", "modified"),
    ):
        wanted = given.get(field)
        if wanted is not None and wanted != actual[field]:
            raise refusals.undeletable(
                kind,
                entry.key[1],
                f"the {shown} in the precondition ({wanted}) does not match the {shown} in record "
                f"({actual[field]}). The object might have been {what}",
            )


def check_preconditions(kind: Kind, entry: StoredObject, given: Obj) -> None:
    """Compare the ``uid`` and ``resourceVersion`` that a request gives with the object's.

    Raises:
        Refused: They differ.
    """
    name = entry.key[1]
    uid, revision = given.get("uid"), given.get("resourceVersion")
    actual = entry.obj["metadata"]["uid"]
    if uid and uid != actual:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {actual}"
        raise refusals.conflict(kind, name, why)
    if revision and revision != "0" and revision != str(entry.revision):
        raise refusals.modified(kind, name)
