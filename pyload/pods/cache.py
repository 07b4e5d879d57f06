"""All nodes and pods as last seen, and the proxies that should run because of them.

The cache joins two tables: what a node is (`NodeCache`) decides about the pods on it (`PodTable`).
Each method that records an event returns `Changes`, the proxies to stop and to start because of it;
the cache itself starts nothing, and the time is an argument of every event. Whatever the order in
which nodes and pods are seen, the same proxies should run in the end.

Two things follow from time alone: a proxy whose pod is being deleted has drained, or a deleted node
has not come back. `PodCache.due` says when that happens next, and `PodCache.tick` makes it happen.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from pyload.pods.desired import Policy
from pyload.pods.node_cache import NodeCache
from pyload.pods.nodes import NodeClass, NodeRule, read_node
from pyload.pods.pod_table import Changes, PodTable
from pyload.pods.reader import MeshPods, skipped_pod
from pyload.pods.reasons import Skip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.kube.resources import Obj
    from pyload.pods.nodes import NodeRecord
    from pyload.pods.reader import PodRecord
    from pyload.proxies.spec import ProxySpec
    from pyload.report.followed_pods import FollowedPods


class PodCache:
    """Nodes and pods, joined.

    Args:
        rule: How kwok's nodes are told from others.
        policy: Which pods the user wants proxies for.
        reader: Reads pods as proxies; by default, as those that Istio has put into them.

    Attributes:
        rule: The rule.
        policy: The policy.
        nodes: The nodes; to be read, not changed.
        pods: The pods; to be read, not changed.
    """

    def __init__(
        self,
        rule: NodeRule | None = None,
        policy: Policy | None = None,
        reader: MeshPods | None = None,
    ) -> None:
        self.rule = rule or NodeRule()
        self.policy = policy or Policy()
        self._reader = reader or MeshPods()
        self.nodes = NodeCache()
        self.pods = PodTable(self._reader, self.policy)
        # When deleted nodes are gone for good, as pairs with their names.
        self._graces: list[tuple[float, str]] = []

    def read_node(self, obj: Obj) -> NodeRecord:
        """Reduce a node to what is kept of it."""
        return read_node(obj, self.rule)

    def read_pod(self, obj: Obj) -> PodRecord:
        """Reduce a pod to what is kept of it, and one of another shard to nearly nothing."""
        if self.policy.shard.owns(obj["metadata"]["uid"]):
            return self._reader.read(obj)
        return skipped_pod(obj, Skip.OTHER_SHARD)

    def replace_nodes(self, records: Iterable[NodeRecord], now: float) -> Changes:
        """Record all nodes that exist."""
        changes = Changes([], [])
        listed = {record.name: record for record in records}
        for known in list(self.nodes.records()):
            if known.name not in listed:
                self._remove_node(known.name, now, changes)
        for record in listed.values():
            self._upsert_node(record, now, changes)
        return changes

    def node_event(self, type_: str, record: NodeRecord, now: float) -> Changes:
        """Record one change of a node: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        changes = Changes([], [])
        if type_ == "DELETED":
            self._remove_node(record.name, now, changes)
        else:
            self._upsert_node(record, now, changes)
        return changes

    def set_kubelets(self, names: Iterable[str], now: float) -> Changes:
        """Record the names of the nodes that a real kubelet runs."""
        changes = Changes([], [])
        names = frozenset(names)
        differing = self.nodes.kubelets ^ names
        self.nodes.kubelets = names
        for name in sorted(differing):
            self._decide_pods_on(name, now, changes)
        return changes

    def replace_pods(
        self, records: Iterable[PodRecord], now: float, *, source: str = ""
    ) -> Changes:
        """Record all pods that a watch shows."""
        changes = Changes([], [])
        listed = {record.uid: record for record in records}
        for uid in self.pods.shown_by(source):
            if uid not in listed:
                self._remove_pod(uid, now, changes)
        for record in listed.values():
            self._upsert_pod(record, source, now, changes, witnessed=record.uid in self.pods)
        return changes

    def pod_event(self, type_: str, record: PodRecord, now: float, *, source: str = "") -> Changes:
        """Record one change of a pod: ``ADDED``, ``MODIFIED`` or ``DELETED``.

        ``DELETED`` may mean only that a watch's selector no longer matches the pod.
        """
        changes = Changes([], [])
        if type_ != "DELETED":
            self._upsert_pod(record, source, now, changes, witnessed=True)
        elif self.pods.source_of(record.uid) == source:
            self._remove_pod(record.uid, now, changes)
        return changes

    def spec(self, uid: str) -> ProxySpec:
        """Return the proxy of a pod that should have one, from pod and node as last seen."""
        node = self.nodes.get(self.pods.node_of(uid))
        record = None if node is None else node.record
        return self.pods.spec(uid, locality="" if record is None else record.locality)

    @property
    def due(self) -> float | None:
        """When `tick` has something to do; None while nothing waits for time to pass."""
        grace = self._graces[0][0] if self._graces else None
        drained = self.pods.next_drained
        return min((at for at in (grace, drained) if at is not None), default=None)

    def tick(self, now: float) -> Changes:
        """Stop proxies that have drained, and give up nodes that did not come back."""
        changes = Changes([], [])
        for uid in self.pods.drained(now):
            self._decide_pod(uid, now, changes)
        while self._graces and self._graces[0][0] <= now:
            at, name = heapq.heappop(self._graces)
            node = self.nodes.get(name)
            if node is not None and node.gone_at == at:
                self._give_up_node(name, now, changes)
        return changes

    def resume(self, now: float) -> None:
        """Begin the grace periods of deleted nodes anew, because nothing was seen for a while."""
        for name, node in self.nodes.deleted():
            node.gone_at = now + self.policy.node_grace
            heapq.heappush(self._graces, (node.gone_at, name))

    def counts(self) -> FollowedPods:
        """Count everything."""
        marked = self.nodes.marked()
        kwok = sum(self.nodes.class_of(name) is NodeClass.KWOK for name in marked)
        return self.pods.counter.counts(
            nodes=None if self.policy.any_node else kwok, pods=len(self.pods)
        )

    def _upsert_node(self, record: NodeRecord, now: float, changes: Changes) -> None:
        before = self.nodes.class_of(record.name)
        self.nodes.upsert(record)
        if self.nodes.class_of(record.name) is not before:
            self._decide_pods_on(record.name, now, changes)

    def _remove_node(self, name: str, now: float, changes: Changes) -> None:
        until = now + self.policy.node_grace
        if not self.nodes.mark_deleted(name, until):
            return
        if until > now:
            heapq.heappush(self._graces, (until, name))
        else:
            self._give_up_node(name, now, changes)

    def _give_up_node(self, name: str, now: float, changes: Changes) -> None:
        self.nodes.give_up(name)
        self._decide_pods_on(name, now, changes)
        self.nodes.forget(name)

    def _upsert_pod(
        self, record: PodRecord, source: str, now: float, changes: Changes, *, witnessed: bool
    ) -> None:
        before = self.pods.node_of(record.uid)
        if before != record.node:
            self.nodes.move_pod(record.uid, before, record.node)
        self.pods.upsert(record, source, now, witnessed=witnessed)
        self._decide_pod(record.uid, now, changes)

    def _remove_pod(self, uid: str, now: float, changes: Changes) -> None:
        node = self.pods.node_of(uid)
        self.pods.remove(uid, now, changes)
        self.nodes.move_pod(uid, node, "")

    def _decide_pods_on(self, node: str, now: float, changes: Changes) -> None:
        for uid in sorted(self.nodes.pods_on(node)):
            self._decide_pod(uid, now, changes)

    def _decide_pod(self, uid: str, now: float, changes: Changes) -> None:
        node = NodeClass.ANY
        if not self.policy.any_node:
            node = self.nodes.class_of(self.pods.node_of(uid))
        self.pods.decide(uid, node, now, changes)
