"""The proxies at which changes arrive, which belong to no pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.commands.latency.changes import NAMESPACE
from pyload.proxies.spec import ProxySpec
from pyload.xds.node import SIDECAR

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_of(ip: str, metadata: Mapping[str, str]) -> ProxySpec:
    """Return a proxy as pilot-load's command has it.

    Args:
        ip: Its IP.
        metadata: Further node metadata, which the fixed keys override.
    """
    return ProxySpec(
        key=ip,
        type=SIDECAR,
        ip=ip,
        name=f"adsc-{ip}",
        namespace=NAMESPACE,
        labels=None,
        metadata={
            **metadata,
            "ISTIO_VERSION": "1.20.0-pilot-load",
            "CLUSTER_ID": "Kubernetes",
            "LABELS": None,
            "NAMESPACE": NAMESPACE,
            "SDS": "true",
        },
        metadata_is_final=True,
    )
