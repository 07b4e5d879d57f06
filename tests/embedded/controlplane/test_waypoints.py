"""What waypoints are told of the services behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.service.discovery.v3 import DeltaDiscoveryResponse

from pyload.embedded.controlplane.mesh_state import InboundPort
from pyload.embedded.controlplane.model import Key
from pyload.manifests.pods import AMBIENT
from pyload.xds.types import CDS, EDS, LDS, WORKLOAD
from tests.embedded.controlplane.reading import CLASSES, only_filter, read
from tests.embedded.controlplane.support import (
    HTTP,
    audience,
    istio,
    namespace,
    node,
    pod,
    service,
    snapshot_of,
    view_of,
    waypoint_gateway,
    world_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from envoy_data_plane.envoy.config.cluster.v3 import Cluster

_USED = {"istio.io/use-waypoint": "wp"}
_SERVED = (InboundPort(15008, False, Key("mesh", "wp"), 15008, "wp.mesh.svc.cluster.local"),)
_VIP = "inbound-vip|{}|{}|app.mesh.svc.cluster.local"
_ALWAYS = [
    "connect_terminate",
    "main_internal",
    "connect_originate",
    "inner_connect_originate",
    "outer_connect_originate",
]


def _view(*objects: Any, **who: Any) -> Any:
    registry, configs = world_of(
        service("app", ports=[HTTP, {"name": "https", "port": 443}]),
        service("wp", ip="10.0.0.9", ports=[{"name": "mesh", "port": 15008}]),
        service("elsewhere", namespace="other", ip="10.0.0.8"),
        pod("app-1", app="app", annotations=AMBIENT),
        pod("app-2", app="app", ip="10.1.0.2"),
        node("node-a", "region", "zone"),
        *objects,
    )
    return snapshot_of(registry, configs=configs).view(audience("waypoint", **who))


@pytest.mark.parametrize(
    "who",
    [
        {"inbound": _SERVED},
        {"labels": {"gateway.networking.k8s.io/gateway-name": "wp"}},
    ],
)
def test_a_waypoint_serves_what_is_behind_it(who: dict[str, Any]) -> None:
    """It is known by the label of its Gateway, or by the Service that selects it."""
    view = _view(namespace("mesh", **_USED), waypoint_gateway(), **who)

    assert list(read(*view.of(CDS))) == [
        "main_internal",
        "encap",
        _VIP.format(80, "http"),
        _VIP.format(443, "tcp"),
        *_ALWAYS[2:],
    ]
    listeners = read(*view.of(LDS))
    assert list(listeners) == _ALWAYS
    chains = listeners["main_internal"].filter_chains
    assert [chain.name for chain in chains] == [
        _VIP.format(80, "http"),
        _VIP.format(443, "tcp"),
        "direct-tcp",
        "direct-http",
    ]
    (host,) = only_filter(chains[0]).route_config.virtual_hosts
    assert host.routes[0].route.cluster == _VIP.format(80, "http")
    assert only_filter(chains[1]).cluster == _VIP.format(443, "tcp")
    assert only_filter(chains[2]).cluster == "encap"


def test_a_waypoint_that_nobody_uses_serves_nothing() -> None:
    """As in the first seconds of a run, before its Gateway is there."""
    view = _view(inbound=_SERVED)

    assert list(read(*view.of(CDS))) == ["main_internal", "encap", *_ALWAYS[2:]]
    assert [chain.name for chain in read(*view.of(LDS))["main_internal"].filter_chains] == [
        "direct-tcp",
        "direct-http",
    ]


def test_endpoints_behind_a_waypoint_are_reached_through_the_tunnel() -> None:
    """Sidecars must not get them, and pods outside of ambient mode have no end of a tunnel."""
    view = _view(namespace("mesh", **_USED), waypoint_gateway(), inbound=_SERVED)

    endpoints = read(*view.of(EDS))
    (place,) = endpoints[_VIP.format(80, "http")].endpoints
    end, outside = place.lb_endpoints
    assert outside.endpoint.address.socket_address.address == "10.1.0.2"
    inside = end.endpoint.address.envoy_internal_address
    assert (inside.server_listener_name, inside.endpoint_id) == ("connect_originate", "10.1.0.1:80")
    (plain,) = endpoints["outbound|80||app.mesh.svc.cluster.local"].endpoints
    assert plain.lb_endpoints[0].endpoint.address.socket_address.address == "10.1.0.1"


def test_a_waypoint_may_ask_for_workloads() -> None:
    """Envoy's extension for peer metadata keeps all of them."""
    view = _view(inbound=_SERVED)

    workloads = sorted(view.of(WORKLOAD)[0].resources)
    assert workloads == ["Kubernetes//Pod/mesh/app-1", "Kubernetes//Pod/mesh/app-2"]


