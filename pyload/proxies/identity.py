"""How a proxy introduces itself: the node of its stream, and the principal of its credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.xds.credentials import Principal
from pyload.xds.node import encode_node, node_id, proxy_metadata

if TYPE_CHECKING:
    from pyload.proxies.spec import ProxySpec


def node_of(spec: ProxySpec) -> bytes:
    """Encode the node of a proxy."""
    return encode_node(
        type=spec.type,
        ip=spec.ip,
        name=spec.name,
        namespace=spec.namespace,
        domain=spec.domain,
        metadata=spec.metadata
        if spec.metadata_is_final
        else proxy_metadata(
            ip=spec.ip,
            name=spec.name,
            namespace=spec.namespace,
            service_account=spec.service_account,
            labels=spec.labels,
            cluster_id=spec.cluster_id,
            extra=spec.metadata,
        ),
    )


def name_of(spec: ProxySpec) -> str:
    """Return the id of a proxy's node."""
    return node_id(
        type=spec.type,
        ip=spec.ip,
        name=spec.name,
        namespace=spec.namespace,
        domain=spec.domain,
    )


def principal_of(spec: ProxySpec) -> Principal:
    """Return the principal for which a proxy's target is resolved."""
    return Principal(spec.namespace, spec.service_account, spec.cluster_id, spec.key, spec.address)
