"""Names and references of resources: what the proxies subscribe to is read here."""

from __future__ import annotations

import contextlib

import pytest
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from pyload.errors import RemoteProtocolError
from pyload.xds.resources import Decoder, Resource, decode
from pyload.xds.types import ADDRESS, CDS, ECDS, EDS, LDS, RDS, SDS, TypeUrl
from pyload.xds.wire import config_pb2
from tests.xds.messages import (
    DOWNSTREAM_TLS,
    HCM,
    QUIC,
    UPSTREAM_TLS,
    cluster,
    listener,
    named,
    packed,
    tls,
    unpacked,
)


def test_an_eds_cluster_refers_to_its_service_name() -> None:
    """The proxy would ask for endpoints that istiod does not know under the cluster's name."""
    assert decode(CDS, cluster("c", service="s")) == Resource("c", ((EDS, ("s",)),))


def test_an_eds_cluster_without_service_name_refers_to_its_own() -> None:
    """The proxy would ask for no endpoints at all."""
    assert decode(CDS, cluster("c")) == Resource("c", ((EDS, ("c",)),))


@pytest.mark.parametrize("kind", ["STATIC", "STRICT_DNS", "LOGICAL_DNS", "ORIGINAL_DST"])
def test_other_clusters_refer_to_no_endpoints(kind: str) -> None:
    """Istiod would be asked for endpoints of BlackHoleCluster, which no Envoy does."""
    built = config_pb2.Cluster(name="c", type=config_pb2.Cluster.DiscoveryType.Value(kind))

    assert decode(CDS, packed(CDS, built)) == Resource("c")


def test_clusters_of_unset_or_custom_type_ask_for_endpoints() -> None:
    """As pilot-load reads them; runs of the two could not be compared otherwise."""
    unset = config_pb2.Cluster(name="unset")
    custom = config_pb2.Cluster(name="custom")
    custom.cluster_type.SetInParent()

    assert decode(CDS, packed(CDS, unset)).refs == ((EDS, ("unset",)),)
    assert decode(CDS, packed(CDS, custom)).refs == ((EDS, ("custom",)),)


def test_clusters_refer_to_the_secrets_of_all_their_sockets() -> None:
    """The certificates of a DestinationRule's credentialName would never be fetched."""
    built = config_pb2.Cluster(name="c", type=config_pb2.Cluster.STATIC)
    built.transport_socket.typed_config.CopyFrom(unpacked(UPSTREAM_TLS, tls("kubernetes://b")))
    match = built.transport_socket_matches.add()
    match.transport_socket.typed_config.CopyFrom(unpacked(UPSTREAM_TLS, tls("kubernetes://a")))

    assert decode(CDS, packed(CDS, built)).refs == ((SDS, ("kubernetes://a", "kubernetes://b")),)


def test_the_agents_own_secrets_are_not_asked_for() -> None:
    """Istiod never serves default and ROOTCA: the proxy would wait for them for ever."""
    built = config_pb2.Listener(name="l")
    own = tls("default", "file-cert:/etc/certs", source="api_config_source")
    named_alone = tls("ROOTCA", source="")
    for one in (own, named_alone, tls("kubernetes://gw", "kubernetes://gw-cacert")):
        chain = built.filter_chains.add()
        chain.transport_socket.typed_config.CopyFrom(unpacked(DOWNSTREAM_TLS, one))

    assert decode(LDS, packed(LDS, built)).refs == (
        (SDS, ("kubernetes://gw", "kubernetes://gw-cacert")),
    )


def test_quic_listeners_refer_to_their_secrets() -> None:
    """An HTTP/3 gateway's certificate would not be fetched."""
    quic = config_pb2.QuicDownstreamTransport(downstream_tls_context=tls("kubernetes://gw"))
    built = config_pb2.Listener(name="l")
    chain = built.filter_chains.add()
    chain.transport_socket.typed_config.CopyFrom(unpacked(QUIC, quic))

    assert decode(LDS, packed(LDS, built)).refs == ((SDS, ("kubernetes://gw",)),)


