"""Generated configuration, read back with the library that knows Envoy's types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envoy_data_plane.envoy.config.cluster.v3 import Cluster
from envoy_data_plane.envoy.config.endpoint.v3 import ClusterLoadAssignment
from envoy_data_plane.envoy.config.listener.v3 import Listener
from envoy_data_plane.envoy.config.route.v3 import RouteConfiguration
from envoy_data_plane.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
)
from envoy_data_plane.envoy.extensions.filters.network.tcp_proxy.v3 import TcpProxy
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    DownstreamTlsContext,
    Secret,
)
from envoy_data_plane.google.protobuf import Any as AnyMessage

from pyload.xds.types import CDS, EDS, LDS, PREFIX, RDS, SDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.embedded.controlplane.resource_batch import ResourceBatch

CLASSES: Mapping[str, Any] = {
    CDS: Cluster,
    EDS: ClusterLoadAssignment,
    LDS: Listener,
    RDS: RouteConfiguration,
    SDS: Secret,
}
_FILTERS: Mapping[str, Any] = {
    "HttpConnectionManager": HttpConnectionManager,
    "TcpProxy": TcpProxy,
}


def read(*collections: ResourceBatch) -> dict[str, Any]:
    """Decode resources, and check that their names are their keys."""
    found = {}
    for name, encoded in (item for one in collections for item in one.resources.items()):
        message = read_any(encoded)
        own = message.cluster_name if isinstance(message, ClusterLoadAssignment) else message.name
        assert own == name
        found[name] = message
    return found


def read_any(encoded: bytes) -> Any:
    """Decode one resource."""
    wrapped = AnyMessage.parse(encoded)
    assert wrapped.type_url.startswith(PREFIX)
    return CLASSES[wrapped.type_url].parse(wrapped.value)


def only_filter(chain: Any) -> Any:
    """Decode the only filter of a filter chain."""
    (wrapped,) = [one.typed_config for one in chain.filters]
    return _FILTERS[wrapped.type_url.rpartition(".")[2]].parse(wrapped.value)


def downstream_tls(chain: Any) -> Any:
    """Decode the TLS context of a filter chain."""
    return DownstreamTlsContext.parse(chain.transport_socket.typed_config.value)
