"""The slim messages against the full ones, and the generated files against their sources."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from google.protobuf import any_pb2, descriptor_pool

from pyload.xds.delta import Delta
from pyload.xds.messages import Message
from pyload.xds.resources import decode
from pyload.xds.sotw import Sotw
from pyload.xds.types import CDS, ECDS, EDS, LDS, PREFIX, RDS, SDS
from pyload.xds.wire import config_pb2, discovery_pb2
from tests.xds.messages import DOWNSTREAM_TLS, HCM, NODE_BYTES, UPSTREAM_TLS, cluster

with warnings.catch_warnings():
    # The library uses what pydantic has deprecated.
    warnings.simplefilter("ignore")
    from envoy_data_plane.envoy.config.cluster.v3 import (
        Cluster,
        ClusterDiscoveryType,
        ClusterEdsClusterConfig,
        ClusterTransportSocketMatch,
    )
    from envoy_data_plane.envoy.config.core.v3 import (
        AggregatedConfigSource,
        ApiConfigSource,
        ConfigSource,
        ExtensionConfigSource,
        Node,
        TransportSocket,
    )
    from envoy_data_plane.envoy.config.listener.v3 import Filter, FilterChain, Listener
    from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
        HttpConnectionManager,
        HttpFilter,
        Rds,
    )
    from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
        CommonTlsContext,
        CommonTlsContextCombinedCertificateValidationContext,
        DownstreamTlsContext,
        SdsSecretConfig,
        UpstreamTlsContext,
    )
    from envoy_data_plane.envoy.service.discovery.v3 import (
        DeltaDiscoveryRequest,
        DeltaDiscoveryResponse,
        DiscoveryRequest,
        DiscoveryResponse,
        Resource,
    )
    from envoy_data_plane.google.protobuf import Any as FullAny

ADS = ConfigSource(ads=AggregatedConfigSource())
AGENT = ConfigSource(api_config_source=ApiConfigSource())


def full_any(type_url: str, message: Any) -> FullAny:
    """Pack a full message."""
    return FullAny(type_url=type_url, value=bytes(message))


def full_tls(kind: Any, type_url: str, *secrets: SdsSecretConfig) -> TransportSocket:
    """Build a TLS socket with a fetched certificate and a fetched CA."""
    certificate, authority = secrets
    context = kind(
        common_tls_context=CommonTlsContext(
            tls_certificate_sds_secret_configs=[certificate],
            combined_validation_context=CommonTlsContextCombinedCertificateValidationContext(
                validation_context_sds_secret_config=authority
            ),
        )
    )
    return TransportSocket(name="tls", typed_config=full_any(type_url, context))


def test_full_clusters_are_understood() -> None:
    """A wrong field number would lose every subscription to endpoints or secrets."""
    socket = full_tls(
        UpstreamTlsContext,
        UPSTREAM_TLS,
        SdsSecretConfig(name="default", sds_config=AGENT),
        SdsSecretConfig(name="kubernetes://ca", sds_config=ADS),
    )
    full = Cluster(
        name="outbound|80||a",
        type=ClusterDiscoveryType.EDS,
        eds_cluster_config=ClusterEdsClusterConfig(eds_config=ADS, service_name="a"),
        transport_socket=socket,
        transport_socket_matches=[ClusterTransportSocketMatch(name="tls", transport_socket=socket)],
    )

    resource = decode(CDS, bytes(full_any(CDS, full)))

    assert resource.name == "outbound|80||a"
    assert resource.refs == ((EDS, ("a",)), (SDS, ("kubernetes://ca",)))


def test_full_listeners_are_understood() -> None:
    """A wrong field number would lose every subscription to routes, secrets or extensions."""
    http = HttpConnectionManager(
        stat_prefix="http",
        rds=Rds(config_source=ADS, route_config_name="80"),
        http_filters=[
            HttpFilter(name="wasm", config_discovery=ExtensionConfigSource(config_source=ADS)),
            HttpFilter(name="router", typed_config=full_any(f"{PREFIX}x.Router", Rds())),
        ],
    )
    socket = full_tls(
        DownstreamTlsContext,
        DOWNSTREAM_TLS,
        SdsSecretConfig(name="kubernetes://gw", sds_config=ADS),
        SdsSecretConfig(name="ROOTCA", sds_config=AGENT),
    )
    chain = FilterChain(
        filters=[Filter(name="http", typed_config=full_any(HCM, http))], transport_socket=socket
    )
    full = Listener(name="0.0.0.0_80", filter_chains=[chain], default_filter_chain=chain)

    resource = decode(LDS, bytes(full_any(LDS, full)))

    assert resource.name == "0.0.0.0_80"
    assert resource.refs == (
        (RDS, ("80",)),
        (SDS, ("kubernetes://gw",)),
        (ECDS, ("wasm",)),
    )


def test_the_full_messages_read_what_is_sent() -> None:
    """Istiod would see an acknowledgement without its nonce, or a node without its id."""
    sotw = Sotw()
    first = DiscoveryRequest.parse(sotw.start(NODE_BYTES)[0])
    response = bytes(
        DiscoveryResponse(
            version_info="v1",
            resources=[FullAny.parse(cluster("a"))],
            type_url=CDS,
            nonce="n1",
        )
    )
    acknowledgement, endpoints = map(DiscoveryRequest.parse, sotw.receive(Message(response)).send)
    broken = bytes(DiscoveryResponse(resources=[FullAny()], type_url=CDS, nonce="n2"))
    nack = DiscoveryRequest.parse(sotw.receive(Message(broken)).send[0])

    assert first.node == Node.parse(NODE_BYTES)
    assert first.type_url == CDS
    assert (acknowledgement.version_info, acknowledgement.response_nonce) == ("v1", "n1")
    assert (endpoints.type_url, endpoints.resource_names) == (EDS, ["a"])
    assert nack.response_nonce == "n2"
    assert nack.error_detail is not None
    assert nack.error_detail.code == 13


def test_the_full_delta_messages_read_what_is_sent() -> None:
    """Istiod would see an acknowledgement without its nonce, or miss what is unsubscribed."""
    delta = Delta()
    first = DeltaDiscoveryRequest.parse(delta.start(NODE_BYTES)[0])
    added = DeltaDiscoveryResponse(
        system_version_info="v1",
        resources=[Resource(name="a", version="7", resource=FullAny.parse(cluster("a")))],
        type_url=CDS,
        nonce="n1",
    )
    acknowledgement, endpoints = map(
        DeltaDiscoveryRequest.parse, delta.receive(Message(bytes(added))).send
    )
    gone = DeltaDiscoveryResponse(type_url=CDS, nonce="n2", removed_resources=["a"])
    _, unsubscription, _ = map(
        DeltaDiscoveryRequest.parse, delta.receive(Message(bytes(gone))).send
    )
    broken = DeltaDiscoveryResponse(
        type_url=CDS, nonce="n3", resources=[Resource(name="x", resource=FullAny())]
    )
    nack = DeltaDiscoveryRequest.parse(delta.receive(Message(bytes(broken))).send[0])

    assert first.node == Node.parse(NODE_BYTES)
    assert (acknowledgement.type_url, acknowledgement.response_nonce) == (CDS, "n1")
    assert endpoints.resource_names_subscribe == ["a"]
    assert unsubscription.resource_names_unsubscribe == ["a"]
    assert nack.response_nonce == "n3"
    assert nack.error_detail is not None


def test_initial_versions_are_the_full_messages_field() -> None:
    """The embedded control plane would not see what a reconnecting proxy still holds."""
    full = DeltaDiscoveryRequest(initial_resource_versions={"a": "1"})
    slim = discovery_pb2.DeltaDiscoveryRequest.FromString(bytes(full))

    assert dict(slim.initial_resource_versions) == {"a": "1"}


def test_the_names_do_not_clash_with_envoys() -> None:
    """A user who imports Envoy's own messages beside pyload would get an import error."""
    files = [module.DESCRIPTOR for module in (config_pb2, discovery_pb2)]

    assert [file.package for file in files] == ["pyload.wire", "pyload.wire"]
    assert all(file.name.startswith("pyload/") for file in files)
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("envoy.config.cluster.v3.Cluster")


def test_unknown_fields_do_not_disturb() -> None:
    """A newer Istio's fields would break every push."""
    data = cluster("a") + any_pb2.Any().SerializeToString() + b"\xfa\x3f\x01x"

    assert decode(CDS, data).name == "a"
