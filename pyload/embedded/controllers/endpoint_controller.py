"""The work of the controllers of endpoints: slices and Endpoints of services with selectors.

Pods are followed from the first such service on, and only those that one selects are remembered.
What others have made for a service stays as it is. A service whose slices others make, as a run
does that lists its pods itself, is left to them altogether: they have a moment for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.embedded.apiserver.kinds import ENDPOINT_SLICE, ENDPOINTS, POD, SERVICE
from pyload.embedded.controllers import endpoints
from pyload.embedded.controllers.endpoints import ServingPod
from pyload.embedded.selector_index import SelectorIndex
from pyload.kube import resources

if TYPE_CHECKING:
    from pyload.embedded.apiserver.store import Event
    from pyload.embedded.apiserver.stored_object import StoredObject
    from pyload.embedded.controllers.control_loop import ControlLoop, Key
    from pyload.embedded.selector_index import Labels
    from pyload.kube.resources import Obj

_WORK: Final = "Endpoints"
_GATHERING: Final = 0.2
"""Seconds for which changes of a service's pods are gathered."""

_PATIENCE: Final = 1.0
"""Seconds in which others may make the slices of a new service."""


class EndpointController:
    """Acts on one service at a time.

    Args:
        loop: The loop of the controllers.
    """

    def __init__(self, loop: ControlLoop) -> None:
        self._loop = loop
        self._index: SelectorIndex[Key] = SelectorIndex()
        self._selectors: dict[Key, Labels] = {}
        self._serving: dict[Key, dict[str, ServingPod]] = {}
        self._serves: dict[Key, set[Key]] = {}
        self._follows_pods = False
        loop.handle(_WORK, self.handle)
        loop.follow(SERVICE, self._on_service)
        loop.follow(ENDPOINT_SLICE, self._on_slice)

    def _on_service(self, event: Event) -> None:
        key, spec = event.entry.key, event.entry.obj["spec"]
        selector = None
        if event.type != "DELETED" and spec.get("type") != "ExternalName":
            selector = frozenset((spec.get("selector") or {}).items()) or None
        before = self._selectors.pop(key, None)
        if selector is not None:
            self._selectors[key] = selector
        if selector != before:
            self._index.remove(key, before)
            self._index.add(key, selector)
            self._serving.pop(key, None)
            if selector is not None:
                self._select(key, selector)
        if selector is not None or before is not None:
            self._loop.add(_WORK, key, after=_PATIENCE if event.type == "ADDED" else 0.0)

    def _select(self, service: Key, selector: Labels) -> None:
        """Find the pods of a service that is new, or selects others than before."""
        if not self._follows_pods:
            self._follows_pods = True
            self._loop.follow(POD, self._on_pod)
            return
        for entry in self._loop.store.entries(POD, service[0]):
            if selector.issubset(entry.labels.items()):
                self._serves.setdefault(entry.key, set()).add(service)
                pod = ServingPod.read(entry.obj)
                self._serving.setdefault(service, {})[pod.name] = pod

    def _on_pod(self, event: Event) -> None:
        key = event.entry.key
        gone = event.type == "DELETED"
        labels = frozenset(event.entry.labels.items())
        after = set() if gone else self._index.selecting(key[0], labels)
        before = self._serves.get(key)
        if before is None and not after:
            return
        pod = ServingPod.read(event.entry.obj)
        for service in (before or set()) - after:
            if self._serving.get(service, {}).pop(pod.name, None) is not None:
                self._loop.add(_WORK, service, after=_GATHERING)
        for service in after:
            serving = self._serving.setdefault(service, {})
            if serving.get(pod.name) != pod:
                serving[pod.name] = pod
                self._loop.add(_WORK, service, after=_GATHERING)
        if after:
            self._serves[key] = after
        else:
            self._serves.pop(key, None)

    def _on_slice(self, event: Event) -> None:
        """Have a service looked at whose slice is gone, or for which others have made one."""
        labels = event.entry.labels
        service = event.entry.key[0], labels.get(endpoints.SERVICE_NAME, "")
        if service not in self._selectors:
            return
        foreign = labels.get(endpoints.MANAGED_BY) != endpoints.MANAGER
        if event.type == "DELETED" or (foreign and event.type == "ADDED"):
            self._loop.add(_WORK, service, after=_GATHERING)

    async def handle(self, key: Key) -> None:
        """Write the slices and the Endpoints of a service, where they are not right.

        Raises:
            PyloadError: A request failed, and the service must be handled again.
        """
        service = self._loop.live(SERVICE, key) if key in self._selectors else None
        if service is None:
            if self._loop.store.get(SERVICE, *key) is None:
                await self._delete_endpoints(key)
            return
        ours, others = self._slices_of(key)
        if others:
            for one in ours:
                await self._delete_slice(one)
            return
        pods = list(self._serving.get(key, {}).values())
        await self._write_slices(service, pods, ours)
        await self._write_endpoints(key, endpoints.endpoints_of(service, pods))

    async def _write_slices(
        self, service: Obj, pods: list[ServingPod], slices: list[StoredObject]
    ) -> None:
        client, kind = self._loop.client, resources.ENDPOINT_SLICES
        wanted, there = endpoints.by_ports(service, pods), {one.key[1]: one for one in slices}
        changes = endpoints.change_slices(service, wanted, [one.obj for one in slices])
        namespace = service["metadata"]["namespace"]
        for changed in changes.update:
            await client.write("PUT", kind.path(namespace, changed["metadata"]["name"]), changed)
        for created in changes.create:
            await client.write("POST", kind.path(namespace), created)
        for name in changes.delete:
            await self._delete_slice(there[name])

    async def _delete_slice(self, one: StoredObject) -> None:
        await self._loop.client.delete(resources.ENDPOINT_SLICES.path(*one.key))

    def _slices_of(self, service: Key) -> tuple[list[StoredObject], list[StoredObject]]:
        """List the slices of a service: those of this controller, and those of others."""
        ours: list[StoredObject] = []
        others: list[StoredObject] = []
        for entry in self._loop.store.entries(ENDPOINT_SLICE, service[0]):
            if entry.labels.get(endpoints.SERVICE_NAME) == service[1]:
                mine = entry.labels.get(endpoints.MANAGED_BY) == endpoints.MANAGER
                (ours if mine else others).append(entry)
        return ours, others

    async def _write_endpoints(self, key: Key, wanted: Obj) -> None:
        path = resources.ENDPOINTS.path(*key)
        entry = self._loop.store.get(ENDPOINTS, *key)
        if entry is None:
            await self._loop.client.write("POST", resources.ENDPOINTS.path(key[0]), wanted)
        elif _is_ours(entry):
            same = entry.labels == wanted["metadata"]["labels"]
            same = same and entry.obj.get("subsets") == wanted.get("subsets")
            if not same:
                await self._loop.client.write("PUT", path, wanted)

    async def _delete_endpoints(self, key: Key) -> None:
        entry = self._loop.store.get(ENDPOINTS, *key)
        if entry is not None and _is_ours(entry):
            await self._loop.client.delete(resources.ENDPOINTS.path(*key))


def _is_ours(entry: StoredObject) -> bool:
    return entry.labels.get(endpoints.OF_ENDPOINTS) == endpoints.OF_ENDPOINTS_MANAGER
