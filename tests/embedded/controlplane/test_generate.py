"""The generated configuration, read back with the library that knows Envoy's types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import ClusterDiscoveryType, ClusterLbPolicy
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryResponse,
    DiscoveryResponse,
)

from pyload.embedded.controlplane.generate import SnapshotGenerator
from pyload.embedded.controlplane.inbound import InboundBuilder
from pyload.embedded.controlplane.model import Key
from pyload.xds.types import CDS, EDS, LDS, RDS
from tests.embedded.controlplane.reading import CLASSES, only_filter, read
from tests.embedded.controlplane.support import (
    HTTP,
    configs_of,
    delta,
    mesh_of,
    new_stream,
    node,
    pod,
    proxy_node,
    service,
    sidecar_view,
    snapshot_of,
    sotw,
)

if TYPE_CHECKING:
    from pathlib import Path

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


def test_routes_have_a_virtual_host_for_each_service() -> None:
    """Requests are told apart by host: the name, the absolute name, the cluster IP."""
    registry = mesh_of(service("app"), service("web", ip="10.0.0.2", ports=[HTTP]))
    routes = read(*sidecar_view(snapshot_of(registry)).of(RDS))

    assert list(routes) == ["80"]
    app, web, rest = routes["80"].virtual_hosts
    assert app.domains == [_HOST, f"{_HOST}.", "10.0.0.1"]
    assert app.routes[0].route.cluster == f"outbound|80||{_HOST}"
    assert app.routes[0].decorator.operation == f"{_HOST}:80/*"
    assert web.name == "web.mesh.svc.cluster.local:80"
    assert rest.domains == ["*"]


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


def test_a_proxy_listens_on_the_ports_of_its_own_pod() -> None:
    """Inbound traffic goes through the sidecar, by port and by whether it speaks TLS."""
    registry = mesh_of(
        service("app", ports=[{**HTTP, "targetPort": 8080}, {"name": "tcp", "port": 9}]),
        pod("app-1", app="app"),
    )
    own = InboundBuilder().build(registry.inbound(Key("mesh", "app-1"), frozenset()), "PERMISSIVE")

    clusters = read(own.clusters)
    assert list(clusters) == ["inbound|9||", "inbound|8080||"]
    assert clusters["inbound|9||"].type == ClusterDiscoveryType.ORIGINAL_DST
    chains = read(own.listeners)["virtualInbound"].filter_chains[-4:]
    assert [
        (chain.filter_chain_match.destination_port, chain.filter_chain_match.transport_protocol)
        for chain in chains
    ] == [(9, "tls"), (9, "raw_buffer"), (8080, "tls"), (8080, "raw_buffer")]
    assert only_filter(chains[0]).cluster == "inbound|9||"
    (host,) = only_filter(chains[3]).route_config.virtual_hosts
    assert host.name == "inbound|http|80"
    assert host.routes[0].route.cluster == "inbound|8080||"


def test_a_push_of_endpoints_shares_everything_else() -> None:
    """With thousands of services, generating what has not changed would take minutes."""
    registry, generator = (
        mesh_of(service("app"), service("web", ip="10.0.0.2")),
        SnapshotGenerator(),
    )
    configs = configs_of()
    before = snapshot_of(registry, generator, configs=configs, version="v/1")

    registry.event("pods", "ADDED", pod("app-1", app="app"))
    after = snapshot_of(registry, generator, configs=configs, version="v/2")

    assert after.version == "v/2"
    for type_url in (CDS, LDS, RDS):
        old, new = sidecar_view(before).of(type_url), sidecar_view(after).of(type_url)
        assert all(one is other for one, other in zip(old, new, strict=True))
    changed = {
        name
        for name, encoded in after.endpoints.resources.items()
        if before.endpoints.resources[name] is not encoded
    }
    assert changed == {f"outbound|80||{_HOST}", f"outbound|443||{_HOST}"}


def test_a_service_that_goes_takes_its_resources_along() -> None:
    """Proxies would keep clusters of deleted services for ever."""
    registry, generator = (
        mesh_of(service("app"), service("web", ip="10.0.0.2")),
        SnapshotGenerator(),
    )
    before = sidecar_view(snapshot_of(registry, generator))

    registry.event("services", "DELETED", service("app"))
    after = sidecar_view(snapshot_of(registry, generator))

    gone = {
        type_url: before.of(type_url)[0].resources.keys() - after.of(type_url)[0].resources.keys()
        for type_url in (CDS, EDS, LDS)
    }
    clusters = {f"outbound|80||{_HOST}", f"outbound|443||{_HOST}"}
    assert gone == {CDS: clusters, EDS: clusters, LDS: {"10.0.0.1_443"}}


def test_generation_lets_others_in_between() -> None:
    """A big mesh must not stop the loop on which everything else runs."""
    registry = mesh_of(*(service(f"app-{number}") for number in range(50)))
    registry.pop_changes()

    steps = SnapshotGenerator().snapshot(registry.mesh(), configs_of().state, version="v")
    assert len(list(steps)) >= 50


def test_responses_are_read_by_other_libraries() -> None:
    """The envelope is put together by hand, and says that this is not istiod."""
    view = sidecar_view(snapshot_of(mesh_of(service("app"))))
    whole: Any
    for request, message_class in (
        (sotw(CDS, node=proxy_node()), DiscoveryResponse),
        (delta(CDS, node=proxy_node(), held=["gone"]), DeltaDiscoveryResponse),
    ):
        stream = new_stream(delta=message_class is DeltaDiscoveryResponse)
        asked = stream.read(request.SerializeToString())
        assert asked is not None
        (reply,) = stream.answer(asked, view).replies
        whole = message_class.parse(reply.message)
        assert whole.type_url == CDS
        assert whole.nonce == "v/1-0"
        assert '"Component":"pyload-embedded"' in whole.control_plane.identifier
        assert len(whole.resources) == 6
    assert whole.removed_resources == ["gone"]
    assert whole.resources[0].name == f"outbound|80||{_HOST}"


@pytest.mark.golden
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resources_have_the_shape_of_istiods(golden: Path) -> None:
    """What a test sees here should be what it would see from istiod."""
    recorded = golden / "xds" / "raw" / "sotw-200-services"
    theirs: dict[str, Any] = {}
    for path in sorted(recorded.glob("*.pb")):
        for wrapped in DiscoveryResponse.parse(path.read_bytes()).resources:
            message = CLASSES[wrapped.type_url].parse(wrapped.value)
            theirs.setdefault(getattr(message, "name", "") or message.cluster_name, message)
    for host in theirs["80"].virtual_hosts:
        # Deprecated, and so left out here.
        host.routes[0].route.max_grpc_timeout = None
    snapshot = snapshot_of(mesh_of(service("s0", namespace="svc", ip="10.10.81.247")))
    view = sidecar_view(snapshot)
    clusters, listeners, routes = (read(*view.of(type_url)) for type_url in (CDS, LDS, RDS))

    cluster = "outbound|80||s0.svc.svc.cluster.local"
    mine = clusters[cluster]
    assert (mine.type, mine.lb_policy, mine.connect_timeout, mine.alt_stat_name) == (
        theirs[cluster].type,
        theirs[cluster].lb_policy,
        theirs[cluster].connect_timeout,
        theirs[cluster].alt_stat_name,
    )
    assert mine.eds_cluster_config == theirs[cluster].eds_cluster_config
    assert mine.metadata == theirs[cluster].metadata
    assert mine.circuit_breakers == theirs[cluster].circuit_breakers
    assert clusters["BlackHoleCluster"] == theirs["BlackHoleCluster"]
    assert routes["80"].virtual_hosts[0] == theirs["80"].virtual_hosts[0]
    assert routes["80"].virtual_hosts[-1] == theirs["80"].virtual_hosts[-1]
    tcp, http = listeners["10.10.81.247_443"], listeners["0.0.0.0_80"]
    assert tcp.bind_to_port == theirs["0.0.0.0_80"].bind_to_port
    assert tcp.traffic_direction == theirs["0.0.0.0_80"].traffic_direction
    assert http.address == theirs["0.0.0.0_80"].address
    assert [chain.filter_chain_match for chain in http.filter_chains] == [
        chain.filter_chain_match for chain in theirs["0.0.0.0_80"].filter_chains
    ]
