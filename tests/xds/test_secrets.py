"""The secrets that clusters and listeners refer to, however deep: Envoy waits for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf import any_pb2, json_format, struct_pb2
from hypothesis import example, given
from hypothesis import strategies as st

from pyload.embedded.controlplane.wire import any_of, field, number
from pyload.xds.secrets import MAX_DEPTH, find_secrets
from pyload.xds.types import PREFIX
from pyload.xds.wire.discovery_pb2 import DeltaDiscoveryResponse, DiscoveryResponse

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Wrap = tuple[str, "Callable[[bytes], bytes]"]

ADS = field(3, b"")
VERSION = number(6, 2)
TIMEOUT = field(4, number(1, 15))
AUTHORITY = field(7, field(1, b"acme"))
NETWORK = f"{PREFIX}envoy.extensions.filters.network"
HTTP = f"{PREFIX}envoy.extensions.filters.http"
SOCKETS = f"{PREFIX}envoy.extensions.transport_sockets"

# No other texts begin with it, so that what is planted is told from what merely looks alike.
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-/:.", max_size=20).map("secret-".__add__)


def sds(name: str, *source: bytes) -> bytes:
    """Encode an SdsSecretConfig."""
    return field(1, name.encode()) + field(2, b"".join(source or (ADS, VERSION)))


def tls(*secrets: bytes) -> bytes:
    """Encode a TransportSocket with an UpstreamTlsContext."""
    context = field(1, b"".join(field(6, one) for one in secrets))
    return socket("tls.v3.UpstreamTlsContext", context)


def socket(kind: str, config: bytes) -> bytes:
    """Encode a TransportSocket."""
    return field(1, b"socket") + field(3, any_of(f"{SOCKETS}.{kind}", config))


def cluster(transport_socket: bytes) -> bytes:
    """Encode a Cluster."""
    return field(1, b"outbound|443||db") + number(2, 3) + field(24, transport_socket)


def listener(kind: str, config: bytes) -> bytes:
    """Encode a Listener with one filter."""
    one = field(1, b"filter") + field(4, any_of(kind, config))
    return field(1, b"0.0.0.0_80") + field(3, field(3, one))


def http_listener(kind: str, config: bytes) -> bytes:
    """Encode a Listener with one HTTP filter."""
    one = field(1, b"filter") + field(4, any_of(f"{HTTP}.{kind}", config))
    route = field(1, field(3, b"") + VERSION) + field(2, b"80")
    manager = "http_connection_manager.v3.HttpConnectionManager"
    return listener(f"{NETWORK}.{manager}", field(3, route) + field(5, one))


@pytest.mark.parametrize(
    "resource",
    [
        cluster(tls(sds("secret"))),
        cluster(
            socket(
                "proxy_protocol.v3.ProxyProtocolUpstreamTransport",
                field(1, number(1, 1)) + field(2, tls(sds("secret"))),
            )
        ),
        cluster(
            socket(
                "starttls.v3.UpstreamStartTlsConfig", field(1, b"") + field(2, tls(sds("secret")))
            )
        ),
        field(1, b"match")
        + field(43, field(1, b"m") + field(2, b"") + field(3, tls(sds("secret")))),
        http_listener(
            "oauth2.v3.OAuth2", field(1, field(3, field(1, b"client") + field(2, sds("secret"))))
        ),
        http_listener(
            "credential_injector.v3.CredentialInjector",
            field(
                3,
                field(1, b"generic")
                + field(
                    2,
                    any_of(
                        f"{PREFIX}envoy.extensions.http.injected_credentials.generic.v3.Generic",
                        field(1, sds("secret", ADS)),
                    ),
                ),
            ),
        ),
        listener(f"{PREFIX}acme.Unknown", field(700, number(1, 1) + field(9, sds("secret")))),
    ],
    ids=["TLS", "PROXY protocol", "STARTTLS", "socket match", "OAuth2", "credentials", "unknown"],
)
def test_secrets_in_any_extension_are_found(resource: bytes) -> None:
    """Envoy asks istiod for them and waits; the load of these requests would be missing."""
    assert find_secrets(resource) == {"secret"}


@pytest.mark.parametrize(
    "source",
    [
        (ADS,),
        (ADS, VERSION),
        (field(4, b""), VERSION, ADS),
        (TIMEOUT, VERSION, AUTHORITY, ADS),
        (field(1, b"/etc/certs"), ADS),
    ],
    ids=["bare", "with version", "in Go's order", "with all", "instead of a path"],
)
def test_sources_that_point_to_ads_are_told_in_any_order(source: tuple[bytes, ...]) -> None:
    """Go writes the members of a oneof last: none of istiod's secrets would be found."""
    assert find_secrets(cluster(tls(sds("secret", *source)))) == {"secret"}


