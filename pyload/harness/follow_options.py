"""How the pods of a cluster are followed: the options of ``--cluster-type kwok``."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pyload.errors import UsageError
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

    def selection(self, address: str) -> str:
        """Return which pods are followed, as the run's Lease names them for other runs.

        Args:
            address: The control plane of all proxies; empty for the one that each pod names.
        """
        nodes = "*" if self.all_nodes else self.node_selector
        routes = ",".join(f"{old}={new}" for old, new in sorted(self.addresses.items()))
        return json.dumps([str(self.shard), nodes, self.pod_selector, address, routes])


def follow_the_same(one: str, other: str) -> bool:
    """Return whether two selections have pods in common, so that each of these has two proxies.

    Only shards are compared by what they hold. Of selectors that differ it is not known.
    """
    try:
        (shard, *rest), (other_shard, *other_rest) = json.loads(one), json.loads(other)
        overlap = Shard.parse(str(shard)).overlaps(Shard.parse(str(other_shard)))
    except (ValueError, TypeError, UsageError):
        # Another version of pyload may write something else.
        return False
    return overlap and rest == other_rest
