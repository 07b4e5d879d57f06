"""Listeners, read back with the library that knows Envoy's types."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import ClusterDiscoveryType
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse

from pyload.embedded.controlplane.inbound import InboundBuilder
from pyload.embedded.controlplane.model import Key
from pyload.xds.types import LDS
from tests.embedded.controlplane.reading import only_filter, read
from tests.embedded.controlplane.support import (
    HTTP,
    mesh_of,
    pod,
    service,
    sidecar_view,
    snapshot_of,
)

if TYPE_CHECKING:
    from pathlib import Path

_HOST = "app.mesh.svc.cluster.local"


def test_listeners_refer_to_routes_for_http_and_to_clusters_for_tcp() -> None:
    """A wrong reference leaves proxies waiting for routes, or traffic without a way."""
    listeners = read(*sidecar_view(snapshot_of(mesh_of(service("app")))).of(LDS))

    assert list(listeners) == [
        "10.0.0.1_443",
        "0.0.0.0_80",
        "virtualOutbound",
        "virtualInbound",
        "connect_originate",
    ]
    tcp = listeners["10.0.0.1_443"]
    assert tcp.address.socket_address.address == "10.0.0.1"
    assert tcp.address.socket_address.port_value == 443
    assert only_filter(tcp.filter_chains[0]).cluster == f"outbound|443||{_HOST}"
    manager = only_filter(listeners["0.0.0.0_80"].filter_chains[0])
    assert manager.rds.route_config_name == "80"
    assert manager.rds.config_source.ads is not None


def test_a_proxy_listens_on_the_ports_of_its_own_pod() -> None:
    """Inbound traffic goes through the sidecar, by port and by whether it speaks TLS."""
    registry = mesh_of(
        service("app", ports=[{**HTTP, "targetPort": 8080}, {"name": "tcp", "port": 9}]),
        pod("app-1", app="app"),
    )
    own = InboundBuilder().build(registry.inbound(Key("mesh", "app-1"), frozenset()), "PERMISSIVE")

    listener = read(own.listeners)["virtualInbound"]
    clusters = read(own.clusters)
    assert list(clusters) == ["inbound|9||", "inbound|8080||"]
    assert clusters["inbound|9||"].type == ClusterDiscoveryType.ORIGINAL_DST
    chains = listener.filter_chains[-4:]
    assert [
        (chain.filter_chain_match.destination_port, chain.filter_chain_match.transport_protocol)
        for chain in chains
    ] == [(9, "tls"), (9, "raw_buffer"), (8080, "tls"), (8080, "raw_buffer")]
    assert only_filter(chains[0]).cluster == "inbound|9||"
    (host,) = only_filter(chains[3]).route_config.virtual_hosts
    assert host.name == "inbound|http|80"
    assert host.routes[0].route.cluster == "inbound|8080||"


@pytest.mark.golden
def test_what_comes_to_a_pod_is_looked_at_as_istiod_has_it(golden: Path) -> None:
    """A connection to port 80 of the pod would go to the listener of other services' port 80."""
    folder = golden / "xds" / "raw" / "envoy-sidecar-delta"
    response = DeltaDiscoveryResponse.parse((folder / "002-stream0001-Listener.pb").read_bytes())
    theirs = {one.name: Listener.parse(one.resource.value) for one in response.resources}
    registry = mesh_of(
        service("app", ports=[{"name": "http", "port": 9080}]), pod("app-1", app="app")
    )
    own = InboundBuilder().build(registry.inbound(Key("mesh", "app-1"), frozenset()), "PERMISSIVE")

    mine, their = read(own.listeners)["virtualInbound"], theirs["virtualInbound"]
    assert not mine.use_original_dst
    assert mine.continue_on_listener_filters_timeout
    assert mine.listener_filters_timeout == their.listener_filters_timeout
    assert [one.name for one in mine.listener_filters] == [
        one.name for one in their.listener_filters
    ]
    assert [one.filter_disabled for one in mine.listener_filters] == [
        one.filter_disabled for one in their.listener_filters
    ]