@pytest.mark.golden
def test_a_service_is_found_by_its_address_as_istiod_lets_find_it(golden: Path) -> None:
    """Envoy refuses filter chains that nothing tells apart, so a waypoint would serve nobody."""
    folder = golden / "xds" / "raw" / "envoy-waypoint-delta"
    response = DeltaDiscoveryResponse.parse((folder / "002-stream0001-Listener.pb").read_bytes())
    theirs = {one.name: Listener.parse(one.resource.value) for one in response.resources}
    http, tcp = {"name": "http", "port": 80}, {"name": "tcp", "port": 9000}
    view = view_of(
        waypoint_gateway(namespace="amb"),
        namespace("amb", **_USED),
        service("echo", namespace="amb", ip="10.3.131.175", ports=[http]),
        service("echo-v2", namespace="amb", ip="10.14.57.151", ports=[http]),
        service("headless", namespace="amb", ip="None", ports=[http]),
        service("tcp", namespace="amb", ip="10.9.229.190", ports=[tcp]),
        type_="waypoint",
        namespace="amb",
        labels={"gateway.networking.k8s.io/gateway-name": "wp"},
    )

    mine = read(*view.of(LDS))["main_internal"]
    assert mine.filter_chain_matcher == theirs["main_internal"].filter_chain_matcher


@pytest.mark.golden
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_virtual_service_gives_the_routes_of_a_service_behind_a_waypoint(golden: Path) -> None:
    """Requests of ambient pods would all go where there is no canary."""
    folder = golden / "xds" / "raw" / "envoy-waypoint-delta"
    response = DeltaDiscoveryResponse.parse((folder / "020-stream0001-Cluster.pb").read_bytes())
    listeners = DeltaDiscoveryResponse.parse((folder / "022-stream0001-Listener.pb").read_bytes())
    theirs = {one.name: Listener.parse(one.resource.value) for one in listeners.resources}
    http, tcp = {"name": "http", "port": 80}, {"name": "tcp", "port": 9000}
    elsewhere = [{"destination": {"host": "web.other.svc.cluster.local"}}]
    to_subset = [{"destination": {"host": "echo", "subset": "v2"}}]
    subsets = [{"name": "v2", "labels": {"version": "v2"}}]
    rules = [
        {"match": [{"headers": {"x": {"exact": "y"}}}], "route": elsewhere},
        {"route": to_subset},
    ]
    view = view_of(
        waypoint_gateway(namespace="amb"),
        namespace("amb", **_USED),
        service("echo", namespace="amb", ports=[http]),
        service("echo-v2", namespace="amb", ports=[http]),
        service("tcp", namespace="amb", ports=[tcp]),
        *(
            pod(f"e-{ip}", app="echo", namespace="amb", ip=ip, labels={"version": version})
            for version, ip in (("v1", "10.1.0.1"), ("v2", "10.1.0.2"))
        ),
        istio("DestinationRule", "d", {"host": "echo", "subsets": subsets}, namespace="amb"),
        istio("VirtualService", "v", {"hosts": ["echo"], "http": rules}, namespace="amb"),
        type_="waypoint",
        namespace="amb",
        labels={"gateway.networking.k8s.io/gateway-name": "wp"},
    )

    clusters = read(*view.of(CDS))
    their_clusters = [one.name for one in response.resources]
    outside = "outbound|80||web.other.svc.cluster.local"
    assert sorted(clusters) == sorted([*their_clusters, outside])
    name = "inbound-vip|80|http/v2|echo.amb.svc.cluster.local"
    istio_data = clusters[name].metadata.filter_metadata["istio"]
    assert istio_data.fields["subset"].string_value == "http/v2"
    (place,) = read(*view.of(EDS))[name].endpoints
    (end,) = place.lb_endpoints
    assert end.endpoint.address.socket_address.address == "10.1.0.2"
    mine, their = (
        next(one for one in found["main_internal"].filter_chains if "|echo." in one.name)
        for found in (read(*view.of(LDS)), theirs)
    )
    (host,) = only_filter(mine).route_config.virtual_hosts
    (their_host,) = only_filter(their).route_config.virtual_hosts
    assert (mine.name, host.name, host.domains) == (their.name, their_host.name, ["*"])
    first, last = host.routes
    assert first.route.cluster == outside
    assert last.route.cluster == their_host.routes[0].route.cluster == name


