"""The proxies of a plan: the identities by which istiod knows them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from pyload.manifests.objects import LOCALITY
from pyload.manifests.pods import pod_labels
from pyload.mesh.istio_objects import ROOT_NAMESPACE
from pyload.proxies.spec import ProxySpec
from pyload.xds.node import ZTUNNEL

if TYPE_CHECKING:
    from pyload.config.app_types import AppType
    from pyload.mesh.cluster_types import Traits
    from pyload.mesh.plan import AppPlan, PodPlan


def proxy_of_pod(app: AppPlan, pod: PodPlan, traits: Traits) -> ProxySpec | None:
    """Return the proxy in a pod; None if it has none.

    Args:
        app: The pod's application.
        pod: The pod.
        traits: What a run does in this type of cluster.
    """
    if not app.proxy_type:
        return None
    return ProxySpec(
        key=key_of_pod(app, pod),
        type=app.proxy_type,
        ip=pod.ip,
        name=pod.name,
        namespace=app.namespace,
        labels=_labels(app.name, app.type, full=traits.kubelet),
        own=(("NODE_NAME", pod.node),),
        workload=app.name,
        locality=LOCALITY if traits.nodes else "",
    )


@functools.lru_cache(maxsize=4096)
def _labels(app: str, type_: AppType, *, full: bool) -> dict[str, str]:
    """Return the labels of an application's pods, the same object for all; do not change it."""
    return pod_labels(app, type_, full=full)


def key_of_pod(app: AppPlan, pod: PodPlan) -> str:
    """Return the key of the proxy in a pod."""
    return f"{app.namespace}/{pod.name}"


def proxy_of_node(ztunnel: PodPlan, *, account: str) -> ProxySpec:
    """Return a node's ztunnel; a real one sends no labels.

    Args:
        ztunnel: The plan of it.
        account: Name of its service account.
    """
    return ProxySpec(
        key=key_of_node(ztunnel.node),
        type=ZTUNNEL,
        ip=ztunnel.ip,
        name=ztunnel.name,
        namespace=ROOT_NAMESPACE,
        service_account=account,
        labels=None,
        own=(("NODE_NAME", ztunnel.node),),
    )


def key_of_node(node: str) -> str:
    """Return the key of a node's ztunnel."""
    return f"{ZTUNNEL}/{node}"
