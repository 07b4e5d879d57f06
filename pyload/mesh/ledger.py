"""The objects that a run has written and not yet seen gone, in the order of their first write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.kube.resources import Resource


@dataclass(frozen=True, slots=True)
class Entry:
    """One object.

    Attributes:
        resource: Kind of the object.
        namespace: Namespace of the object; empty for cluster-scoped kinds.
        name: Name of the object.
    """

    resource: Resource
    namespace: str
    name: str

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.resource.kind} {where}"


@dataclass(slots=True)
class Ledger:
    """Keeps the entries from before their first write until they are known to be gone.

    A write whose answer was lost counts as written: cleaning up an object that never came to be
    costs one request, forgetting one that did costs the user's trust.

    Attributes:
        terminating: Entries of namespaces whose deletion has begun, in that order.
    """

    terminating: dict[Entry, None] = field(default_factory=dict)
    _entries: dict[Entry, None] = field(default_factory=dict)

    def open(self, entry: Entry) -> None:
        """Note that an object is about to be written."""
        self._entries[entry] = None
        self.terminating.pop(entry, None)

    def terminate(self, entry: Entry) -> None:
        """Note that the deletion of a namespace has begun."""
        self.terminating[entry] = None

    def close(self, entry: Entry) -> None:
        """Note that an object is gone, or belongs to somebody else."""
        self._entries.pop(entry, None)

    def __contains__(self, entry: Entry) -> bool:
        return entry in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entries in the order of their first write."""
        return iter(list(self._entries))
