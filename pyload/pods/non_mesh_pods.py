"""Pods outside of the mesh, read as if each had a sidecar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.pods.identity import Identity
from pyload.pods.reader import MeshPods
from pyload.pods.reasons import Skip
from pyload.xds.node import SIDECAR

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from pyload.pods.reader import PodRecord

_WITHOUT_PROXY: Final = frozenset(
    {Skip.HOST_NETWORK, Skip.NOT_A_PROXY, Skip.OPTED_OUT, Skip.PROXY_MISSING}
)
"""Reasons of pods that have no proxy at all; proxies of an unknown kind stay left out."""


class AllPods(MeshPods):
    """Reads pods of the mesh as their proxies, and all others as sidecars.

    Such a sidecar sends the metadata that pilot-load sends, and has the pod's own service account.
    """

    def read(self, pod: Obj) -> PodRecord:
        """Reduce a pod to what is kept of it, with a sidecar if it has no proxy."""
        record = super().read(pod)
        if isinstance(record.identity, Skip) and record.identity in _WITHOUT_PROXY:
            return replace(record, identity=self.identities.share(_sidecar(pod)))
        return record


def _sidecar(pod: Obj) -> Identity:
    metadata = pod["metadata"]
    service_account = (pod.get("spec") or {}).get("serviceAccountName") or "default"
    labels: dict[str, str] = dict(metadata.get("labels") or {})
    return Identity(
        type=SIDECAR,
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
