"""ServiceEntries and WorkloadEntries become services and workloads."""

from __future__ import annotations

from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import ClusterDiscoveryType, ClusterLbPolicy

from pyload.xds.types import CDS, EDS, RDS
from tests.embedded.controlplane.reading import read
from tests.embedded.controlplane.support import (
    istio,
    pod,
    view_of,
)


def _entry(resolution: str, **spec: Any) -> Any:
    port = {"number": 80, "name": "http", "protocol": "HTTP", "targetPort": 8080}
    given = {"hosts": ["db.example.com"], "resolution": resolution, "ports": [port], **spec}
    return istio("ServiceEntry", "db", given)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_service_entry_with_dns_brings_its_endpoints_along() -> None:
    """Envoy resolves them itself, so there is nothing to ask of EDS."""
    view = view_of(_entry("DNS"))

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
    view = view_of(_entry("STATIC", endpoints=ends))

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
    view = view_of(entry, machine, pod("vm-2", app="vm", ip="10.9.0.2"))

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
    view = view_of(_entry("NONE", addresses=["10.5.0.0/16", "10.5.0.1"]))

    cluster = read(*view.of(CDS))["outbound|80||db.example.com"]
    assert cluster.type == ClusterDiscoveryType.ORIGINAL_DST
    assert cluster.lb_policy == ClusterLbPolicy.CLUSTER_PROVIDED
    assert "outbound|80||db.example.com" not in read(*view.of(EDS))
