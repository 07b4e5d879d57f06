"""The proxies of a plan: the identities by which istiod knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.manifests.pods import pod_labels
from pyload.mesh.istio_objects import ROOT_NAMESPACE
from pyload.proxies.spec import ProxySpec
from pyload.xds.node import ZTUNNEL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.mesh.cluster_types import Traits
    from pyload.mesh.plan import AppPlan, PodPlan


def proxy_of_pod(
    app: AppPlan, pod: PodPlan, traits: Traits, *, metadata: Mapping[str, str]
) -> ProxySpec | None:
    """Return the proxy in a pod; None if it has none.

    Args:
        app: The pod's application.
        pod: The pod.
        traits: What a run does in this type of cluster.
        metadata: Further node metadata.
    """
    if not app.proxy_type:
        return None
    return ProxySpec(
        key=key_of_pod(app, pod),
        type=app.proxy_type,
        ip=pod.ip,
        name=pod.name,
        namespace=app.namespace,
        labels=pod_labels(app.name, app.type, full=traits.kubelet),
        metadata=metadata,
    )


def key_of_pod(app: AppPlan, pod: PodPlan) -> str:
    """Return the key of the proxy in a pod."""
    return f"{app.namespace}/{pod.name}"


def proxy_of_node(ztunnel: PodPlan, *, account: str, metadata: Mapping[str, str]) -> ProxySpec:
    """Return a node's ztunnel; a real one sends no labels.

    Args:
        ztunnel: The plan of it.
        account: Name of its service account.
        metadata: Further node metadata.
    """
    return ProxySpec(
        key=key_of_node(ztunnel.node),
        type=ZTUNNEL,
        ip=ztunnel.ip,
        name=ztunnel.name,
        namespace=ROOT_NAMESPACE,
        service_account=account,
        labels=None,
        metadata=metadata,
    )


def key_of_node(node: str) -> str:
    """Return the key of a node's ztunnel."""
    return f"{ZTUNNEL}/{node}"
