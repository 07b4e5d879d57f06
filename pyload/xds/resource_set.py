"""Which resources of one type a proxy holds, and what names they refer to.

Proxies of one namespace mostly hold the same, so equal states are one object in memory: a proxy
costs a few references, and the names of a subscription are encoded once for all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakValueDictionary, ref

from pyload.xds.wire import discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pyload.xds.resources import Resource
    from pyload.xds.types import TypeUrl


class Step(NamedTuple):
    """The way from some names to others.

    Attributes:
        encoded: As the fields of a DeltaDiscoveryRequest.
        dropped: Names that are wanted no more.
    """

    encoded: bytes = b""
    dropped: frozenset[str] = frozenset()


class Names:
    """An immutable set of resource names; make it with `of`.

    Attributes:
        members: The names.
        encoded: The names, sorted, as ``resource_names`` of a DiscoveryRequest. The field of a
            DeltaDiscoveryRequest that subscribes has the same number.
    """

    __slots__ = ("__weakref__", "_before", "_step", "encoded", "members")

    _shared: Final[WeakValueDictionary[frozenset[str], Names]] = WeakValueDictionary()

    def __init__(self, members: frozenset[str]) -> None:
        self.members = members
        self.encoded = discovery_pb2.DiscoveryRequest(
            resource_names=sorted(members)
        ).SerializeToString()
        # The last step that was asked for: after a push, all proxies take the same.
        self._before: ref[Names] | None = None
        self._step = Step()

    def __bool__(self) -> bool:
        return bool(self.members)

    def since(self, before: Names) -> Step:
        """Give the step from other names to these."""
        if self._before is None or self._before() is not before:
            self._before = ref(before)
            dropped = before.members - self.members
            request = discovery_pb2.DeltaDiscoveryRequest(
                resource_names_subscribe=sorted(self.members - before.members),
                resource_names_unsubscribe=sorted(dropped),
            )
            self._step = Step(request.SerializeToString(), dropped)
        return self._step

    @classmethod
    def of(cls, members: Iterable[str]) -> Names:
        """Give the one object for these names, whatever their order or repetition."""
        key = frozenset(members)
        names = cls._shared.get(key)
        if names is None:
            names = cls._shared[key] = cls(key)
        return names


NO_NAMES: Final = Names.of(())


class Graph:
    """An immutable set of resources of one type; make it with `of` or `updated`.

    Attributes:
        resources: By name.
    """

    __slots__ = ("__weakref__", "_refs", "_versions", "resources")

    _shared: Final[WeakValueDictionary[frozenset[Resource], Graph]] = WeakValueDictionary()

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self.resources = resources
        found: dict[TypeUrl, set[str]] = {}
        for resource in resources.values():
            for type_url, names in resource.refs:
                found.setdefault(type_url, set()).update(names)
        self._refs = {type_url: Names.of(names) for type_url, names in found.items()}
        self._versions: bytes | None = None

    @property
    def versions(self) -> bytes:
        """All names with their versions, as ``initial_resource_versions`` of a delta request."""
        if self._versions is None:
            request = discovery_pb2.DeltaDiscoveryRequest()
            for name, resource in self.resources.items():
                request.initial_resource_versions[name] = resource.version
            self._versions = request.SerializeToString(deterministic=True)
        return self._versions

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> Graph:
        """Give the one object for these resources; of two with one name, the later counts."""
        return cls._share({resource.name: resource for resource in resources})

    def updated(self, changed: Iterable[Resource], removed: Iterable[str]) -> Graph:
        """Give the graph after resources have come, changed or gone."""
        resources = dict(self.resources)  # the original may be other proxies' too
        for name in removed:
            resources.pop(name, None)
        resources.update((resource.name, resource) for resource in changed)
        return self._share(resources)

    def refs(self, type_url: TypeUrl) -> Names:
        """Give all names of a type that the resources refer to."""
        return self._refs.get(type_url, NO_NAMES)

    @classmethod
    def _share(cls, resources: dict[str, Resource]) -> Graph:
        key = frozenset(resources.values())
        graph = cls._shared.get(key)
        if graph is None:
            graph = cls._shared[key] = cls(resources)
        return graph


NO_RESOURCES: Final = Graph.of(())


def refs(type_url: TypeUrl, *graphs: Graph) -> Names:
    """Give all names of a type that several graphs refer to."""
    found = [names for graph in graphs if (names := graph.refs(type_url))]
    if len(found) > 1:
        return Names.of(frozenset().union(*(names.members for names in found)))
    return found[0] if found else NO_NAMES
