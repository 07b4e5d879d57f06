"""What proxies are told of other services under Istio's rules."""

from __future__ import annotations

from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import ClusterDiscoveryType, ClusterLbPolicy

from pyload.xds.types import CDS, EDS, LDS, RDS
from tests.embedded.controlplane.reading import only_filter, read
from tests.embedded.controlplane.support import (
    HTTP,
    audience,
    istio,
    pod,
    service,
    snapshot_of,
    world_of,
)

_HOST = "app.mesh.svc.cluster.local"
_WEB = "web.other.svc.cluster.local"


def _view(*objects: Any, **who: Any) -> Any:
    registry, configs = world_of(
        service("app", ports=[HTTP]),
        service("web", namespace="other", ip="10.0.0.2", ports=[HTTP]),
        *objects,
    )
    return snapshot_of(registry, configs=configs).view(audience(**who))


def _outbound(view: Any) -> list[str]:
    return list(view.of(CDS)[0].resources)


def test_a_sidecar_limits_what_is_seen() -> None:
    """This is how big meshes keep proxies small."""
    only = istio("Sidecar", "default", {"egress": [{"hosts": ["./*"]}]})

    view = _view(only)
    assert _outbound(view) == [f"outbound|80||{_HOST}"]
    (routes,) = read(*view.of(RDS)).values()
    assert [host.name for host in routes.virtual_hosts] == [f"{_HOST}:80", "allow_any"]
    other = _view(only, namespace="other")
    assert _outbound(other) == [f"outbound|80||{_HOST}", f"outbound|80||{_WEB}"]


@pytest.mark.parametrize(
    ("hosts", "seen"),
    [
        (["*/*"], [_HOST, _WEB]),
        (["other/*"], [_WEB]),
        (["other/web.other.svc.cluster.local"], [_WEB]),
        (["*/*.other.svc.cluster.local"], [_WEB]),
        (["~/*"], []),
        (["missing/*", "./*"], [_HOST]),
    ],
)
def test_hosts_of_a_sidecar_may_be_patterns(hosts: list[str], seen: list[str]) -> None:
    """Each form that Istio's documentation shows."""
    view = _view(istio("Sidecar", "default", {"egress": [{"hosts": hosts}]}))

    assert _outbound(view) == [f"outbound|80||{host}" for host in seen]


