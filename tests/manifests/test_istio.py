"""Istio's objects: the values that the API server or istiod would refuse or misread."""

from __future__ import annotations

import pytest

from pyload.manifests import istio


@pytest.mark.parametrize(
    ("weight", "shares"),
    [(100, {80: 100}), (30, {80: 30, 443: 70}), (0, {443: 100})],
)
def test_routes_share_the_whole_traffic(weight: int, shares: dict[int, int]) -> None:
    """Istio refuses weights that are not 100 in sum, and a route without weight takes all."""
    built = istio.virtual_service("a", "mesh", app="a", subset=True, weight=weight, run_id="run")
    routes = built["spec"]["http"][0]["route"]

    assert {one["destination"]["port"]["number"]: one["weight"] for one in routes} == shares
    assert {one["destination"]["subset"] for one in routes} == {istio.SUBSET}


def test_a_gateway_finds_its_secret_and_its_router() -> None:
    """Port 443 would have no certificate, and the Gateway no workload."""
    spec = istio.gateway("gw-x", "mesh", app="gw", run_id="run")["spec"]

    assert [one["tls"]["credentialName"] for one in spec["servers"] if "tls" in one] == ["gw-x"]
    assert spec["selector"] == {"app": "gw"}


def test_machines_belong_to_the_service_of_their_application() -> None:
    """A ServiceEntry would have no endpoints."""
    service = istio.service_entry("vm", "mesh", workloads=True, run_id="run")["spec"]
    entry = istio.workload_entry("vm", "mesh", address="10.0.0.9", run_id="run")["spec"]

    assert service["workloadSelector"]["labels"] == entry["labels"]
    # Istio reads a weight of 0 as none given.
    assert "weight" not in entry
    outside = istio.service_entry("far", "mesh", workloads=False, run_id="run")["spec"]
    assert not {"workloadSelector", "location"} & set(outside)


def test_a_waypoint_is_reached_by_its_service() -> None:
    """Ztunnels would find no address of the waypoint."""
    spec = istio.waypoint("wp-static", "mesh", run_id="run")["spec"]

    assert spec["addresses"] == [{"type": "Hostname", "value": "wp-static.mesh.svc.cluster.local"}]
