"""The pods of meshes that pyload has made, whose proxies ran in pyload and not in the pods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyload.manifests.objects import RUN_LABEL
from pyload.manifests.pods import PROXY
from pyload.pods.identity import assumed_identity
from pyload.pods.reasons import Skip
from pyload.xds.node import NODE_TYPES

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from pyload.pods.reader import PodRecord


def with_fake_proxy(record: PodRecord, pod: Obj) -> PodRecord:
    """Return a record with the proxy that pyload ran for the pod, as that introduced itself.

    Where an injector has put a real proxy into the pod, or pyload ran none, the record stays as it
    is. What follows a cluster must not use this: the proxy may be running at this moment.

    Args:
        record: What was read of the pod.
        pod: The pod as the API server sent it; neither changed nor kept.
    """
    metadata = pod["metadata"]
    type_ = (metadata.get("annotations") or {}).get(PROXY)
    if type_ not in NODE_TYPES or not isinstance(record.identity, Skip):
        return record
    labels = {name: text for name, text in metadata["labels"].items() if name != RUN_LABEL}
    return replace(record, identity=assumed_identity(pod, type_=type_, labels=labels))
