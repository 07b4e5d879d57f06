"""The proxies at which changes arrive, which belong to no pod."""

from __future__ import annotations

from pyload.commands.latency.changes import NAMESPACE
from pyload.proxies.spec import ProxySpec
from pyload.xds.node import SIDECAR


def proxy_of(ip: str, *, bare: bool) -> ProxySpec:
    """Return a proxy.

    Args:
        ip: Its IP.
        bare: Whether it has the node that pilot-load's command sends.
    """
    name = f"adsc-{ip}"
    if not bare:
        return ProxySpec(key=ip, type=SIDECAR, ip=ip, name=name, namespace=NAMESPACE)
    return ProxySpec(
        key=ip,
        type=SIDECAR,
        ip=ip,
        name=name,
        namespace=NAMESPACE,
        labels=None,
        metadata={
            "ISTIO_VERSION": "1.20.0-pilot-load",
            "CLUSTER_ID": "Kubernetes",
            "LABELS": None,
            "NAMESPACE": NAMESPACE,
            "SDS": "true",
        },
        metadata_is_final=True,
    )
