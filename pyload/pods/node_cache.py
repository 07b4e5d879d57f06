"""Nodes as last seen, the names of the pods on each, and the class of each.

A pod may be seen before its node and may outlive it, so an entry exists for as long as there is
either a node or a pod of its name. A deleted node keeps its class for a grace period, since it may
come back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.pods.nodes import NodeClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.pods.nodes import NodeRecord


@dataclass(slots=True)
class Node:
    """A node, or the name of one that pods are on.

    Attributes:
        record: The node as last seen; None while it is unknown or gone.
        kwok: Whether the node is kwok's, or has been at any time since it was made.
        gone: Whether the node was deleted and its grace period is over.
        gone_at: When the grace period of a deleted node is over.
        pods: UIDs of the pods on it.
    """

    record: NodeRecord | None = None
    kwok: bool = False
    gone: bool = False
    gone_at: float | None = None
    pods: set[str] = field(default_factory=set)


class NodeCache:
    """Nodes by name, including those that only pods name.

    Attributes:
        kubelets: Names of the nodes that a real kubelet runs.
    """

    def __init__(self) -> None:
        self.kubelets: frozenset[str] = frozenset()
        self._nodes: dict[str, Node] = {}

    def get(self, name: str) -> Node | None:
        """Return a node if its name is known."""
        return self._nodes.get(name)

    def upsert(self, record: NodeRecord) -> None:
        """Record a node that exists."""
        node = self._nodes.setdefault(record.name, Node())
        same = node.record is not None and node.record.uid == record.uid
        node.kwok = record.matches or (node.kwok and same)
        node.record, node.gone, node.gone_at = record, False, None

    def mark_deleted(self, name: str, until: float) -> bool:
        """Record that a node was deleted; return whether its grace period begins with that."""
        node = self._nodes.get(name)
        if node is None or node.record is None or node.gone_at is not None:
            return False
        node.gone_at = until
        return True

    def give_up(self, name: str) -> None:
        """End a deleted node's grace period; call `forget` after its pods were decided anew."""
        node = self._nodes[name]
        node.record, node.kwok, node.gone, node.gone_at = None, False, True, None

    def forget(self, name: str) -> None:
        """Drop a name under which there is neither a node nor a pod."""
        node = self._nodes.get(name)
        if node is not None and node.record is None and not node.pods:
            del self._nodes[name]

    def move_pod(self, uid: str, old: str, new: str) -> None:
        """Move a pod from one node to another; an empty name stands for no node."""
        if old:
            self._nodes[old].pods.discard(uid)
            self.forget(old)
        if new:
            self._nodes.setdefault(new, Node()).pods.add(uid)

    def pods_on(self, name: str) -> frozenset[str]:
        """Return the UIDs of the pods on a node."""
        node = self._nodes.get(name)
        return frozenset() if node is None else frozenset(node.pods)

    def class_of(self, name: str) -> NodeClass:
        """Return the class of a node."""
        node = self._nodes.get(name)
        if node is None:
            return NodeClass.UNKNOWN
        if node.record is None:
            return NodeClass.GONE if node.gone else NodeClass.UNKNOWN
        if not node.kwok:
            return NodeClass.OTHER
        return NodeClass.KUBELET if name in self.kubelets else NodeClass.KWOK

    def records(self) -> Iterator[NodeRecord]:
        """Iterate over the nodes that exist or may come back."""
        return (node.record for node in self._nodes.values() if node.record is not None)

    def deleted(self) -> Iterator[tuple[str, Node]]:
        """Iterate over the deleted nodes that may come back."""
        return ((name, node) for name, node in self._nodes.items() if node.gone_at is not None)

    def marked(self) -> set[str]:
        """Return the names of nodes marked as kwok's, those with a real kubelet included."""
        return {name for name, node in self._nodes.items() if node.kwok and node.record}