@pytest.mark.parametrize(
    "source",
    [
        (field(2, number(1, 2) + field(4, field(1, field(1, b"sds-grpc")))), VERSION),
        (ADS, field(1, b"/etc/certs")),
        (field(8, field(1, b"/etc/certs")),),
        (field(5, b""),),
        (VERSION,),
        (b"",),
    ],
    ids=["gRPC", "path after all", "path", "self", "version alone", "nothing"],
)
def test_secrets_from_elsewhere_are_not_asked_for(source: tuple[bytes, ...]) -> None:
    """The agent serves the workload's own certificate: istiod would never answer, and be waited
    for for ever.
    """
    assert find_secrets(cluster(tls(sds("default", *source), sds("", ADS)))) == set()


@pytest.mark.parametrize("kind", ["xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"])
@pytest.mark.parametrize("key", ["sds_config", "sdsConfig"])
def test_secrets_in_a_typed_struct_are_found(kind: str, key: str) -> None:
    """EnvoyFilters configure filters that istiod does not know so, and Envoy reads them."""
    struct = struct_pb2.Struct()
    secret = {"name": "secret", key: {"ads": {}}}
    other = {"name": "other", key: {"path": "/x"}}
    json = {"config": {"credentials": [{"token_secret": secret}, other]}}
    json_format.ParseDict(json, struct)
    value = field(1, b"acme.OAuth") + field(2, struct.SerializeToString())

    assert find_secrets(listener(PREFIX + kind, value)) == {"secret"}
    assert find_secrets(listener(PREFIX + kind, field(2, b"sds_config\xff"))) == set()


def test_other_references_to_ads_are_no_secrets() -> None:
    """Istiod would be asked for secrets called as its routes and clusters."""
    endpoints = field(3, field(1, ADS + VERSION) + field(2, b"outbound|80||a"))
    discovered = field(1, b"wasm") + field(5, field(1, ADS + VERSION) + field(4, b"acme.Wasm"))

    assert find_secrets(field(1, b"c") + endpoints) == set()
    assert find_secrets(http_listener("router.v3.Router", b"")) == set()
    assert find_secrets(field(1, b"l") + field(3, field(3, discovered))) == set()
    # The bytes of an SdsSecretConfig: a text, and a message whose third field is an empty one.
    assert find_secrets(http_listener("grpc_stats.v3.FilterConfig", ADS)) == set()


def test_metadata_are_no_secrets() -> None:
    """An empty text in a Struct is the same bytes as a secret from ADS, whose name is its key."""
    struct = struct_pb2.Struct()
    struct.update({"a": "", "b": {"c": "", "d": [{"e": ""}, 1, None, True]}})
    metadata = field(1, field(1, b"istio") + field(2, struct.SerializeToString()))
    packed = any_of(f"{PREFIX}google.protobuf.Struct", struct.SerializeToString())

    assert find_secrets(field(1, b"c") + field(25, metadata)) == set()
    assert (
        find_secrets(field(1, b"l") + field(5, field(2, field(1, b"key") + field(2, packed))))
        == set()
    )
    # In an unknown message all the same, and beside a secret that is one.
    assert find_secrets(listener(f"{PREFIX}acme.Unknown", field(2, metadata))) == set()
    both = field(25, metadata) + field(24, tls(sds("secret")))
    assert find_secrets(field(1, b"c") + both) == {"secret"}


def test_the_depth_is_bounded() -> None:
    """A resource made to be deep would end the proxy by Python's own limit."""

    def nested(depth: int) -> bytes:
        one = sds("secret")
        for _ in range(depth):
            one = field(7, one) + number(8, 1)
        return one

    assert find_secrets(nested(MAX_DEPTH - 1)) == {"secret"}
    assert find_secrets(nested(5000)) == set()


