"""The resources of one service: clusters, listeners, virtual hosts, load assignments."""

from __future__ import annotations

from envoy_data_plane.envoy.config.cluster.v3 import ClusterLbPolicy

from pyload.xds.types import CDS, EDS
from tests.embedded.controlplane.reading import read
from tests.embedded.controlplane.support import (
    HTTP,
    istio,
    mesh_of,
    node,
    pod,
    service,
    snapshot_of,
    view_of,
)

_HOST = "app.mesh.svc.cluster.local"


def test_endpoints_are_grouped_by_locality() -> None:
    """Locality-aware balancing needs regions, zones and weights."""
    registry = mesh_of(
        node("node-a", "region", "zone-a"),
        node("node-b", "region", "zone-b"),
        service("app", ports=[HTTP]),
        pod("app-1", app="app", ip="10.1.0.1"),
        pod("app-2", app="app", ip="10.1.0.2", labels={"security.istio.io/tlsMode": "istio"}),
        pod("app-3", app="app", ip="10.1.0.3", node="node-b"),
    )
    assignment = read(snapshot_of(registry).endpoints)[f"outbound|80||{_HOST}"]

    found = [
        (
            place.locality.region,
            place.locality.zone,
            place.load_balancing_weight,
            [one.endpoint.address.socket_address.address for one in place.lb_endpoints],
        )
        for place in assignment.endpoints
    ]
    assert found == [
        ("region", "zone-a", 2, ["10.1.0.1", "10.1.0.2"]),
        ("region", "zone-b", 1, ["10.1.0.3"]),
    ]
    plain, secure = assignment.endpoints[0].lb_endpoints
    assert plain.metadata.filter_metadata.keys() == {"istio"}
    matched = secure.metadata.filter_metadata["envoy.transport_socket_match"]
    assert matched.fields["tlsMode"].string_value == "istio"


def test_subsets_have_clusters_and_endpoints_of_their_own() -> None:
    """Routes name them; without the cluster, Envoy would refuse the traffic."""
    rule = istio(
        "DestinationRule",
        "app",
        {
            "host": "app",
            "trafficPolicy": {
                "loadBalancer": {"simple": "ROUND_ROBIN"},
                "connectionPool": {"tcp": {"maxConnections": 7}, "http": {"maxRetries": 3}},
            },
            "subsets": [
                {"name": "a"},
                {
                    "name": "b",
                    "labels": {"version": "b"},
                    "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}},
                },
            ],
        },
    )
    pods = [
        pod("app-1", app="app", ip="10.1.0.1", labels={"version": "a"}),
        pod("app-2", app="app", ip="10.1.0.2", labels={"version": "b"}),
    ]
    view = view_of(rule, *pods)

    clusters, endpoints = read(*view.of(CDS)), read(*view.of(EDS))
    main, a, b = (clusters[f"outbound|80|{name}|{_HOST}"] for name in ("", "a", "b"))
    assert [one.lb_policy for one in (main, a, b)] == [
        ClusterLbPolicy.ROUND_ROBIN,
        ClusterLbPolicy.ROUND_ROBIN,
        ClusterLbPolicy.RANDOM,
    ]
    for one in (main, a, b):
        (limits,) = one.circuit_breakers.thresholds
        assert (limits.max_connections, limits.max_retries) == (7, 3)
        assert limits.max_requests == 2**32 - 1
        config = one.metadata.filter_metadata["istio"].fields["config"].string_value
        assert config == "/apis/networking.istio.io/v1/namespaces/mesh/destination-rule/app"
    assert b.metadata.filter_metadata["istio"].fields["subset"].string_value == "b"
    assert b.eds_cluster_config.service_name == f"outbound|80|b|{_HOST}"

    def ips(subset: str) -> list[str]:
        places = endpoints[f"outbound|80|{subset}|{_HOST}"].endpoints
        return [
            one.endpoint.address.socket_address.address
            for place in places
            for one in place.lb_endpoints
        ]

    assert (ips(""), ips("a"), ips("b")) == (
        ["10.1.0.1", "10.1.0.2"],
        ["10.1.0.1", "10.1.0.2"],
        ["10.1.0.2"],
    )
