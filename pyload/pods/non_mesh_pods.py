"""Pods outside of the mesh, read as if each had a sidecar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pyload.pods.identity import assumed_identity
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
    """Reads pods of the mesh as their proxies, and all others as sidecars."""

    def read(self, pod: Obj) -> PodRecord:
        """Reduce a pod to what is kept of it, with a sidecar if it has no proxy."""
        record = super().read(pod)
        if isinstance(record.identity, Skip) and record.identity in _WITHOUT_PROXY:
            labels: dict[str, str] = dict(pod["metadata"].get("labels") or {})
            identity = assumed_identity(pod, type_=SIDECAR, labels=labels)
            return replace(record, identity=self.identities.share(identity))
        return record
