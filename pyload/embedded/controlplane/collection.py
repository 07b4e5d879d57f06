"""Encoded resources of one type, and what of a response can be shared between proxies.

Pure. A collection never changes; the next push has a new one that shares the unchanged bytes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from pyload.embedded.controlplane import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

# Proxies that ask for names ask for few different sets of them; past this, start again.
_SELECTIONS: Final = 64


class Part:
    """A run of encoded resources, as it stands in a response.

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


class Collection:
    """Resources of one type by name.

    Args:
        resources: Encoded ``google.protobuf.Any`` by resource name.
    """

    def __init__(self, resources: Mapping[str, bytes]) -> None:
        self.resources = resources
        self._selections: dict[tuple[frozenset[str], bool], Part] = {}
        self._differences: WeakKeyDictionary[Collection, Part] = WeakKeyDictionary()

    @cached_property
    def _sotw(self) -> Part:
        encoded = b"".join(map(encode.sotw_resource, self.resources.values()))
        return Part(encoded, len(self.resources))

    @cached_property
    def _delta(self) -> Part:
        encoded = b"".join(encode.delta_resource(*item) for item in self.resources.items())
        return Part(encoded, len(self.resources))

    def all(self, *, delta: bool) -> Part:
        """Give all resources."""
        return self._delta if delta else self._sotw

    def named(self, names: frozenset[str], *, delta: bool) -> Part:
        """Give the resources of some names.

        In delta, names that are not there are removals: their subscriber is waiting for an answer.
        """
        found = self._selections.get((names, delta))
        if found is None:
            if len(self._selections) >= _SELECTIONS:
                self._selections.clear()
            found = self._selections[names, delta] = self._select(names, delta=delta)
        return found

    def since(self, old: Collection) -> Part:
        """Give what a delta client that has an older collection lacks, and what it has too much."""
        found = self._differences.get(old)
        if found is None:
            changed = [
                (name, resource)
                for name, resource in self.resources.items()
                if old.resources.get(name) != resource
            ]
            removed = [name for name in old.resources if name not in self.resources]
            encoded = b"".join(encode.delta_resource(*item) for item in changed)
            found = Part(encoded + encode.removals(removed), len(changed), len(removed))
            self._differences[old] = found
        return found

    def changed(self, old: Collection) -> frozenset[str]:
        """Name the resources that an older collection had otherwise, or that only one has.

        Resources that were built again count as changed, even if they came out the same.
        """
        names = {
            name
            for name, resource in self.resources.items()
            if old.resources.get(name) is not resource
        }
        return frozenset(names) | self.missing(old)

    def missing(self, old: Collection) -> frozenset[str]:
        """Name the resources that an older collection had and this one has not."""
        return frozenset(old.resources.keys() - self.resources.keys())

    def _select(self, names: frozenset[str], *, delta: bool) -> Part:
        known = sorted(name for name in names if name in self.resources)
        if not delta:
            encoded = b"".join(encode.sotw_resource(self.resources[name]) for name in known)
            return Part(encoded, len(known))
        unknown = sorted(name for name in names if name not in self.resources)
        encoded = b"".join(encode.delta_resource(name, self.resources[name]) for name in known)
        return Part(encoded + encode.removals(unknown), len(known), len(unknown))


EMPTY: Final = Collection({})
