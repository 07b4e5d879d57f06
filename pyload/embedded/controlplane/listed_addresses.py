"""The addresses that Endpoints and EndpointSlices list for services without a selector."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyload.embedded.controlplane.model import Address, Key, SliceRecord


class ListedAddresses:
    """Endpoints and EndpointSlices, joined by service.

    Attributes:
        endpoints: Addresses of the Endpoints objects.
        slices: The EndpointSlices.
    """

    def __init__(self) -> None:
        self.endpoints: dict[Key, tuple[Address, ...]] = {}
        self.slices: dict[Key, SliceRecord] = {}
        self._slices_of: defaultdict[Key, set[Key]] = defaultdict(set)

    def put_endpoints(self, key: Key, new: tuple[Address, ...] | None) -> set[Key]:
        """Add, replace or (None) remove an Endpoints object; return the services that change."""
        if new == self.endpoints.get(key):
            return set()
        if new is None:
            del self.endpoints[key]
        else:
            self.endpoints[key] = new
        return {key}

    def put_slice(self, key: Key, new: SliceRecord | None) -> set[Key]:
        """Add, replace or (None) remove an EndpointSlice; return the services that change."""
        old = self.slices.get(key)
        if new == old:
            return set()
        changed = set()
        if old is not None:
            del self.slices[key]
            self._slices_of[old.service].discard(key)
            if not self._slices_of[old.service]:
                del self._slices_of[old.service]
            changed.add(old.service)
        if new is not None:
            self.slices[key] = new
            self._slices_of[new.service].add(key)
            changed.add(new.service)
        return changed

    def of(self, service: Key) -> tuple[Address, ...]:
        """Return the addresses of a service."""
        own = self.endpoints.get(service, ())
        slices = self._slices_of.get(service)
        if not slices:
            return own
        # Kubernetes copies Endpoints into EndpointSlices.
        return tuple(sorted({*own, *(a for one in slices for a in self.slices[one].addresses)}))

    def on_node(self, node: str) -> set[Key]:
        """Return the services that have an address on a node."""
        return {
            service
            for service in {*self.endpoints, *self._slices_of}
            if any(one.node == node for one in self.of(service))
        }
