"""The plan of a watch: which objects it shows, and in which form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import orjson

from pyload.embedded.apiserver.printing import tables

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pyload.embedded.apiserver.kinds import Kind
    from pyload.embedded.apiserver.selectors import Selector
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.apiserver.stored_object import StoredObject
    from pyload.kube.resources import Obj

INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


@dataclass(slots=True)
class WatchPlan:
    """A watch that may begin; `pyload.embedded.apiserver.watch` runs it.

    Attributes:
        kind: What is watched.
        api_version: Version in which objects are shown.
        namespace: Namespace, or empty for all.
        selector: Which objects.
        form: As ``object``, ``metadata`` or ``table``.
        now: Returns the time, from which the ages in tables count.
        bookmarks: Whether the client wants bookmarks.
        timeout: Seconds until the server ends it.
        initial: Lines to send first.
        failed: Whether the watch ends after those lines.
        include: What the rows of tables carry of their objects.
        has_columns: Whether the columns of tables have been described.
    """

    kind: Kind
    api_version: str
    namespace: str
    selector: Selector
    form: str
    now: Callable[[], datetime]
    bookmarks: bool
    timeout: float
    initial: list[bytes] = field(default_factory=list)
    failed: bool = False
    include: str = tables.INCLUDED[0]
    has_columns: bool = False

    def line(self, event: Event) -> bytes | None:
        """Return the line that the watcher is sent for an event, or None.

        An object that begins to match the selector is shown as added, one that no longer
        matches as deleted.
        """
        entry = event.entry
        if self.namespace and entry.key[0] != self.namespace:
            return None
        type_ = event.type
        if self.selector:
            before = event.previous
            matched = before is not None and before.matches(self.selector)
            matches = type_ != "DELETED" and entry.matches(self.selector)
            if matches:
                type_ = "MODIFIED" if matched else "ADDED"
            elif matched and before is not None:
                type_ = "DELETED"
                entry = before.at(entry.revision)
            else:
                return None
        return self._line(type_, entry)

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        """Return a bookmark line."""
        metadata: Obj = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        obj = {"kind": self.kind.kind, "apiVersion": self.api_version, "metadata": metadata}
        if self.form == "table":
            obj = self._table([], metadata)
        if self.form == "metadata":
            obj |= {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        return orjson.dumps({"type": "BOOKMARK", "object": obj}) + b"\n"

    def add(self, entry: StoredObject) -> None:
        """Add an object to the initial lines, if it is asked for."""
        if not self.selector or entry.matches(self.selector):
            self.initial.append(self._line("ADDED", entry))

    def _line(self, type_: str, entry: StoredObject) -> bytes:
        if self.form == "table":
            shown = orjson.dumps(self._table([entry.obj], {"resourceVersion": str(entry.revision)}))
        elif self.form == "metadata":
            shown = entry.metadata_json()
        else:
            shown = entry.json(self.api_version)
        return b'{"type":"%b","object":%b}\n' % (type_.encode(), shown)

    def _table(self, objs: list[Obj], metadata: Obj) -> Obj:
        shown = tables.table(
            self.kind,
            self.api_version.rpartition("/")[2],
            objs,
            now=self.now(),
            metadata=metadata,
            include=self.include,
            with_columns=not self.has_columns,
        )
        self.has_columns = True
        return shown
