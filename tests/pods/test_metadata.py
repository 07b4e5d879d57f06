"""The node metadata that the agent in a pod would send."""

from __future__ import annotations

import pytest

from pyload.pods.environment import Environment
from pyload.pods.identity import Identity
from pyload.pods.metadata import agent_metadata, given_metadata, proxy_config
from pyload.pods.reader import proxy_spec, read_pod
from pyload.proxies.identity import node_of
from pyload.xds.agent import PROXY_CONFIG
from tests.pods.injected import pod, proxy_container


@pytest.mark.parametrize(
    ("config", "annotations", "address"),
    [
        ("", {}, "istiod.istio-system.svc:15012"),
        ("{}\n", {}, "istiod.istio-system.svc:15012"),
        ('{"discoveryAddress":"istiod-a.x.svc:15012"}', {}, "istiod-a.x.svc:15012"),
        (
            '{"discoveryAddress":"istiod-a.x.svc:15012"}',
            {"proxy.istio.io/config": "discoveryAddress: istiod-b.x.svc:15012\nconcurrency: 2"},
            "istiod-b.x.svc:15012",
        ),
        (
            "",
            {
                "proxy.istio.io/config": "discoveryAddress: istiod-b.x.svc:15012",
                "sidecar.istio.io/discoveryAddress": "istiod-c.x.svc:15012",
            },
            "istiod-c.x.svc:15012",
        ),
        ('{"discoveryAddress":7}', {}, "istiod.istio-system.svc:15012"),
    ],
)
def test_the_last_layer_decides_where_to_connect(
    config: str, annotations: dict[str, str], address: str
) -> None:
    """The proxies of one revision would load another one's istiod."""
    container = proxy_container(PROXY_CONFIG=config)
    identity = read_pod(pod("a", proxy=container, annotations=annotations)).identity

    assert isinstance(identity, Identity)
    assert identity.address == address
    assert identity.metadata is not None
    proxy_config = identity.metadata["PROXY_CONFIG"]
    assert isinstance(proxy_config, dict)
    assert proxy_config["discoveryAddress"] == address


def test_text_that_is_not_json_is_left_as_it_is() -> None:
    """The agent hands it on, too."""
    container = proxy_container(ISTIO_META_POD_PORTS="[", ISTIO_METAJSON_EMPTY="")

    identity = read_pod(pod("a", proxy=container)).identity
    assert isinstance(identity, Identity)
    assert identity.metadata is not None
    assert identity.metadata["POD_PORTS"] == "["


def test_dates_and_numbers_of_a_yaml_annotation_can_be_sent() -> None:
    """One odd annotation would kill the proxy of its pod."""
    annotations = {"proxy.istio.io/config": "since: 2026-11-23\nconcurrency: 2"}
    record = read_pod(pod("a", ip="10.0.0.1", annotations=annotations))

    assert node_of(proxy_spec(record))


def test_proxy_metadata_of_all_layers_is_merged_and_the_rest_replaced() -> None:
    """A pod's annotation would take the mesh-wide entries away."""
    environment = Environment({"PROXY_CONFIG": '{"proxyMetadata":{"A":"1","B":"1"},"x":[1]}'})
    config = proxy_config(environment, {"proxy.istio.io/config": "proxyMetadata: {B: '2'}\nx: [2]"})

    assert config["proxyMetadata"] == {"A": "1", "B": "2"}
    assert config["x"] == [2]
    assert not environment.unresolved


def test_the_environment_wins_over_proxy_metadata() -> None:
    """The agent would announce another network than pyload does in its name."""
    environment = Environment(
        {
            "ISTIO_META_NETWORK": "env",
            "ISTIO_META_NODE_NAME": "node-1",
            "ISTIO_METAJSON_ANNOTATIONS": '{"a":"1"}',
            "PATH": "/bin",
        },
        own={"ISTIO_META_NODE_NAME"},
    )
    config = {"proxyMetadata": {"ISTIO_META_NETWORK": "config", "ISTIO_META_DNS": "true", "X": 1}}

    shared, own = given_metadata(environment, config)

    assert shared == {"NETWORK": "env", "DNS": "true", "a": "1"}
    assert own == (("NODE_NAME", "node-1"),)


def test_what_the_agent_adds_wins_over_the_environment() -> None:
    """Labels of the pod are what istiod selects it by."""
    metadata = agent_metadata(
        Environment(),
        {"LABELS": "mine", "METADATA_DISCOVERY": "mine", "ENABLE_HBONE": "true"},
        {**PROXY_CONFIG, "discoveryAddress": "istiod.x.svc:15012"},
        labels={"app": "a"},
        annotations={},
        service_account="sa",
        cluster_id="c",
        version="",
    )

    assert metadata["LABELS"] == {"app": "a"}
    assert metadata["METADATA_DISCOVERY"] == "true"
    assert metadata["PILOT_SAN"] == ["istiod.x.svc"]


def test_threads_ports_and_names_of_envoy_follow_from_the_pod() -> None:
    """The agent writes them into the ProxyConfig that it sends."""
    annotations = {"status.sidecar.istio.io/port": "0", "proxy.istio.io/config": "concurrency: 7"}
    limited = Environment({"ISTIO_CPU_LIMIT": "2"})

    assert proxy_config(limited, {})["concurrency"] == 2
    assert proxy_config(limited, annotations)["concurrency"] == 7
    assert proxy_config(limited, annotations)["statusPort"] == 0
    assert proxy_config(Environment(), {})["serviceCluster"] == "istio-proxy"
    traced = Environment({"PROXY_CONFIG": '{"tracingServiceName":"CANONICAL_NAME_ONLY"}'})
    assert "serviceCluster" not in proxy_config(traced, {})