@pytest.mark.golden
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_waypoints_resources_have_the_shape_of_istiods(golden: Path) -> None:
    """What a test sees here should be what it would see from istiod."""
    folder = golden / "xds" / "raw" / "delta-waypoint-ztunnel"
    theirs: dict[str, Any] = {}
    for file in (
        "016-stream0004-Cluster.pb",
        "017-stream0004-Listener.pb",
        "020-stream0004-ClusterLoadAssignment.pb",
    ):
        response = DeltaDiscoveryResponse.parse((folder / file).read_bytes())
        for resource in response.resources:
            wrapped = resource.resource
            message = CLASSES[wrapped.type_url].parse(wrapped.value)
            theirs[f"{type(message).__name__} {resource.name}"] = message
    apps = ("app-dsrrmlvt", "app-laiukstg")
    name = "mesh-wobvxjiw"
    recorded_ends = theirs[
        f"ClusterLoadAssignment inbound-vip|80|http|{apps[0]}.{name}.svc.cluster.local"
    ]
    pods = [
        pod(
            workload,
            app=apps[0],
            namespace=name,
            ip=ip.rpartition(":")[0],
            annotations=AMBIENT,
        )
        for one in recorded_ends.endpoints[0].lb_endpoints
        for ip in [one.endpoint.address.envoy_internal_address.endpoint_id]
        for workload in [
            one.metadata.filter_metadata["istio"].fields["workload"].string_value.split(";")[0]
        ]
    ]
    registry, configs = world_of(
        *(service(app, namespace=name) for app in apps),
        *pods,
        node("node-a", "region", "zone"),
        namespace(name, **{"istio.io/use-waypoint": "waypoint-static"}),
        waypoint_gateway("waypoint-static", namespace=name),
    )
    who = audience(
        "waypoint",
        namespace=name,
        labels={"gateway.networking.k8s.io/gateway-name": "waypoint-static"},
    )
    view = snapshot_of(registry, configs=configs).view(who)

    clusters, listeners, endpoints = (read(*view.of(one)) for one in (CDS, LDS, EDS))
    for cluster_name, mine in clusters.items():
        their: Cluster = theirs[f"Cluster {cluster_name}"]
        assert (mine.type, mine.lb_policy, mine.alt_stat_name) == (
            their.type,
            their.lb_policy,
            their.alt_stat_name,
        )
        assert mine.eds_cluster_config == their.eds_cluster_config
        assert mine.metadata == their.metadata
        assert mine.load_assignment == their.load_assignment
        assert mine.circuit_breakers == their.circuit_breakers
        if cluster_name.startswith("inbound-vip"):
            assert mine.transport_socket == their.transport_socket
    for listener_name, mine in listeners.items():
        their_chains = theirs[f"Listener {listener_name}"].filter_chains
        assert [one.name for one in mine.filter_chains] == [one.name for one in their_chains]
    ends = endpoints[recorded_ends.cluster_name].endpoints[0]
    key = "envoy.filters.listener.original_dst"
    assert sorted(
        ends.lb_endpoints,
        key=lambda one: one.metadata.filter_metadata[key].fields["local"].string_value,
    ) == sorted(
        recorded_ends.endpoints[0].lb_endpoints,
        key=lambda one: one.metadata.filter_metadata[key].fields["local"].string_value,
    )


def test_policies_do_not_change_what_a_waypoint_is() -> None:
    """They are pushed, but not modelled."""
    plain = _view(inbound=_SERVED)
    view = _view(istio("AuthorizationPolicy", "a", {}), inbound=_SERVED)

    assert read(*view.of(LDS)) == read(*plain.of(LDS))
