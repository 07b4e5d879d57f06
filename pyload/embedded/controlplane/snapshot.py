"""One state of the mesh as proxies get it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import encode
from pyload.embedded.controlplane.collection import EMPTY, Collection
from pyload.xds.types import CDS, EDS, LDS, RDS, TypeUrl

if TYPE_CHECKING:
    from collections.abc import Mapping

# Says in every response that this is not istiod.
IDENTIFIER: Final = '{"Component":"pyload-embedded","ID":"pyload-embedded"}'


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is shared by all proxies.

    Attributes:
        version: Time and number of the push, as istiod writes it.
        clusters: Clusters of a sidecar without those of its own pod.
        gateway_clusters: Clusters of a gateway.
        listeners: Listeners of a sidecar without those of its own pod.
        routes: Route configurations, by port.
        endpoints: Load assignments, by cluster.
    """

    version: str
    clusters: Collection
    gateway_clusters: Collection
    listeners: Collection
    routes: Collection
    endpoints: Collection
    _heads: dict[tuple[str, bool], bytes] = field(default_factory=dict, repr=False, compare=False)

    def head(self, type_url: str, *, delta: bool) -> bytes:
        """Encode what a response begins with."""
        key = (type_url, delta)
        found = self._heads.get(key)
        if found is None:
            found = self._heads[key] = encode.head(
                version=self.version, type_url=type_url, control_plane=IDENTIFIER, delta=delta
            )
        return found


@dataclass(frozen=True, slots=True)
class Own:
    """What a sidecar gets for its own pod.

    Attributes:
        clusters: Inbound clusters.
        listeners: The inbound listener.
    """

    clusters: Collection = EMPTY
    listeners: Collection = EMPTY


NOTHING: Final = Own()


@dataclass(frozen=True, slots=True)
class View:
    """All that one proxy could be sent.

    Attributes:
        snapshot: Where it comes from.
        resources: Collections by type; a type that is not in it has no resources.
    """

    snapshot: Snapshot
    resources: Mapping[TypeUrl, tuple[Collection, ...]]

    def of(self, type_url: TypeUrl) -> tuple[Collection, ...]:
        """Give the collections of a type."""
        return self.resources.get(type_url, ())


def view(snapshot: Snapshot, node_type: str, own: Own) -> View:
    """Choose what a proxy gets.

    Sidecars get everything. Gateways get clusters and no listeners, as from istiod when no
    Gateway selects them. For waypoints and ztunnels there is nothing: ambient is not modelled.
    """
    if node_type == "sidecar":
        return View(
            snapshot,
            {
                CDS: (snapshot.clusters, own.clusters),
                LDS: (snapshot.listeners, own.listeners),
                EDS: (snapshot.endpoints,),
                RDS: (snapshot.routes,),
            },
        )
    if node_type == "router":
        return View(
            snapshot,
            {
                CDS: (snapshot.gateway_clusters,),
                EDS: (snapshot.endpoints,),
                RDS: (snapshot.routes,),
            },
        )
    return View(snapshot, {})
