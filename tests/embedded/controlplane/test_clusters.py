"""Clusters, read back with the library that knows Envoy's types."""

from __future__ import annotations

from envoy_data_plane.envoy.config.cluster.v3 import ClusterDiscoveryType, ClusterLbPolicy

from pyload.xds.types import CDS, LDS
from tests.embedded.controlplane.reading import read
from tests.embedded.controlplane.support import (
    mesh_of,
    pod,
    service,
    sidecar_view,
    snapshot_of,
)

_HOST = "app.mesh.svc.cluster.local"


def test_a_service_has_a_cluster_for_each_port_beside_istios_own() -> None:
    """Proxies subscribe to endpoints by what these clusters say."""
    clusters = read(*sidecar_view(snapshot_of(mesh_of(service("app")))).of(CDS))

    assert list(clusters) == [
        f"outbound|80||{_HOST}",
        f"outbound|443||{_HOST}",
        "BlackHoleCluster",
        "PassthroughCluster",
        "InboundPassthroughCluster",
        "connect_originate",
    ]
    cluster = clusters[f"outbound|80||{_HOST}"]
    assert cluster.type == ClusterDiscoveryType.EDS
    assert cluster.eds_cluster_config.service_name == f"outbound|80||{_HOST}"
    assert cluster.eds_cluster_config.eds_config.ads is not None
    assert [match.name for match in cluster.transport_socket_matches] == [
        "tlsMode-istio",
        "tlsMode-disabled",
    ]
    istio = cluster.metadata.filter_metadata["istio"].fields["services"].list_value.values[0]
    assert istio.struct_value.fields["host"].string_value == _HOST


def test_a_headless_service_is_reached_at_the_address_that_the_client_chose() -> None:
    """Istio leaves load balancing to the client there; there are no endpoints to ask for."""
    snapshot = snapshot_of(mesh_of(service("app", ip="None"), pod("app-1", app="app")))
    view = sidecar_view(snapshot)
    clusters = read(*view.of(CDS))

    cluster = clusters[f"outbound|80||{_HOST}"]
    assert cluster.type == ClusterDiscoveryType.ORIGINAL_DST
    assert cluster.lb_policy == ClusterLbPolicy.CLUSTER_PROVIDED
    assert dict(snapshot.endpoints.resources) == {}
    assert list(read(view.of(LDS)[0])) == ["0.0.0.0_80", "virtualOutbound"]
