"""Builds and reads xDS messages as a control plane would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf import any_pb2

from pyload.xds.types import CDS, LDS, PREFIX, short
from pyload.xds.wire import config_pb2, discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.message import Message as Protobuf

    from pyload.xds.messages import Message
    from pyload.xds.transport import Status

DOWNSTREAM_TLS = f"{PREFIX}envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
UPSTREAM_TLS = f"{PREFIX}envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
QUIC = f"{PREFIX}envoy.extensions.transport_sockets.quic.v3.QuicDownstreamTransport"
HCM = f"{PREFIX}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def packed(type_url: str, message: Protobuf) -> bytes:
    """Encode a message inside an Any."""
    return any_pb2.Any(type_url=type_url, value=message.SerializeToString()).SerializeToString()


def unpacked(type_url: str, message: Protobuf) -> any_pb2.Any:
    """Put a message into an Any."""
    return any_pb2.Any(type_url=type_url, value=message.SerializeToString())


def tls(*names: str, source: str = "ads") -> config_pb2.TlsContext:
    """Build a TLS context whose certificates are fetched."""
    context = config_pb2.TlsContext()
    for name in names:
        secret = context.common_tls_context.tls_certificate_sds_secret_configs.add(name=name)
        if source:
            getattr(secret.sds_config, source).SetInParent()
    return context


def cluster(
    name: str, *, service: str = "", eds: bool = True, secrets: Iterable[str] = ()
) -> bytes:
    """Encode a cluster; its endpoints come by name, or it is static."""
    built = config_pb2.Cluster(name=name)
    built.type = built.EDS if eds else built.STATIC
    if service:
        built.eds_cluster_config.service_name = service
    if secrets:
        match = built.transport_socket_matches.add()
        match.transport_socket.typed_config.CopyFrom(unpacked(UPSTREAM_TLS, tls(*secrets)))
    return packed(CDS, built)


def listener(
    name: str,
    *,
    routes: Iterable[str] = (),
    secrets: Iterable[str] = (),
    extensions: Iterable[str] = (),
) -> bytes:
    """Encode a listener with one filter chain for each route, secret and extension."""
    built = config_pb2.Listener(name=name)
    for route in routes:
        http = config_pb2.HttpConnectionManager()
        http.rds.route_config_name = route
        built.filter_chains.add().filters.add(name="http").typed_config.CopyFrom(
            unpacked(HCM, http)
        )
    if secrets:
        built.default_filter_chain.transport_socket.typed_config.CopyFrom(
            unpacked(DOWNSTREAM_TLS, tls(*secrets))
        )
    for extension in extensions:
        one = built.filter_chains.add().filters.add(name=extension)
        one.config_discovery.SetInParent()
    return packed(LDS, built)


GARBAGE = any_pb2.Any(type_url=CDS, value=b"\xff").SerializeToString()
"""A cluster that cannot be read."""

UNREADABLE = "Unable to unpack as envoy.config.cluster.v3.Cluster"
"""What Envoy says of it."""


def named(type_url: str, name: str) -> bytes:
    """Encode a resource of which only the name matters."""
    return packed(type_url, config_pb2.Named(name=name))


def sotw_response(type_url: str, *bodies: bytes, nonce: str = "n1", version: str = "v1") -> bytes:
    """Encode a SotW response."""
    return discovery_pb2.DiscoveryResponse(
        type_url=type_url, resources=bodies, nonce=nonce, version_info=version
    ).SerializeToString()


def delta_response(
    type_url: str,
    resources: dict[str, bytes] | None = None,
    *,
    removed: Iterable[str] = (),
    nonce: str = "n1",
    version: str = "",
    system_version: str = "v1",
) -> bytes:
    """Encode a delta response; of a resource with an empty body only the name matters."""
    return discovery_pb2.DeltaDiscoveryResponse(
        type_url=type_url,
        resources=[
            discovery_pb2.Resource(
                name=name, resource=body or named(type_url, name), version=version
            )
            for name, body in (resources or {}).items()
        ],
        removed_resources=removed,
        nonce=nonce,
        system_version_info=system_version,
    ).SerializeToString()


class Kept:
    """A sink that keeps the messages of a stream.

    Attributes:
        messages: The messages.
    """

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def opened(self) -> None:
        """See `pyload.xds.transport.Sink`."""

    def message(self, message: Message) -> None:
        """See `pyload.xds.transport.Sink`."""
        self.messages.append(message)

    def closed(self, status: Status) -> None:
        """See `pyload.xds.transport.Sink`."""


@dataclass(frozen=True)
class Request:
    """A request in words: SotW's names are in ``subscribe``; ``has`` are the initial versions'."""

    type: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    nonce: str = ""
    version: str = ""
    error: str = ""
    node: bool = False
    has: tuple[str, ...] = ()


def read_sotw(message: bytes) -> Request:
    """Read a SotW request."""
    request = discovery_pb2.DiscoveryRequest.FromString(message)
    return Request(
        type=short(request.type_url),
        subscribe=tuple(request.resource_names),
        nonce=request.response_nonce,
        version=request.version_info,
        error=request.error_detail.message,
        node=request.HasField("node"),
    )


def read_delta(message: bytes) -> Request:
    """Read a delta request."""
    request = discovery_pb2.DeltaDiscoveryRequest.FromString(message)
    return Request(
        type=short(request.type_url),
        subscribe=tuple(request.resource_names_subscribe),
        unsubscribe=tuple(request.resource_names_unsubscribe),
        nonce=request.response_nonce,
        error=request.error_detail.message,
        node=request.HasField("node"),
        has=tuple(
            f"{name}@{version}" if version else name
            for name, version in sorted(request.initial_resource_versions.items())
        ),
    )


NODE = discovery_pb2.Node(id="sidecar~10.0.0.10~app-1.mesh~mesh.svc.cluster.local")
NODE_BYTES = NODE.SerializeToString()


def clusters(count: int) -> dict[str, bytes]:
    """Encode a number of clusters."""
    return {f"c{number}": cluster(f"c{number}") for number in range(count)}