def test_listeners_refer_to_routes_of_every_chain_once() -> None:
    """Names would be asked for twice (D19), or those of the default chain be forgotten."""
    http = config_pb2.HttpConnectionManager()
    http.rds.route_config_name = "80"
    http.http_filters.add(name="wasm").config_discovery.SetInParent()
    http.http_filters.add(name="inline").typed_config.SetInParent()
    inline = config_pb2.HttpConnectionManager()
    built = config_pb2.Listener(name="l")
    for manager in (http, http, inline):
        chain = built.filter_chains.add()
        chain.filters.add(name="tcp")
        chain.filters.add(name="http").typed_config.CopyFrom(unpacked(HCM, manager))
    http.rds.route_config_name = "default"
    built.default_filter_chain.filters.add().typed_config.CopyFrom(unpacked(HCM, http))
    built.filter_chains[0].filters.add(name="network").config_discovery.SetInParent()
    built.listener_filters.add(name="sniffer").config_discovery.SetInParent()

    assert decode(LDS, packed(LDS, built)) == Resource(
        "l", ((RDS, ("80", "default")), (ECDS, ("network", "sniffer", "wasm")))
    )


def test_unknown_extensions_are_tolerated() -> None:
    """A filter or socket from a newer Istio would break the connection (D18)."""
    odd = any_pb2.Any(type_url="type.googleapis.com/acme.Odd", value=b"\xff\xff")
    built = config_pb2.Listener(name="l")
    chain = built.filter_chains.add()
    chain.filters.add().typed_config.CopyFrom(odd)
    chain.transport_socket.typed_config.CopyFrom(odd)
    bare = config_pb2.Cluster(name="c", type=config_pb2.Cluster.STATIC)
    bare.transport_socket.SetInParent()

    assert decode(LDS, packed(LDS, built)) == Resource("l")
    assert decode(CDS, packed(CDS, bare)) == Resource("c")


@pytest.mark.parametrize("type_url", [EDS, RDS, SDS, ECDS])
def test_other_types_give_their_name(type_url: TypeUrl) -> None:
    """A consumer of the library could not tell which routes it was sent."""
    assert decode(type_url, named(type_url, "r")) == Resource("r")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        packed(EDS, config_pb2.Named(name="e")),
        packed(CDS, config_pb2.Cluster()),
        any_pb2.Any(type_url=CDS, value=b"\x0a\xff").SerializeToString(),
        any_pb2.Any(type_url=CDS, value=b"\x0a\x01\xff").SerializeToString(),
    ],
    ids=["empty", "other type", "no name", "no Cluster", "no UTF-8"],
)
def test_what_is_no_such_resource_is_refused(data: bytes) -> None:
    """A broken resource would be acknowledged, and istiod told that all is well."""
    with pytest.raises(RemoteProtocolError):
        decode(CDS, data)


@given(st.binary(max_size=200), st.sampled_from([CDS, LDS, EDS, ADDRESS]))
def test_random_bytes_raise_nothing_else(data: bytes, type_url: TypeUrl) -> None:
    """A garbled response would kill the proxy instead of being refused, or ending the stream."""
    for one in (data, any_pb2.Any(type_url=type_url, value=data).SerializeToString()):
        with contextlib.suppress(RemoteProtocolError, DecodeError):
            decode(type_url, one)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([CDS, LDS])), max_size=20),
    st.integers(0, 100),
)
def test_the_decoder_remembers_without_changing_the_answer(
    resources: list[tuple[str, TypeUrl]], limit: int
) -> None:
    """A cached answer for other bytes, type or after forgetting would subscribe to wrong names."""
    decoder = Decoder(limit=limit)
    for name, type_url in resources:
        data = cluster(name) if type_url == CDS else listener(name, routes=[name])

        assert decoder.decode(type_url, data) == decode(type_url, data)


def test_the_decoder_gives_one_object_for_equal_bytes() -> None:
    """Ten thousand proxies would each keep their own copy of every name."""
    decoder = Decoder()

    assert decoder.decode(CDS, cluster("c")) is decoder.decode(CDS, cluster("c"))


def test_the_decoder_refuses_known_bytes_under_another_type() -> None:
    """A cluster in a listener response would be taken for a listener."""
    decoder = Decoder()
    decoder.decode(CDS, cluster("c"))

    with pytest.raises(RemoteProtocolError):
        decoder.decode(LDS, cluster("c"))
