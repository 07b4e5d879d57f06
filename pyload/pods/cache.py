"""All nodes and pods as last seen, joined, and which pods should have a proxy because of that.

Nothing is done here: every change returns which proxies to stop and to start. Time comes in.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.pods.desired import OTHER_SHARD, RUN, TERMINATING, NodeClass, Policy, decide
from pyload.pods.node_cache import NodeCache
from pyload.pods.nodes import NodeRule, read_node, warnings
from pyload.pods.pod_counter import PodCounter, ProxyKind
from pyload.pods.reader import Identity, IdentityPool, PodRecord, Skip, read_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pyload.kube.resources import Obj
    from pyload.pods.desired import Decision
    from pyload.pods.nodes import NodeRecord
    from pyload.pods.pod_counter import PodCounts


SHORT_SECONDS: Final = 1.0
"""A pod that ends sooner than that has hardly been seen by the control plane."""

_UNRESOLVED: Final = 100


class Changes(NamedTuple):
    """What follows from an event: proxies to stop, and then proxies to start, by pod UID.

    A pod in both has changed its IP.
    """

    stop: list[str]
    start: list[str]


@dataclass(slots=True)
class _Pod:
    """A pod and its proxy.

    Attributes:
        record: As last seen.
        source: The watch that shows it.
        decision: What follows from that.
        kind: Under which its proxy is counted; None while it should have none.
        ip: Of its proxy.
        since: When its proxy should have started.
        stop_at: When a proxy that drains should stop.
        ip_at: When it was seen to get its IP, if that was seen.
        ready_at: When it was seen to become ready, if that was seen.
    """

    record: PodRecord
    source: str
    decision: Decision | None = None
    kind: ProxyKind | None = None
    ip: str = ""
    since: float = 0.0
    stop_at: float | None = None
    ip_at: float | None = None
    ready_at: float | None = None


class PodCache:
    """Nodes and pods, joined.

    Args:
        rule: Tells kwok's nodes from others.
        policy: What the user wants.
        read: Reduces a pod to what is kept of it.
    """

    def __init__(
        self,
        rule: NodeRule | None = None,
        policy: Policy | None = None,
        *,
        read: Callable[[Obj, IdentityPool], PodRecord] = read_pod,
    ) -> None:
        self._read = read
        self._rule = rule or NodeRule()
        self._policy = policy or Policy()
        self._nodes = NodeCache()
        self._pods: dict[str, _Pod] = {}
        self._identities = IdentityPool()
        self._counter = PodCounter()
        self._due: list[tuple[float, str, str]] = []
        self._unresolved: set[str] = set()

    def read_node(self, obj: Obj) -> NodeRecord:
        """Reduce a node to what is kept of it."""
        return read_node(obj, self._rule)

    def read_pod(self, obj: Obj) -> PodRecord:
        """Reduce a pod to what is kept of it, and one of another shard to nearly nothing."""
        metadata = obj["metadata"]
        if self._policy.shard.owns(metadata["uid"]):
            return self._read(obj, self._identities)
        return _of_other_shard(metadata["uid"], metadata["name"])

    def replace_nodes(self, records: Iterable[NodeRecord], now: float) -> Changes:
        """Take all nodes there are."""
        changes = Changes([], [])
        there = {record.name: record for record in records}
        for known in list(self._nodes.records()):
            if known.name not in there:
                self._lose_node(known.name, now, changes)
        for record in there.values():
            self._see_node(record, now, changes)
        return changes

    def node_event(self, type_: str, record: NodeRecord, now: float) -> Changes:
        """Take one change of a node: ``ADDED``, ``MODIFIED`` or ``DELETED``."""
        changes = Changes([], [])
        if type_ == "DELETED":
            self._lose_node(record.name, now, changes)
        else:
            self._see_node(record, now, changes)
        return changes

    def set_kubelets(self, names: Iterable[str], now: float) -> Changes:
        """Take the names of the nodes that a real kubelet runs."""
        changes = Changes([], [])
        names = frozenset(names)
        differing = self._nodes.kubelets ^ names
        self._nodes.kubelets = names
        for name in sorted(differing):
            self._settle_node(name, now, changes)
        return changes

    def replace_pods(
        self, records: Iterable[PodRecord], now: float, *, source: str = ""
    ) -> Changes:
        """Take all pods that a watch shows."""
        changes = Changes([], [])
        there = {record.uid: record for record in records}
        mine = [uid for uid, pod in self._pods.items() if pod.source == source]
        for uid in mine:
            if uid not in there:
                self._drop(uid, now, changes)
        for record in there.values():
            self._see_pod(record, source, now, changes, witnessed=record.uid in self._pods)
        return changes

    def pod_event(self, type_: str, record: PodRecord, now: float, *, source: str = "") -> Changes:
        """Take one change of a pod: ``ADDED``, ``MODIFIED`` or ``DELETED``.

        ``DELETED`` may mean only that a watch's selector no longer matches the pod.
        """
        changes = Changes([], [])
        if type_ != "DELETED":
            self._see_pod(record, source, now, changes, witnessed=True)
        elif record.uid in self._pods and self._pods[record.uid].source == source:
            self._drop(record.uid, now, changes)
        return changes

    @property
    def due(self) -> float | None:
        """When `tick` has something to do; None while nothing waits for time to pass."""
        return self._due[0][0] if self._due else None

    def tick(self, now: float) -> Changes:
        """Stop what has drained, and give up nodes that did not come back."""
        changes = Changes([], [])
        while self._due and self._due[0][0] <= now:
            at, name, uid = heapq.heappop(self._due)
            node, pod = self._nodes.get(name), self._pods.get(uid)
            if pod is not None and pod.stop_at == at:
                self._settle(pod, now, changes)
            elif node is not None and node.gone_at == at:
                self._give_up(name, now, changes)
        return changes

    def resume(self, now: float) -> None:
        """Begin the waits for lost nodes anew, because nothing was seen for a while."""
        for name, node in self._nodes.lost():
            node.gone_at = now + self._policy.node_grace
            heapq.heappush(self._due, (node.gone_at, name, ""))

    def wants(self, uid: str) -> bool:
        """Tell whether a pod should have a proxy now."""
        pod = self._pods.get(uid)
        return pod is not None and pod.kind is not None

    def wanted(self) -> set[str]:
        """Give the UIDs of all pods that should have a proxy now."""
        return {uid for uid, pod in self._pods.items() if pod.kind is not None}

    def pod(self, uid: str) -> PodRecord:
        """Give a pod that is known, as last seen."""
        return self._pods[uid].record

    def times(self, uid: str) -> tuple[float | None, float | None]:
        """Give when a pod was seen to get its IP and to become ready; None for what was not."""
        pod = self._pods.get(uid)
        return (None, None) if pod is None else (pod.ip_at, pod.ready_at)

    def is_kwok(self, node: str) -> bool:
        """Tell whether a node is known to be kwok's."""
        return self._nodes.class_of(node) is NodeClass.KWOK

    def marked_nodes(self) -> set[str]:
        """Name the nodes that are marked as kwok's, whoever runs them."""
        return self._nodes.marked()

    def decisions(self) -> Iterator[tuple[PodRecord, Decision]]:
        """Iterate over all pods with what was decided about them."""
        for pod in self._pods.values():
            assert pod.decision is not None
            yield pod.record, pod.decision

    def counts(self) -> PodCounts:
        """Count everything."""
        return self._counter.counts(
            nodes=sum(1 for _ in self._nodes.records()),
            kwok_nodes=sum(map(self.is_kwok, self._nodes.marked())),
            pods=len(self._pods),
        )

    def warnings(self) -> dict[str, str]:
        """Say what is wrong, by a key that stays the same as numbers change."""
        found: dict[str, str] = {}
        if not self._policy.any_node:
            nodes = list(self._nodes.records())
            found = warnings(nodes, self._nodes.kubelets)
            if not self._nodes.marked():
                found["nodes"] = (
                    f"none of {len(nodes)} nodes is kwok's ({self._rule}): "
                    "no proxy runs until one is"
                )
        # Pods in their node's network share its IP rightly.
        if self._counter.duplicate_ips and not self._policy.host_network:
            found["ips"] = (
                f"{self._counter.duplicate_ips} IPs belong to several pods: kwok forgets them when "
                "it is restarted, and hands out more than a node's podCIDR has"
            )
        if self._unresolved:
            found["environment"] = (
                "parts of the proxies' environment are in Secrets or ConfigMaps, or cannot be "
                f"read, and are left out: {', '.join(sorted(self._unresolved)[:5])}"
            )
        return found

    def _see_node(self, record: NodeRecord, now: float, changes: Changes) -> None:
        before = self._nodes.class_of(record.name)
        self._nodes.see(record)
        if self._nodes.class_of(record.name) is not before:
            self._settle_node(record.name, now, changes)

    def _lose_node(self, name: str, now: float, changes: Changes) -> None:
        until = now + self._policy.node_grace
        if not self._nodes.lose(name, until):
            return
        if until > now:
            heapq.heappush(self._due, (until, name, ""))
        else:
            self._give_up(name, now, changes)

    def _give_up(self, name: str, now: float, changes: Changes) -> None:
        self._nodes.give_up(name)
        self._settle_node(name, now, changes)
        self._nodes.forget(name)

    def _settle_node(self, name: str, now: float, changes: Changes) -> None:
        for uid in sorted(self._nodes.pods_on(name)):
            self._settle(self._pods[uid], now, changes)

    def _see_pod(
        self, record: PodRecord, source: str, now: float, changes: Changes, *, witnessed: bool
    ) -> None:
        pod = self._pods.get(record.uid)
        had_ip = was_ready = False
        if pod is None:
            pod = self._pods[record.uid] = _Pod(record, source)
            self._nodes.move(record.uid, "", record.node)
        else:
            had_ip, was_ready = bool(pod.record.ips), pod.record.ready
            if pod.record.node != record.node:
                self._nodes.move(record.uid, pod.record.node, record.node)
            pod.record, pod.source = record, source
        if witnessed and record.ips and not had_ip:
            pod.ip_at = now
        if witnessed and record.ready and not was_ready:
            pod.ready_at = now
        self._settle(pod, now, changes)

    def _drop(self, uid: str, now: float, changes: Changes) -> None:
        pod = self._pods.pop(uid)
        if pod.kind is not None:
            self._end(pod, now, changes)
        self._counter.decide(pod.decision, None)
        self._nodes.move(uid, pod.record.node, "")

    def _settle(self, pod: _Pod, now: float, changes: Changes) -> None:
        """Decide about a pod anew, and start or stop its proxy accordingly.

        A proxy that runs is not stopped because its pod is no longer ready, or lacks an IP for a
        moment.
        """
        record = pod.record
        any_node = self._policy.any_node
        node_class = NodeClass.ANY if any_node else self._nodes.class_of(record.node)
        decision = decide(record, node_class, self._policy)
        if decision is not pod.decision:
            self._counter.decide(pod.decision, decision)
            pod.decision = decision
        if pod.kind is None:
            if decision is RUN:
                self._start(pod, now, changes)
        elif isinstance(decision, Skip):
            if decision is TERMINATING and not record.killed and self._drains(pod, now):
                return
            self._end(pod, now, changes)
        elif decision is RUN and pod.ip != record.ip:
            self._stop(pod, changes)
            pod.ip_at = now
            self._start(pod, now, changes)

    def _drains(self, pod: _Pod, now: float) -> bool:
        """Tell whether a proxy whose pod is being deleted goes on for now."""
        if pod.stop_at is None:
            pod.stop_at = now + self._policy.drain
            heapq.heappush(self._due, (pod.stop_at, "", pod.record.uid))
        return now < pod.stop_at

    def _start(self, pod: _Pod, now: float, changes: Changes) -> None:
        record, identity = pod.record, pod.record.identity
        assert isinstance(identity, Identity)
        pod.kind = ProxyKind(identity.type, identity.revision, record.namespace)
        pod.ip, pod.since = record.ip, now
        self._counter.start(pod.kind, pod.ip)
        if len(self._unresolved) < _UNRESOLVED:
            self._unresolved.update(identity.unresolved)
        changes.start.append(record.uid)

    def _end(self, pod: _Pod, now: float, changes: Changes) -> None:
        """Stop the proxy of a pod that ends."""
        self._counter.too_short += now - pod.since < SHORT_SECONDS
        self._stop(pod, changes)

    def _stop(self, pod: _Pod, changes: Changes) -> None:
        assert pod.kind is not None
        self._counter.stop(pod.kind, pod.ip)
        pod.kind, pod.ip, pod.stop_at = None, "", None
        changes.stop.append(pod.record.uid)


def _of_other_shard(uid: str, name: str) -> PodRecord:
    return PodRecord(
        uid=uid,
        namespace="",
        name=name,
        node="",
        ips=(),
        phase="",
        ready=False,
        terminating=False,
        killed=False,
        host_network=False,
        owner="",
        identity=OTHER_SHARD,
    )
