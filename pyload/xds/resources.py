"""What pyload reads of a resource: its name, and the names that it refers to.

A proxy asks for what its clusters and listeners refer to, so nothing else in them is looked at: the
messages in `pyload.xds.wire` have no other fields. Secrets alone may be anywhere, see
`pyload.xds.secrets`. Most resources reach many proxies as the same bytes, so a `Decoder` decodes
each distinct byte string once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Protobuf

from pyload.errors import RemoteProtocolError
from pyload.xds.secrets import find_secrets
from pyload.xds.types import CDS, ECDS, EDS, LDS, PREFIX, RDS, SDS, TypeUrl
from pyload.xds.wire import config_pb2, discovery_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

M = TypeVar("M", bound=Protobuf)

Refs = tuple[tuple[TypeUrl, tuple[str, ...]], ...]

_HCM: Final = (
    f"{PREFIX}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)
_SOCKETS: Final[Mapping[str, type[Protobuf]]] = {
    f"{PREFIX}envoy.extensions.transport_sockets.{name}": kind
    for name, kind in (
        ("tls.v3.DownstreamTlsContext", config_pb2.TlsContext),
        ("tls.v3.UpstreamTlsContext", config_pb2.TlsContext),
        ("quic.v3.QuicDownstreamTransport", config_pb2.QuicDownstreamTransport),
    )
}
WRAPPER: Final = f"{PREFIX}envoy.service.discovery.v3.Resource"
"""What SotW sends a resource in that has a time to live."""

NO_BODY: Final = "no body"
"""The error of a resource that was sent without its body, which may prolong its life."""


class Resource(NamedTuple):
    """A decoded resource.

    Attributes:
        name: The name, unique within the type.
        refs: For each type that the resource refers to, the names, sorted; types without names are
            left out.
        version: The version of this resource alone, as the control plane sent it; empty in SotW.
            None if no response with the resource was ever acknowledged.
        error: Why Envoy could not use the resource; empty if it could.
    """

    name: str
    refs: Refs = ()
    version: str | None = ""
    error: str = ""


class _UnusableError(Exception):
    """A resource has an extension that cannot be read."""


def decode(type_url: str, data: bytes) -> Resource:
    """Decode one resource.

    Clusters refer to endpoints and secrets; listeners to routes, secrets and extensions. Other
    types have a name only.

    Args:
        type_url: The type of the response.
        data: An encoded ``google.protobuf.Any``.

    Raises:
        RemoteProtocolError: The bytes are no resource of this type, or it has no name. Its text is
            what Envoy says of a response that carries them.
        DecodeError: The bytes are no Any.
    """
    packed = any_pb2.Any.FromString(data)
    if packed.type_url == WRAPPER:
        wrapper = discovery_pb2.Resource.FromString(packed.value)
        if not wrapper.resource:
            return Resource(wrapper.name, error=NO_BODY)
        packed = any_pb2.Any.FromString(wrapper.resource)
    if packed.type_url != type_url:
        raise RemoteProtocolError(mismatch(packed.type_url, type_url))
    try:
        resource = _decode_value(type_url, packed.value)
    except DecodeError as error:
        raise RemoteProtocolError(_unreadable(type_url)) from error
    if not resource.name:
        kind = type_url.rpartition(".")[2]
        raise RemoteProtocolError(
            f"Proto constraint validation failed ({kind}ValidationError.Name: value length must be"
            " at least 1 characters)"
        )
    return resource


def mismatch(type_url: str, expected: str) -> str:
    """Return what Envoy says of a resource of another type than its response."""
    return (
        f"type URL {type_url[:128]} embedded in an individual Any does not match the message-wide"
        f" type URL {expected}"
    )


def _unreadable(type_url: str) -> str:
    return f"Unable to unpack as {type_url.removeprefix(PREFIX)}"


def unpack(data: bytes) -> bytes:
    """Return the message inside an encoded ``google.protobuf.Any``.

    Raises:
        DecodeError: The bytes are no Any.
    """
    packed = any_pb2.Any.FromString(data)
    if packed.type_url == WRAPPER:
        return unpack(discovery_pb2.Resource.FromString(packed.value).resource)
    return packed.value


def name_of(data: bytes) -> str:
    """Return the name of a resource; empty if it cannot be read.

    Args:
        data: An encoded ``google.protobuf.Any``.
    """
    try:
        return config_pb2.Named.FromString(unpack(data)).name
    except DecodeError:
        return ""


class Decoder:
    """Decodes as `decode` does, and keeps the results, the least recently used forgotten first.

    Args:
        limit: Bytes of encoded resources whose results to keep.

    Attributes:
        size: Bytes of encoded resources whose results are kept.
    """

    def __init__(self, *, limit: int = 64 << 20) -> None:
        self._limit = limit
        self._known: OrderedDict[bytes, tuple[str, Resource]] = OrderedDict()
        self.size = 0

    def decode(self, type_url: str, data: bytes) -> Resource:
        """Decode one resource as `decode` does, or return what it was decoded to before."""
        known = self._known.get(data)
        # The bytes name their own type, so the announced one can only be right or an error.
        if known is not None and known[0] == type_url:
            self._known.move_to_end(data)
            return known[1]
        resource = decode(type_url, data)
        self._known[data] = (type_url, resource)
        self.size += len(data)
        while self.size > self._limit and len(self._known) > 1:
            forgotten, _ = self._known.popitem(last=False)
            self.size -= len(forgotten)
        return resource


def _decode_value(type_url: str, value: bytes) -> Resource:
    read = _READERS.get(type_url)
    if read is None:
        return Resource(config_pb2.Named.FromString(value).name)
    try:
        return read(value)
    except _UnusableError as error:
        return Resource(config_pb2.Named.FromString(value).name, error=str(error))


def _cluster(value: bytes) -> Resource:
    cluster = config_pb2.Cluster.FromString(value)
    endpoints = ""
    # As in pilot-load, a cluster whose discovery type is unset or custom asks for endpoints.
    if cluster.WhichOneof("cluster_discovery_type") != "type" or cluster.type == cluster.EDS:
        endpoints = cluster.eds_cluster_config.service_name or cluster.name
    _check(cluster.transport_socket)
    for match in cluster.transport_socket_matches:
        _check(match.transport_socket)
    return Resource(cluster.name, _refs((EDS, {endpoints} - {""}), (SDS, find_secrets(value))))


def _listener(value: bytes) -> Resource:
    listener = config_pb2.Listener.FromString(value)
    routes: set[str] = set()
    extensions = {one.name for one in listener.listener_filters if one.HasField("config_discovery")}
    chains = list(listener.filter_chains)
    if listener.HasField("default_filter_chain"):
        chains.append(listener.default_filter_chain)
    for chain in chains:
        if chain.HasField("transport_socket"):
            _check(chain.transport_socket)
        for one in chain.filters:
            if one.HasField("config_discovery"):
                extensions.add(one.name)
            elif one.typed_config.type_url == _HCM:
                http = _unpacked(config_pb2.HttpConnectionManager, one.typed_config)
                routes.add(http.rds.route_config_name)
                extensions.update(
                    inner.name for inner in http.http_filters if inner.HasField("config_discovery")
                )
    return Resource(
        listener.name,
        _refs((RDS, routes - {""}), (SDS, find_secrets(value)), (ECDS, extensions - {""})),
    )


_READERS: Final[Mapping[str, Callable[[bytes], Resource]]] = {CDS: _cluster, LDS: _listener}


def _check(socket: config_pb2.TransportSocket) -> None:
    """Raise `_UnusableError` if a socket of a known kind cannot be read."""
    kind = _SOCKETS.get(socket.typed_config.type_url)
    if kind is not None:
        _unpacked(kind, socket.typed_config)


def _unpacked(kind: type[M], packed: any_pb2.Any) -> M:
    try:
        return kind.FromString(packed.value)
    except DecodeError as error:
        raise _UnusableError(_unreadable(packed.type_url)) from error


def _refs(*found: tuple[TypeUrl, set[str]]) -> Refs:
    return tuple((type_url, tuple(sorted(names))) for type_url, names in found if names)
