"""Pods as last seen, what was decided about each, and the proxies that should run for them.

A pod's entry changes in two steps. `PodTable.upsert` records what a watch shows, with the times at
which the pod got its IP and became ready. `PodTable.decide` then decides anew with the class of the
pod's node, and adds what follows to `Changes`. A proxy whose pod is being deleted drains first: the
table remembers until when, and `PodTable.drained` returns the pods whose time is over.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from pyload.pods.desired import RUN, decide
from pyload.pods.identity import Identity
from pyload.pods.pod_counter import PodCounter, ProxyKind
from pyload.pods.reasons import Skip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.pods.desired import Decision, Policy
    from pyload.pods.nodes import NodeClass
    from pyload.pods.reader import MeshPods, PodRecord
    from pyload.proxies.spec import ProxySpec

SHORT_SECONDS: Final = 1.0
"""The control plane has hardly seen a pod that ends sooner than that."""

_UNRESOLVED: Final = 100
"""Parts of environments that are remembered at most, of which a warning names a few."""


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
        record: The pod as last seen.
        source: The watch that shows it.
        decision: What follows from both; None until the first decision.
        kind: The kind under which its proxy is counted; None while it should have none.
        ip: The proxy's IP.
        since: When its proxy should have started.
        stop_at: When a proxy that drains should stop.
        ip_at: When the pod was seen to get its IP, if that was seen.
        ready_at: When the pod was seen to become ready, if that was seen.
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


class PodTable:
    """All pods that are known, by UID.

    Args:
        reader: Makes proxies of pods.
        policy: Which pods the user wants proxies for.

    Attributes:
        counter: Counts pods by decision, and proxies by kind.
        unresolved: Parts of proxies' environments that could not be resolved.
    """

    def __init__(self, reader: MeshPods, policy: Policy) -> None:
        self.counter = PodCounter()
        self.unresolved: set[str] = set()
        self._reader = reader
        self._policy = policy
        self._pods: dict[str, _Pod] = {}
        # When proxies that drain should stop, as pairs with their pods' UIDs.
        self._drains: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def node_of(self, uid: str) -> str:
        """Return the name of a pod's node; empty for a pod that is unknown or not scheduled."""
        pod = self._pods.get(uid)
        return "" if pod is None else pod.record.node

    def source_of(self, uid: str) -> str | None:
        """Return the watch that shows a pod; None for an unknown one."""
        pod = self._pods.get(uid)
        return None if pod is None else pod.source

    def shown_by(self, source: str) -> list[str]:
        """Return the UIDs of the pods that a watch shows."""
        return [uid for uid, pod in self._pods.items() if pod.source == source]

    def wants(self, uid: str) -> bool:
        """Return whether a pod should have a proxy now."""
        pod = self._pods.get(uid)
        return pod is not None and pod.kind is not None

    def wanted(self) -> set[str]:
        """Return the UIDs of all pods that should have a proxy now."""
        return {uid for uid, pod in self._pods.items() if pod.kind is not None}

    def spec(self, uid: str, *, locality: str = "") -> ProxySpec:
        """Return the proxy of a pod that should have one, from the pod as last seen.

        Args:
            uid: The pod.
            locality: Where its node stands.
        """
        return self._reader.to_spec(self._pods[uid].record, locality=locality)

    def times(self, uid: str) -> tuple[float | None, float | None]:
        """Return when a pod was seen to get its IP and to become ready; None for what was not."""
        pod = self._pods.get(uid)
        return (None, None) if pod is None else (pod.ip_at, pod.ready_at)

    def decisions(self) -> Iterator[tuple[PodRecord, Decision]]:
        """Iterate over all pods with what was decided about them."""
        for pod in self._pods.values():
            assert pod.decision is not None
            yield pod.record, pod.decision

    def upsert(self, record: PodRecord, source: str, now: float, *, witnessed: bool) -> None:
        """Record a pod as a watch shows it; call `decide` after that.

        Args:
            record: The pod.
            source: The watch.
            now: The time.
            witnessed: Whether what is new about the pod has happened just now.
        """
        pod = self._pods.get(record.uid)
        had_ip = was_ready = False
        if pod is None:
            pod = self._pods[record.uid] = _Pod(record, source)
        else:
            had_ip, was_ready = bool(pod.record.ips), pod.record.ready
            pod.record, pod.source = record, source
        if witnessed and record.ips and not had_ip:
            pod.ip_at = now
        if witnessed and record.ready and not was_ready:
            pod.ready_at = now

    def remove(self, uid: str, now: float, changes: Changes) -> None:
        """Forget a pod that is gone, and end its proxy."""
        pod = self._pods.pop(uid)
        if pod.kind is not None:
            self._end(pod, now, changes)
        self.counter.decide(pod.decision, None)

    def decide(self, uid: str, node: NodeClass, now: float, changes: Changes) -> None:
        """Decide about a pod anew, and start or stop its proxy accordingly.

        A proxy that runs is not stopped because its pod is no longer ready, or lacks an IP for a
        moment.

        Args:
            uid: The pod.
            node: Class of its node.
            now: The time.
            changes: Receives what follows.
        """
        pod = self._pods[uid]
        record = pod.record
        decision = decide(record, node, self._policy)
        if decision is not pod.decision:
            self.counter.decide(pod.decision, decision)
            pod.decision = decision
        if pod.kind is None:
            if decision is RUN:
                self._start(pod, now, changes)
        elif isinstance(decision, Skip):
            if decision is Skip.TERMINATING and not record.killed and self._is_draining(pod, now):
                return
            self._end(pod, now, changes)
        elif decision is RUN and pod.ip != record.ip:
            self._stop(pod, changes)
            pod.ip_at = now
            self._start(pod, now, changes)

    @property
    def next_drained(self) -> float | None:
        """When `drained` has something to return at the earliest."""
        return self._drains[0][0] if self._drains else None

    def drained(self, now: float) -> list[str]:
        """Return, once, the pods whose proxies have drained; call `decide` for each."""
        uids = []
        while self._drains and self._drains[0][0] <= now:
            at, uid = heapq.heappop(self._drains)
            pod = self._pods.get(uid)
            if pod is not None and pod.stop_at == at:
                uids.append(uid)
        return uids

    def _is_draining(self, pod: _Pod, now: float) -> bool:
        """Return whether a proxy whose pod is being deleted goes on for now."""
        if pod.stop_at is None:
            pod.stop_at = now + self._policy.drain
            heapq.heappush(self._drains, (pod.stop_at, pod.record.uid))
        return now < pod.stop_at

    def _start(self, pod: _Pod, now: float, changes: Changes) -> None:
        record, identity = pod.record, pod.record.identity
        assert isinstance(identity, Identity)
        pod.kind = ProxyKind(identity.type, identity.revision, record.namespace)
        pod.ip, pod.since = record.ip, now
        self.counter.start(pod.kind, pod.ip)
        if len(self.unresolved) < _UNRESOLVED:
            self.unresolved.update(identity.unresolved)
        changes.start.append(record.uid)

    def _end(self, pod: _Pod, now: float, changes: Changes) -> None:
        """Stop the proxy of a pod that ends."""
        self.counter.too_short += now - pod.since < SHORT_SECONDS
        self._stop(pod, changes)

    def _stop(self, pod: _Pod, changes: Changes) -> None:
        assert pod.kind is not None
        self.counter.stop(pod.kind, pod.ip)
        pod.kind, pod.ip, pod.stop_at = None, "", None
        changes.stop.append(pod.record.uid)