# Fields that an extension may have beside.
NOISE = st.one_of(
    st.builds(number, st.integers(1, 900), st.integers(0, 2**64 - 1)),
    st.builds(field, st.integers(1, 900), st.text(max_size=8).map(str.encode)),
    st.builds(field, st.integers(1, 900), st.binary(max_size=8)),
    st.binary(min_size=8, max_size=8).map(b"\x09".__add__),
)


def wrapped(
    inside: st.SearchStrategy[tuple[bytes, frozenset[str]]],
) -> st.SearchStrategy[tuple[bytes, frozenset[str]]]:
    """Put messages into another."""
    members = st.lists(st.tuples(st.integers(3, 900), inside), min_size=1, max_size=3)

    def put(
        parts: list[tuple[int, tuple[bytes, frozenset[str]]]], noise: list[bytes], kind: str
    ) -> tuple[bytes, frozenset[str]]:
        message = b"".join((*noise, *(field(tag, one) for tag, (one, _) in parts)))
        names = frozenset[str]().union(*(some for _, (_, some) in parts))
        return (any_of(PREFIX + kind, message) if kind else message), names

    return st.builds(put, members, st.lists(NOISE, max_size=3), st.sampled_from(["", "acme.Ext"]))


SOURCES = st.permutations([ADS, VERSION, TIMEOUT, AUTHORITY]).flatmap(
    lambda parts: st.integers(0, 3).map(
        lambda left: b"".join(one for index, one in enumerate(parts) if index >= left or one == ADS)
    )
)
PLANTED = st.recursive(
    st.builds(lambda name, source: (sds(name, source), frozenset({name})), NAMES, SOURCES),
    wrapped,
    max_leaves=6,
)


@given(PLANTED)
def test_all_planted_secrets_are_found(planted: tuple[bytes, frozenset[str]]) -> None:
    """A proxy that asks for fewer secrets than Envoy shows a control plane that is too good."""
    message, names = planted

    assert names <= find_secrets(field(1, b"c") + field(24, message))


@given(st.one_of(st.binary(max_size=300), st.lists(NOISE, max_size=20).map(b"".join)))
@example(b"\x1a\x00" * 100)
@example(b"\x12\x7f" * 100 + b"\x1a\x00")
@example(b"\x0a\x01s\x12\x02\x1a\x00\xff")
@example(b"\x0a\x01\x00\x12\x02\x1a\x00")
@example(any_pb2.Any(type_url=f"{PREFIX}a.B", value=b"\x1a\x00").SerializeToString())
def test_nothing_is_found_in_other_bytes(data: bytes) -> None:
    """A secret that nobody named would be waited for for ever."""
    assert find_secrets(field(1, b"c") + field(24, data)) == set()


@pytest.mark.golden
@pytest.mark.parametrize(
    ("recording", "names"),
    [
        ("envoy-sidecar-delta", set()),
        ("envoy-sidecar-sotw", set()),
        ("envoy-waypoint-delta", set()),
        # Not by its client, pilot-load, but by a gateway.
        ("delta-sidecar-gateway", {"kubernetes://gw-jvowwlmp"}),
    ],
)
def test_what_real_proxies_ask_for_is_found_in_what_they_received(
    recording: str, names: set[str], golden: Path
) -> None:
    """Real configuration is full of texts, Structs and references to ADS that are no secrets."""
    found = set()
    for path in (golden / "xds" / "raw" / recording).glob("*.pb"):
        if path.stem.endswith(("-Cluster", "-Listener")):
            kind = DiscoveryResponse if recording.endswith("sotw") else DeltaDiscoveryResponse
            for one in kind.FromString(path.read_bytes()).resources:
                body = one if isinstance(one, bytes) else one.resource
                found |= find_secrets(any_pb2.Any.FromString(body).value)

    assert found == names
    if recording.startswith("envoy"):
        asked = (golden / "xds" / f"{recording}.jsonl").read_text()
        assert '"type":"Secret"' not in asked
        assert "tls.v3.Secret" not in asked
