"""The generated configuration, read back with the library that knows Envoy's types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from envoy_data_plane.envoy.service.discovery.v3 import (
    DeltaDiscoveryResponse,
    DiscoveryResponse,
)

from pyload.embedded.controlplane.generate import SnapshotGenerator
from pyload.xds.types import CDS, EDS, LDS, RDS
from tests.embedded.controlplane.reading import CLASSES, read
from tests.embedded.controlplane.support import (
    configs_of,
    delta,
    mesh_of,
    new_stream,
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
