"""One state of the mesh: views that proxies share."""

from __future__ import annotations

from pyload.xds.types import CDS
from tests.embedded.controlplane.support import (
    audience,
    istio,
    service,
    snapshot_of,
    world_of,
)


def test_proxies_that_see_the_same_share_it() -> None:
    """A thousand namespaces without Sidecars must not be a thousand copies."""
    registry, configs = world_of(
        service("app"), istio("Sidecar", "default", {}, namespace="limited")
    )
    snapshot = snapshot_of(registry, configs=configs)

    one, other, limited = (
        snapshot.view(audience(namespace=name)).of(CDS)[0] for name in ("a", "b", "limited")
    )
    assert one is other
    assert limited is not one
