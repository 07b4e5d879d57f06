"""The tunnel, read back with the library that knows Envoy's types."""

from __future__ import annotations

from envoy_data_plane.envoy.config.cluster.v3 import ClusterDiscoveryType

from pyload.embedded.controlplane import static_resources
from pyload.embedded.controlplane.hbone import HBONE_PORT, TUNNEL
from tests.embedded.controlplane.reading import only_filter, read


def test_a_connection_enters_the_tunnel_with_the_address_that_it_is_for() -> None:
    """The other end would not know whom the connection is meant for."""
    listener = read(static_resources.tunnel())[TUNNEL]
    proxy = only_filter(listener.filter_chains[0])

    assert [one.name for one in listener.listener_filters] == [
        "envoy.filters.listener.original_dst"
    ]
    assert proxy.cluster == TUNNEL
    assert proxy.tunneling_config.hostname == "%DOWNSTREAM_LOCAL_ADDRESS%"


def test_the_tunnel_ends_at_the_workload_itself() -> None:
    """Whatever port a connection is for, it reaches ztunnel's."""
    cluster = read(static_resources.of_gateways())[TUNNEL]

    assert cluster.type == ClusterDiscoveryType.ORIGINAL_DST
    assert cluster.original_dst_lb_config.upstream_port_override == HBONE_PORT
