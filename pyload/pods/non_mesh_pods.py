"""Pods outside of the mesh, as if each had a sidecar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.pods.reader import (
    HOST_NETWORK,
    NOT_A_PROXY,
    OPTED_OUT,
    PROXY_MISSING,
    Identity,
    PodRecord,
    Skip,
    read_pod,
)

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from pyload.pods.reader import IdentityPool


_WITHOUT: Final = frozenset({HOST_NETWORK, NOT_A_PROXY, OPTED_OUT, PROXY_MISSING})
"""Why pods have no proxy that could be another; proxies of another kind stay left out."""


def read_any_pod(obj: Obj, identities: IdentityPool) -> PodRecord:
    """Reduce a pod like `pyload.pods.reader.read_pod`, and give it a sidecar if it has no proxy.

    That sidecar has the metadata that pilot-load sends (contract §7.1), and the pod's service
    account.

    Args:
        obj: The pod as the API server gave it; not changed and not kept.
        identities: Where identities are shared with those of other pods.
    """
    record = read_pod(obj, identities)
    if isinstance(record.identity, Skip) and record.identity in _WITHOUT:
        return replace(record, identity=identities.share(_sidecar(obj)))
    return record


def _sidecar(obj: Obj) -> Identity:
    metadata = obj["metadata"]
    service_account = (obj.get("spec") or {}).get("serviceAccountName") or "default"
    labels: dict[str, str] = dict(metadata.get("labels") or {})
    return Identity(
        type="sidecar",
        service_account=service_account,
        cluster_id="Kubernetes",
        domain=f"{metadata.get('namespace') or ''}.svc.cluster.local",
        network="",
        revision="",
        address="",
        version="",
        labels=labels,
        metadata={
            "CLUSTER_ID": "Kubernetes",
            "LABELS": labels,
            "SERVICE_ACCOUNT": service_account,
            "PROXY_CONFIG": {},
        },
        unresolved=(),
    )
