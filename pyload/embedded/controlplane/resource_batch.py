"""Encoded resources of one type, and the fragments of responses that proxies share.

A batch is immutable; the next snapshot has a new one that shares the unchanged bytes. What a
response carries of a batch is encoded once and kept with it: all resources, the same selection of
names, and the difference to an older batch. So a push to thousands of proxies copies bytes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from pyload.embedded.controlplane import wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Proxies that ask for names ask for few different sets of them; past this, start again.
_SELECTIONS: Final = 64


class ResponseFragment:
    """Encoded resources and removals, as fields of a response.

    Attributes:
        encoded: Fields of the response message.
        count: How many resources.
        removed: How many removed names.
    """

    __slots__ = ("count", "encoded", "removed")

    def __init__(self, encoded: bytes, count: int, removed: int = 0) -> None:
        self.encoded = encoded
        self.count = count
        self.removed = removed


class ResourceBatch:
    """Resources of one type by name.

    Args:
        resources: Encoded ``google.protobuf.Any`` by resource name.
        versions: Versions by resource name; None for a type that has none.
    """

    def __init__(
        self, resources: Mapping[str, bytes], versions: Mapping[str, str] | None = None
    ) -> None:
        self.resources = resources
        self._versions = versions
        self._selections: dict[tuple[frozenset[str], bool], ResponseFragment] = {}
        self._differences: WeakKeyDictionary[ResourceBatch, ResponseFragment] = WeakKeyDictionary()

    @cached_property
    def _sotw(self) -> ResponseFragment:
        encoded = b"".join(map(wire.sotw_resource, self.resources.values()))
        return ResponseFragment(encoded, len(self.resources))

    @cached_property
    def _delta(self) -> ResponseFragment:
        return ResponseFragment(self._encode(self.resources), len(self.resources))

    def all(self, *, delta: bool) -> ResponseFragment:
        """Return all resources."""
        return self._delta if delta else self._sotw

    def named(self, names: frozenset[str], *, delta: bool) -> ResponseFragment:
        """Return the resources of some names.

        In delta, unknown names become removals, as their subscriber waits for an answer.
        """
        found = self._selections.get((names, delta))
        if found is None:
            if len(self._selections) >= _SELECTIONS:
                self._selections.clear()
            found = self._selections[names, delta] = self._select(names, delta=delta)
        return found

    def changes_since(self, old: ResourceBatch) -> ResponseFragment:
        """Return the changes and removals for a delta client that has an older batch."""
        found = self._differences.get(old)
        if found is None:
            changed = [
                name
                for name, resource in self.resources.items()
                if old.resources.get(name) != resource
            ]
            removed = [name for name in old.resources if name not in self.resources]
            encoded = self._encode(changed)
            found = ResponseFragment(encoded + wire.removals(removed), len(changed), len(removed))
            self._differences[old] = found
        return found

    def changes_for(
        self, held: Mapping[str, str], names: frozenset[str] | None = None
    ) -> ResponseFragment:
        """Return the changes and removals for a delta client that reconnects with some resources.

        Args:
            held: Versions of the resources that it still has, by name.
            names: Names that it subscribes to; None for all.
        """
        versions = self._versions or {}
        lacking = [
            name
            for name in (self.resources if names is None else sorted(names))
            if name in self.resources
            and (not (version := versions.get(name)) or held.get(name) != version)
        ]
        known = held if names is None else {*held, *names}
        removed = sorted(name for name in known if name not in self.resources)
        return ResponseFragment(
            self._encode(lacking) + wire.removals(removed), len(lacking), len(removed)
        )

    def _select(self, names: frozenset[str], *, delta: bool) -> ResponseFragment:
        known = sorted(name for name in names if name in self.resources)
        if not delta:
            encoded = b"".join(wire.sotw_resource(self.resources[name]) for name in known)
            return ResponseFragment(encoded, len(known))
        unknown = sorted(name for name in names if name not in self.resources)
        return ResponseFragment(
            self._encode(known) + wire.removals(unknown), len(known), len(unknown)
        )

    def _encode(self, names: Iterable[str]) -> bytes:
        versions = self._versions or {}
        return b"".join(
            wire.delta_resource(name, self.resources[name], versions.get(name, ""))
            for name in names
        )
