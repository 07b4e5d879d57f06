"""What proxies are told of other services under Istio's rules."""

from __future__ import annotations

from typing import Any

import pytest
from envoy_data_plane.envoy.config.cluster.v3 import ClusterLbPolicy

from pyload.xds.types import CDS, LDS, RDS
from tests.embedded.controlplane.reading import only_filter, read
from tests.embedded.controlplane.support import (
    istio,
    view_of,
)

_HOST = "app.mesh.svc.cluster.local"
_WEB = "web.other.svc.cluster.local"


def _outbound(view: Any) -> list[str]:
    return list(view.of(CDS)[0].resources)


def test_a_sidecar_limits_what_is_seen() -> None:
    """This is how big meshes keep proxies small."""
    only = istio("Sidecar", "default", {"egress": [{"hosts": ["./*"]}]})

    view = view_of(only)
    assert _outbound(view) == [f"outbound|80||{_HOST}"]
    (routes,) = read(*view.of(RDS)).values()
    assert [host.name for host in routes.virtual_hosts] == [f"{_HOST}:80", "allow_any"]
    other = view_of(only, namespace="other")
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
    view = view_of(istio("Sidecar", "default", {"egress": [{"hosts": hosts}]}))

    assert _outbound(view) == [f"outbound|80||{host}" for host in seen]


@pytest.mark.parametrize(("namespace", "seen"), [("mesh", [_HOST]), ("other", [_WEB])])
def test_the_dot_of_a_mesh_wide_sidecar_is_the_namespace_of_each_workload(
    namespace: str, seen: list[str]
) -> None:
    """Proxies were sent no services at all, and `latency` waited in vain for its change (A8)."""
    spec = {"egress": [{"hosts": ["./*"]}]}
    rules = [
        istio("VirtualService", name, {"hosts": [host], "http": []}, namespace=where)
        for name, host, where in (("a", _HOST, "mesh"), ("b", _WEB, "other"))
    ]
    view = view_of(
        istio("Sidecar", "default", spec, namespace="istio-system"), *rules, namespace=namespace
    )

    assert _outbound(view) == [f"outbound|80||{host}" for host in seen]


def test_without_a_way_out_the_rest_is_blocked() -> None:
    """REGISTRY_ONLY shows in routes and in the outbound listener."""
    spec = {"egress": [{"hosts": ["./*"]}], "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}}
    view = view_of(istio("Sidecar", "default", spec))

    (routes,) = read(*view.of(RDS)).values()
    assert routes.virtual_hosts[-1].name == "block_all"
    assert routes.virtual_hosts[-1].routes[0].direct_response.status == 502
    last = read(*view.of(LDS))["virtualOutbound"].filter_chains[-1]
    assert only_filter(last).cluster == "BlackHoleCluster"


def test_a_namespaces_own_rule_is_for_its_clients_only() -> None:
    """Others go on as the service's namespace says."""
    rule = istio(
        "DestinationRule",
        "mine",
        {"host": _WEB, "trafficPolicy": {"loadBalancer": {"simple": "RANDOM"}}},
    )

    mine, others = view_of(rule), view_of(rule, namespace="third")
    name = f"outbound|80||{_WEB}"
    assert read(*mine.of(CDS))[name].lb_policy == ClusterLbPolicy.RANDOM
    assert read(*others.of(CDS))[name].lb_policy == ClusterLbPolicy.LEAST_REQUEST


def test_a_virtual_service_of_a_gateway_is_not_for_sidecars() -> None:
    """It would be pushed to the whole mesh for nothing."""
    rule = istio("VirtualService", "v", {"hosts": ["app"], "gateways": ["gw"], "http": [{}]})

    (routes,) = read(*view_of(rule).of(RDS)).values()
    assert routes.virtual_hosts[0].routes[0].route.cluster == f"outbound|80||{_HOST}"


def test_what_routes_lead_to_is_seen_too() -> None:
    """Istio adds the destinations of imported routes to what a Sidecar lists."""
    view = view_of(
        istio("Sidecar", "default", {"egress": [{"hosts": ["./app.mesh.svc.cluster.local"]}]}),
        istio(
            "VirtualService",
            "v",
            {"hosts": ["app"], "http": [{"route": [{"destination": {"host": _WEB}}]}]},
        ),
    )

    assert _outbound(view) == [f"outbound|80||{_HOST}", f"outbound|80||{_WEB}"]
