"""Clusters and listeners of a sidecar for the ports of its own pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.embedded.controlplane import clusters, listeners
from pyload.embedded.controlplane.clusters import cluster_name
from pyload.embedded.controlplane.resource_batch import ResourceBatch
from pyload.embedded.controlplane.wire import any_of, field
from pyload.xds.types import LDS

if TYPE_CHECKING:
    from pyload.embedded.controlplane.istio_model import Mtls
    from pyload.embedded.controlplane.mesh_state import InboundPort

# Fields of Listener.
_FILTER_CHAINS: Final = 3
_LISTENER_FILTERS: Final = 9

# Distinct sets of inbound ports to remember; past this, start again.
_LIMIT: Final = 10_000


@dataclass(frozen=True, slots=True)
class InboundResources:
    """A sidecar's resources for its own pod.

    Attributes:
        clusters: Inbound clusters.
        listeners: The inbound listener.
    """

    clusters: ResourceBatch
    listeners: ResourceBatch


class InboundBuilder:
    """Builds `InboundResources`, once for all sidecars whose pods serve the same ports."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[InboundPort, ...], Mtls], InboundResources] = {}

    def build(self, inbound: tuple[InboundPort, ...], mtls: Mtls) -> InboundResources:
        """Build the resources for some ports, or return those built before.

        Args:
            inbound: Ports of the pod.
            mtls: The mode of mutual TLS that applies to it.
        """
        found = self._known.get((inbound, mtls))
        if found is None:
            if len(self._known) >= _LIMIT:
                self._known.clear()
            found = self._known[inbound, mtls] = _build(inbound, mtls)
        return found


def _build(inbound: tuple[InboundPort, ...], mtls: Mtls) -> InboundResources:
    """Build the inbound clusters and the listener with a filter chain for each port."""
    made: dict[str, bytes] = {}
    known = frozenset(port.target for port in inbound)
    listener = listeners.virtual_inbound()
    listener += field(_LISTENER_FILTERS, listeners.inbound_inspector(known))
    accepted = {"STRICT": (True,), "DISABLE": (False,)}.get(mtls, (True, False))
    for port in inbound:
        name = cluster_name("inbound", port.target)
        made[name] = clusters.inbound_cluster().fill(
            name=name,
            stat=f"{name};",
            host=port.host,
            service=port.host.partition(".")[0],
            namespace=port.service.namespace,
        )
        for tls in accepted:
            chain = listeners.inbound_chain(port.target, http=port.http, tls=tls).fill(
                cluster=name,
                route=f"inbound|http|{port.port}",
                operation=f"{port.host}:{port.port}/*",
            )
            listener += field(_FILTER_CHAINS, chain)
    return InboundResources(
        ResourceBatch(made), ResourceBatch({"virtualInbound": any_of(LDS, listener)})
    )
