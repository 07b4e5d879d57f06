"""The resources of one type that a proxy holds, and the names that they refer to.

Proxies of one namespace mostly hold the same, so equal sets are one object in memory: a proxy costs
a few references, and the names of a subscription are encoded once for all. Sets are immutable and
found by their members; a set that no proxy holds any more is freed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakValueDictionary, ref

from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.xds.resources import Resource
    from pyload.xds.types import TypeUrl


class SubscriptionDiff(NamedTuple):
    """The difference between two subscriptions.

    Attributes:
        encoded: The difference as fields of a DeltaDiscoveryRequest.
        added: Names that only the later subscription has.
        dropped: Names that the later subscription does not have.
    """

    encoded: bytes = b""
    added: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()


class NameSet:
    """An immutable set of resource names; make it with `of`.

    Attributes:
        members: The names.
        encoded: The names, sorted, as ``resource_names`` of a DiscoveryRequest. The field of a
            DeltaDiscoveryRequest that subscribes has the same number.
    """

    __slots__ = ("__weakref__", "_before", "_diff", "encoded", "members")

    _shared: Final[WeakValueDictionary[frozenset[str], NameSet]] = WeakValueDictionary()

    def __init__(self, members: frozenset[str]) -> None:
        self.members = members
        self.encoded = discovery_pb2.DiscoveryRequest(
            resource_names=sorted(members)
        ).SerializeToString()
        # The last difference that was asked for: after a push, all proxies ask for the same.
        self._before: ref[NameSet] | None = None
        self._diff = SubscriptionDiff()

    def __bool__(self) -> bool:
        return bool(self.members)

    def since(self, before: NameSet) -> SubscriptionDiff:
        """Return the difference from names that were subscribed to before to these."""
        if self._before is None or self._before() is not before:
            self._before = ref(before)
            added, dropped = self.members - before.members, before.members - self.members
            request = discovery_pb2.DeltaDiscoveryRequest(
                resource_names_subscribe=sorted(added), resource_names_unsubscribe=sorted(dropped)
            )
            self._diff = SubscriptionDiff(request.SerializeToString(), added, dropped)
        return self._diff

    @classmethod
    def of(cls, members: Iterable[str]) -> NameSet:
        """Return the one object for these names, whatever their order or repetition."""
        key = frozenset(members)
        names = cls._shared.get(key)
        if names is None:
            names = cls._shared[key] = cls(key)
        return names


NO_NAMES: Final = NameSet.of(())
WILDCARD: Final = NameSet(frozenset())
"""Stands for all names: a subscription to it names none, and is not at an end."""


NamesByType = tuple[tuple["TypeUrl", frozenset[str]], ...]
"""Names of resources of several types."""


class ResourceSet:
    """An immutable set of resources of one type; make it with `of` or `updated`.

    Attributes:
        by_name: The resources.
    """

    __slots__ = ("__weakref__", "_later", "_left", "_refs", "_versions", "by_name")

    _shared: Final[WeakValueDictionary[frozenset[Resource], ResourceSet]] = WeakValueDictionary()

    def __init__(self, by_name: Mapping[str, Resource]) -> None:
        self.by_name = by_name
        found: dict[TypeUrl, set[str]] = {}
        for resource in by_name.values():
            for type_url, names in resource.refs:
                found.setdefault(type_url, set()).update(names)
        self._refs = {type_url: NameSet.of(names) for type_url, names in found.items()}
        self._versions: bytes | None = None
        # What `left_by` returned last, and what it was called with.
        self._later: ref[ResourceSet] | None = None
        self._left: NamesByType = ()

    @property
    def versions(self) -> bytes:
        """All names with their versions, as ``initial_resource_versions`` of a delta request."""
        if self._versions is None:
            request = discovery_pb2.DeltaDiscoveryRequest()
            for name, resource in self.by_name.items():
                if resource.version is not None:
                    request.initial_resource_versions[name] = resource.version
            self._versions = request.SerializeToString(deterministic=True)
        return self._versions

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> ResourceSet:
        """Return the one object for these resources; of two with one name, the later counts."""
        return cls._share({resource.name: resource for resource in resources})

    def updated(self, changed: Iterable[Resource], removed: Iterable[str]) -> ResourceSet:
        """Return the set after resources were added, changed or removed."""
        resources = dict(self.by_name)  # this set may be other proxies' too
        for name in removed:
            resources.pop(name, None)
        resources.update((resource.name, resource) for resource in changed)
        return self._share(resources)

    def updated_in_part(self, changed: Iterable[Resource], removed: Iterable[str]) -> ResourceSet:
        """Return the set after a response that was refused, though some of it is used.

        Their versions stay those that were acknowledged, also of what is used no more.
        """
        resources = dict(self.by_name)
        for name in removed:
            if name in resources:
                resources[name] = resources[name]._replace(refs=())
        for one in changed:
            held = resources.get(one.name)
            resources[one.name] = one._replace(version=None if held is None else held.version)
        return self._share(resources)

    def refs(self, type_url: TypeUrl) -> NameSet:
        """Return all names of a type that the resources refer to."""
        return self._refs.get(type_url, NO_NAMES)

    def refers_as(self, other: ResourceSet) -> bool:
        """Return whether these resources refer to the same names as others."""
        return self is other or self._refs == other._refs

    def left_by(self, later: ResourceSet) -> NamesByType:
        """Return the names that these resources refer to, and later ones do not."""
        if all(later.refs(type_url) is names for type_url, names in self._refs.items()):
            return ()
        if self._later is None or self._later() is not later:
            self._later = ref(later)
            found = (
                (type_url, names.members - later.refs(type_url).members)
                for type_url, names in self._refs.items()
            )
            self._left = tuple((type_url, names) for type_url, names in found if names)
        return self._left

    @classmethod
    def _share(cls, resources: dict[str, Resource]) -> ResourceSet:
        key = frozenset(resources.values())
        found = cls._shared.get(key)
        if found is None:
            found = cls._shared[key] = cls(resources)
        return found


NO_RESOURCES: Final = ResourceSet.of(())


def refs(type_url: TypeUrl, *sets: ResourceSet) -> NameSet:
    """Return all names of a type that the resources of several sets refer to."""
    found = [names for one in sets if (names := one.refs(type_url))]
    if len(found) > 1:
        return NameSet.of(frozenset().union(*(names.members for names in found)))
    return found[0] if found else NO_NAMES


@lru_cache(maxsize=64)
def with_left(type_url: TypeUrl, names: NameSet, left: tuple[NamesByType, ...]) -> NameSet:
    """Return names, and those of the same type that were left at several times."""
    more = [some for one in left for other, some in one if other == type_url]
    return NameSet.of(names.members.union(*more)) if more else names
