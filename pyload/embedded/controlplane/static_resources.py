"""Resources that do not depend on the mesh."""

from __future__ import annotations

import functools

from pyload.embedded.controlplane import clusters, hbone
from pyload.embedded.controlplane.resource_batch import ResourceBatch


@functools.cache
def outward() -> ResourceBatch:
    """Build a sidecar's clusters for destinations outside the mesh."""
    return ResourceBatch(
        {
            clusters.BLACK_HOLE: clusters.black_hole_cluster(),
            clusters.PASSTHROUGH: clusters.passthrough_cluster(clusters.PASSTHROUGH),
        }
    )


@functools.cache
def inward() -> ResourceBatch:
    """Build the clusters that follow those of a sidecar's own ports."""
    name = clusters.INBOUND_PASSTHROUGH
    return ResourceBatch(
        {
            name: clusters.passthrough_cluster(name, source="127.0.0.6"),
            hbone.TUNNEL: hbone.tunnel_cluster(),
        }
    )


@functools.cache
def of_gateways() -> ResourceBatch:
    """Build the clusters that gateways have besides those of services."""
    return ResourceBatch(
        {
            clusters.BLACK_HOLE: clusters.black_hole_cluster(),
            hbone.TUNNEL: hbone.tunnel_cluster(),
        }
    )


@functools.cache
def tunnel() -> ResourceBatch:
    """Build the listener that sidecars and gateways have for the tunnel."""
    return ResourceBatch({hbone.TUNNEL: hbone.tunnel_listener()})
