"""What Istio's agent says of its Envoy, as its sources say it."""

from __future__ import annotations

from typing import Any

import pytest

from pyload.xds.agent import (
    PROXY_CONFIG,
    agent_entries,
    assumed_metadata,
    assumed_ztunnel_metadata,
    locality_of,
    service_cluster,
)


@pytest.mark.parametrize(
    ("metadata", "cluster"),
    [
        ({"LABELS": {"app": "a"}, "WORKLOAD_NAME": "w"}, "a.ns"),
        ({"LABELS": {"app.kubernetes.io/name": "k", "app": "a"}}, "a.ns"),
        ({"LABELS": {"service.istio.io/canonical-name": "c"}, "WORKLOAD_NAME": "w"}, "c.ns"),
        ({"WORKLOAD_NAME": "w"}, "w.ns"),
        ({}, "istio-proxy.ns"),
        ({"NAMESPACE": ""}, "istio-proxy"),
        ({"PROXY_CONFIG": {"serviceCluster": "istio-proxy"}, "WORKLOAD_NAME": "w"}, "w.ns"),
        ({"PROXY_CONFIG": {"serviceCluster": "mine"}, "LABELS": {"app": "a"}}, "mine"),
        (
            {
                "PROXY_CONFIG": {"tracingServiceName": "CANONICAL_NAME_AND_NAMESPACE"},
                "LABELS": {"app": "a", "service.istio.io/canonical-name": "c"},
            },
            "c.ns",
        ),
        (
            {"PROXY_CONFIG": {"tracingServiceName": "CANONICAL_NAME_ONLY"}, "WORKLOAD_NAME": "w"},
            "w",
        ),
        (
            {
                "PROXY_CONFIG": {"tracingServiceName": "APP_LABEL_AND_NAMESPACE"},
                "LABELS": {"app": "a", "service.istio.io/canonical-name": "c"},
            },
            "a.ns",
        ),
        ({"LABELS": "what a user has written", "PROXY_CONFIG": ""}, "istio-proxy.ns"),
    ],
)
def test_the_cluster_is_named_as_the_agent_names_it(metadata: dict[str, Any], cluster: str) -> None:
    """The name stands in traces and in istiod's log, and users look for it there."""
    assert service_cluster({"NAMESPACE": "ns", **metadata}) == cluster


@pytest.mark.parametrize(
    ("labels", "locality"),
    [
        ({}, ""),
        ({"topology.kubernetes.io/region": "eu"}, "eu"),
        (
            {
                "topology.kubernetes.io/region": "eu",
                "topology.kubernetes.io/zone": "eu-1",
                "topology.istio.io/subzone": "rack-7",
            },
            "eu/eu-1/rack-7",
        ),
        ({"topology.kubernetes.io/zone": "eu-1"}, "/eu-1"),
        (
            {"istio-locality": "eu.eu-1.rack-7", "topology.kubernetes.io/region": "us"},
            "eu/eu-1/rack-7",
        ),
        ({"topology.istio.io/locality": "us.1", "istio-locality": "eu.1"}, "us/1"),
    ],
)
def test_labels_say_where_a_pod_or_node_is(labels: dict[str, str], locality: str) -> None:
    """Proxies would all be in one place, and locality-aware load balancing be no load."""
    assert locality_of(labels) == locality


def test_the_environment_of_the_agent_changes_what_it_adds() -> None:
    """A mesh that was installed with other ports or switches would be measured as another one."""
    plain = agent_entries(PROXY_CONFIG, {}, hbone=False)
    changed = agent_entries(
        {**PROXY_CONFIG, "controlPlaneAuthPolicy": "NONE"},
        {
            "ENVOY_STATUS_PORT": "25021",
            "ENVOY_PROMETHEUS_PORT": "x",
            "ENVOY_SKIP_DEPRECATED_LOGS": "false",
            "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true",
            "WORKLOAD_IDENTITY_SOCKET_FILE": "spire",
            "DNS_PROXY_ADDR": "localhost:15053",
        },
        hbone=True,
    )

    assert plain["PILOT_SAN"] == ["istiod.istio-system.svc"]
    assert (plain["ENVOY_SKIP_DEPRECATED_LOGS"], plain["METADATA_DISCOVERY"]) == ("true", "false")
    assert {name: value for name, value in changed.items() if name != "PROXY_CONFIG"} == {
        "DNS_PROXY_ADDR": "localhost:15053",
        "ENVOY_PROMETHEUS_PORT": 15090,
        "ENVOY_STATUS_PORT": 25021,
        "EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true",
        "METADATA_DISCOVERY": "true",
        "WORKLOAD_IDENTITY_SOCKET_FILE": "spire",
    }
    follows = agent_entries(PROXY_CONFIG, {"PEER_METADATA_DISCOVERY": "false"}, hbone=True)
    assert follows["METADATA_DISCOVERY"] == "false"


def test_an_agent_that_reaches_istiod_by_a_tunnel_still_knows_its_name() -> None:
    """The certificate has no localhost in it."""
    entries = agent_entries(
        {**PROXY_CONFIG, "discoveryAddress": "localhost:15012"}, {}, hbone=False
    )

    assert entries["PILOT_SAN"] == ["istiod.istio-system.svc"]


@pytest.mark.parametrize("type_", ["sidecar", "router", "waypoint"])
def test_a_pod_that_was_made_up_is_said_to_be_injected(type_: str) -> None:
    """A fleet of pods that no injector has touched would weigh less in istiod than a real one."""
    metadata = assumed_metadata(
        type=type_,
        namespace="ns",
        service_account="sa",
        labels={"app": "a"},
        cluster_id="c",
        workload="w",
    )

    assert metadata["OWNER"] == "kubernetes://apis/apps/v1/namespaces/ns/deployments/w"
    annotations = metadata["ANNOTATIONS"]
    assert isinstance(annotations, dict)
    assert ("sidecar.istio.io/status" in annotations) == (type_ == "sidecar")
    assert ("APP_CONTAINERS" in metadata) == (type_ == "sidecar")
    assert metadata["PROXY_CONFIG"] == PROXY_CONFIG


def test_a_ztunnel_says_that_it_speaks_hbone() -> None:
    """Ztunnels have no agent; what else they say is their pod's."""
    assert assumed_ztunnel_metadata(namespace="istio-system", cluster_id="c") == {
        "CLUSTER_ID": "c",
        "ENABLE_HBONE": "true",
        "NAMESPACE": "istio-system",
    }
