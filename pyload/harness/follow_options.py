"""How the pods of a cluster are followed: the options of ``--cluster-type kwok``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pyload.manifests.kwok import Placement
from pyload.pods.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowOptions:
    """Which pods are followed, and when their proxies start.

    Attributes:
        node_selector: Label selector of kwok's nodes; empty to go by their annotation.
        all_nodes: Whether every node is kwok's.
        pod_selector: Label selector of the pods that are looked at; None for Istio's own, empty
            for all.
        namespace: Namespace of the pods that are looked at; empty for all.
        start_on: Whether a pod's proxy starts with its IP or when the pod is Ready.
        shard: The share of the pods to run.
        addresses: Addresses to use instead of those that pods name.
        dry_run: List what would run, and run nothing.
        stages: How the embedded kwok moves pods on.
        placement: Nodes that the pods of a config go to.
    """

    node_selector: str = ""
    all_nodes: bool = False
    pod_selector: str | None = None
    namespace: str = ""
    start_on: Literal["ip", "ready"] = "ip"
    shard: Shard = field(default_factory=Shard)
    addresses: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    stages: Literal["fast", "general"] = "fast"
    placement: Placement = field(default_factory=Placement)
