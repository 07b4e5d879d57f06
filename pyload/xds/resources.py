"""What pyload reads of a resource: its name, and the names that it refers to.

A proxy asks for what its clusters and listeners refer to, so nothing else in them is looked at: the
messages in `pyload.xds.wire` have no other fields. Secrets alone may be anywhere, see
`pyload.xds.secrets`. Most resources reach many proxies as the same bytes, so a `Decoder` decodes
each distinct byte string once.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, NamedTuple

from google.protobuf import any_pb2
from google.protobuf.message import DecodeError

from pyload.errors import RemoteProtocolError
from pyload.xds.secrets import find_secrets
from pyload.xds.types import CDS, ECDS, EDS, LDS, PREFIX, RDS, SDS, TypeUrl, short
from pyload.xds.wire import config_pb2

Refs = tuple[tuple[TypeUrl, tuple[str, ...]], ...]

_HCM: Final = (
    f"{PREFIX}envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
)


class Resource(NamedTuple):
    """A decoded resource.

    Attributes:
        name: The name, unique within the type.
        refs: For each type that the resource refers to, the names, sorted; types without names are
            left out.
        version: The version of this resource alone, as the control plane sent it; empty in SotW.
    """

    name: str
    refs: Refs = ()
    version: str = ""


def decode(type_url: str, data: bytes) -> Resource:
    """Decode one resource.

    Clusters refer to endpoints and secrets; listeners to routes, secrets and extensions. Other
    types have a name only.

    Args:
        type_url: The type of the response.
        data: An encoded ``google.protobuf.Any``.

    Raises:
        RemoteProtocolError: The bytes are no resource of this type, or it has no name.
    """
    try:
        packed = any_pb2.Any.FromString(data)
        if packed.type_url != type_url:
            raise RemoteProtocolError(
                f"a {short(type_url)} response carries a resource of type {packed.type_url[:128]!r}"
            )
        resource = _decode_value(type_url, packed.value)
    except DecodeError as error:
        raise RemoteProtocolError(f"a {short(type_url)} resource cannot be decoded") from error
    if not resource.name:
        raise RemoteProtocolError(f"a {short(type_url)} resource has no name")
    return resource


def unpack(data: bytes) -> bytes:
    """Return the message inside an encoded ``google.protobuf.Any``.

    Raises:
        DecodeError: The bytes are no Any.
    """
    return any_pb2.Any.FromString(data).value


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
    if type_url == CDS:
        return _cluster(config_pb2.Cluster.FromString(value), find_secrets(value))
    if type_url == LDS:
        return _listener(config_pb2.Listener.FromString(value), find_secrets(value))
    return Resource(config_pb2.Named.FromString(value).name)


def _cluster(cluster: config_pb2.Cluster, secrets: set[str]) -> Resource:
    endpoints = ""
    # As in pilot-load, a cluster whose discovery type is unset or custom asks for endpoints.
    if cluster.WhichOneof("cluster_discovery_type") != "type" or cluster.type == cluster.EDS:
        endpoints = cluster.eds_cluster_config.service_name or cluster.name
    return Resource(cluster.name, _refs((EDS, {endpoints} - {""}), (SDS, secrets)))


def _listener(listener: config_pb2.Listener, secrets: set[str]) -> Resource:
    routes: set[str] = set()
    extensions = {one.name for one in listener.listener_filters if one.HasField("config_discovery")}
    chains = list(listener.filter_chains)
    if listener.HasField("default_filter_chain"):
        chains.append(listener.default_filter_chain)
    for chain in chains:
        for one in chain.filters:
            if one.HasField("config_discovery"):
                extensions.add(one.name)
            elif one.typed_config.type_url == _HCM:
                http = config_pb2.HttpConnectionManager.FromString(one.typed_config.value)
                routes.add(http.rds.route_config_name)
                extensions.update(
                    inner.name for inner in http.http_filters if inner.HasField("config_discovery")
                )
    return Resource(
        listener.name,
        _refs((RDS, routes - {""}), (SDS, secrets), (ECDS, extensions - {""})),
    )


def _refs(*found: tuple[TypeUrl, set[str]]) -> Refs:
    return tuple((type_url, tuple(sorted(names))) for type_url, names in found if names)