def test_without_a_way_out_the_rest_is_blocked() -> None:
    """REGISTRY_ONLY shows in routes and in the outbound listener."""
    spec = {"egress": [{"hosts": ["./*"]}], "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    view = _view(istio("Sidecar", "default", spec))

    (routes,) = read(*view.of(RDS)).values()
    assert routes.virtual_hosts[-1].name == "block_all"
    assert routes.virtual_hosts[-1].routes[0].direct_response.status == 502
    last = read(*view.of(LDS))["virtualOutbound"].filter_chains[-1]
    assert only_filter(last).cluster == "BlackHoleCluster"


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
    view = _view(rule, *pods)

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


def test_a_namespaces_own_rule_is_for_its_clients_only() -> None:
    """Others go on as the service's namespace says."""
    rule = istio(
        "DestinationRule",
        "mine",
        {"host": _WEB, "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}},
    )

    mine, others = _view(rule), _view(rule, namespace="third")
    name = f"outbound|80||{_WEB}"
    assert read(*mine.of(CDS))[name].lb_policy == ClusterLbPolicy.RANDOM
    assert read(*others.of(CDS))[name].lb_policy == ClusterLbPolicy.LEAST_REQUEST


def test_a_virtual_service_replaces_the_routes_of_its_host() -> None:
    """Weights are what churn changes, so they must be in what is sent."""
    rule = istio(
        "VirtualService",
        "app",
        {
            "hosts": ["app", "app.example.com"],
            "http": [
                {
                    "name": "split",
                    "match": [{"uri": {"exact": "/x"}}],
                    "route": [
                        {"destination": {"host": "app", "subset": "a"}, "weight": 30},
                        {"destination": {"host": _WEB, "port": {"number": 81}}, "weight": 70},
                    ],
                },
                {"match": [{"uri": {"regex": "/r.*"}}], "directResponse": {"status": 418}},
                {"route": [{"destination": {"host": "web.other.svc.cluster.local"}}]},
            ],
        },
    )
    (routes,) = read(*_view(rule).of(RDS)).values()

    app, web, extra, rest = routes.virtual_hosts
    assert (app.name, app.domains) == (f"{_HOST}:80", [_HOST, f"{_HOST}.", "10.0.0.1"])
    assert web.routes[0].route.cluster == f"outbound|80||{_WEB}"
    assert (extra.name, extra.domains) == ("app.example.com:80", ["app.example.com"])
    assert rest.domains == ["*"]
    for host in (app, extra):
        split, teapot, plain = host.routes
        assert (split.name, split.match.path) == ("split", "/x")
        assert [(one.name, one.weight) for one in split.route.weighted_clusters.clusters] == [
            (f"outbound|80|a|{_HOST}", 30),
            (f"outbound|81||{_WEB}", 70),
        ]
        assert (teapot.match.safe_regex.regex, teapot.direct_response.status) == ("/r.*", 418)
        assert plain.route.cluster == f"outbound|80||{_WEB}"
        assert plain.decorator.operation == f"{_WEB}:80/*"
        config = plain.metadata.filter_metadata["istio"].fields["config"].string_value
        assert config == "/apis/networking.istio.io/v1/namespaces/mesh/virtual-service/app"


def test_a_virtual_service_of_a_gateway_is_not_for_sidecars() -> None:
    """It would be pushed to the whole mesh for nothing."""
    rule = istio("VirtualService", "v", {"hosts": ["app"], "gateways": ["gw"], "http": [{}]})

    (routes,) = read(*_view(rule).of(RDS)).values()
    assert routes.virtual_hosts[0].routes[0].route.cluster == f"outbound|80||{_HOST}"


def test_what_routes_lead_to_is_seen_too() -> None:
    """Istio adds the destinations of imported routes to what a Sidecar lists."""
    view = _view(
        istio("Sidecar", "default", {"egress": [{"hosts": ["./app.mesh.svc.cluster.local"]}]}),
        istio(
            "VirtualService",
            "v",
            {"hosts": ["app"], "http": [{"route": [{"destination": {"host": _WEB}}]}]},
        ),
    )

    assert _outbound(view) == [f"outbound|80||{_HOST}", f"outbound|80||{_WEB}"]


def _entry(resolution: str, **spec: Any) -> Any:
    port = {"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}
    given = {"hosts": ["db.example.com"], "resolution": resolution, "ports": [port], **spec}
    return istio("ServiceEntry", "db", given)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_service_entry_with_dns_brings_its_endpoints_along() -> None:
    """Envoy resolves them itself, so there is nothing to ask of EDS."""
    view = _view(_entry("DNS"))

    cluster = read(*view.of(CDS))["outbound|80||db.example.com"]
    assert cluster.type == ClusterDiscoveryType.STRICT_DNS
    (place,) = cluster.load_assignment.endpoints
    address = place.lb_endpoints[0].endpoint.address.socket_address
    assert (address.address, address.port_value) == ("db.example.com", 8080)
    assert "outbound|80||db.example.com" not in read(*view.of(EDS))
    (routes,) = read(*view.of(RDS)).values()
    assert "db.example.com:80" in [host.name for host in routes.virtual_hosts]


def test_a_service_entry_may_name_its_endpoints() -> None:
    """STATIC is EDS, and an endpoint may have ports of its own."""
    ends = [{"address": "10.9.0.1"}, {"address": "10.9.0.2", "ports": {"http": 9090}}]
    view = _view(_entry("STATIC", endpoints=ends))

    assert read(*view.of(CDS))["outbound|80||db.example.com"].type == ClusterDiscoveryType.EDS
    (place,) = read(*view.of(EDS))["outbound|80||db.example.com"].endpoints
    assert [
        (address.address, address.port_value)
        for one in place.lb_endpoints
        for address in [one.endpoint.address.socket_address]
    ] == [("10.9.0.1", 8080), ("10.9.0.2", 9090)]


def test_a_service_entry_may_select_workload_entries_and_pods() -> None:
    """That is how virtual machines join, and how they are churned."""
    entry = _entry("STATIC", workloadSelector={"labels": {"app": "vm"}})
    machine = istio(
        "WorkloadEntry",
        "vm-1",
        {"address": "10.9.0.1", "labels": {"app": "vm"}, "ports": {"http": 7000}},
    )
    view = _view(entry, machine, pod("vm-2", app="vm", ip="10.9.0.2"))

    (place,) = read(*view.of(EDS))["outbound|80||db.example.com"].endpoints
    found = [one.endpoint.address.socket_address for one in place.lb_endpoints]
    assert [(one.address, one.port_value) for one in found] == [
        ("10.9.0.1", 7000),
        ("10.9.0.2", 8080),
    ]
    workload = place.lb_endpoints[0].metadata.filter_metadata["istio"].fields["workload"]
    assert workload.string_value == "vm-1;mesh;vm;;Kubernetes"


def test_a_service_entry_without_resolution_leads_where_the_client_wanted() -> None:
    """NONE is the default."""
    view = _view(_entry("NONE", addresses=["10.5.0.0/16", "10.5.0.1"]))

    cluster = read(*view.of(CDS))["outbound|80||db.example.com"]
    assert cluster.type == ClusterDiscoveryType.ORIGINAL_DST
    assert cluster.lb_policy == ClusterLbPolicy.CLUSTER_PROVIDED
    assert "outbound|80||db.example.com" not in read(*view.of(EDS))
