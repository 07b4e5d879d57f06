"""Nodes as last seen, the pods on each, and what each is for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.pods.desired import NodeClass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.pods.nodes import NodeRecord


@dataclass(slots=True)
class Node:
    """A node, or the name of one that pods are on.

    Attributes:
        record: None while it is unknown or gone.
        kwok: Whether it is kwok's, or has been at any time since it was made.
        gone: Whether it was deleted, and the time for its return is over.
        gone_at: When that time is over.
        pods: UIDs of the pods on it.
    """

    record: NodeRecord | None = None
    kwok: bool = False
    gone: bool = False
    gone_at: float | None = None
    pods: set[str] = field(default_factory=set)


class NodeCache:
    """Nodes by name, those included that only pods know of.

    Attributes:
        kubelets: Names of the nodes that a real kubelet runs.
    """

    def __init__(self) -> None:
        self.kubelets: frozenset[str] = frozenset()
        self._nodes: dict[str, Node] = {}

    def get(self, name: str) -> Node | None:
        """Give a node, if its name is known."""
        return self._nodes.get(name)

    def see(self, record: NodeRecord) -> None:
        """Take a node that is there."""
        node = self._nodes.setdefault(record.name, Node())
        same = node.record is not None and node.record.uid == record.uid
        node.kwok = record.matches or (node.kwok and same)
        node.record, node.gone, node.gone_at = record, False, None

    def lose(self, name: str, until: float) -> bool:
        """Take a node that was deleted; True if it now has until then to come back."""
        node = self._nodes.get(name)
        if node is None or node.record is None or node.gone_at is not None:
            return False
        node.gone_at = until
        return True

    def give_up(self, name: str) -> None:
        """Take a lost node as gone; call `forget` when its pods know."""
        node = self._nodes[name]
        node.record, node.kwok, node.gone, node.gone_at = None, False, True, None

    def forget(self, name: str) -> None:
        """Drop a name under which there is neither a node nor a pod."""
        node = self._nodes.get(name)
        if node is not None and node.record is None and not node.pods:
            del self._nodes[name]

    def move(self, uid: str, old: str, new: str) -> None:
        """Take a pod from one node to another; an empty name is no node."""
        if old:
            self._nodes[old].pods.discard(uid)
            self.forget(old)
        if new:
            self._nodes.setdefault(new, Node()).pods.add(uid)

    def pods_on(self, name: str) -> frozenset[str]:
        """Give the UIDs of the pods on a node."""
        node = self._nodes.get(name)
        return frozenset() if node is None else frozenset(node.pods)

    def class_of(self, name: str) -> NodeClass:
        """Tell what a node is."""
        node = self._nodes.get(name)
        if node is None:
            return NodeClass.UNKNOWN
        if node.record is None:
            return NodeClass.GONE if node.gone else NodeClass.UNKNOWN
        if not node.kwok:
            return NodeClass.OTHER
        return NodeClass.KUBELET if name in self.kubelets else NodeClass.KWOK

    def records(self) -> Iterator[NodeRecord]:
        """Iterate over the nodes that are there, or may come back."""
        return (node.record for node in self._nodes.values() if node.record is not None)

    def lost(self) -> Iterator[tuple[str, Node]]:
        """Iterate over the nodes that may come back."""
        return ((name, node) for name, node in self._nodes.items() if node.gone_at is not None)

    def marked(self) -> set[str]:
        """Name the nodes that are marked as kwok's, whoever runs them."""
        return {name for name, node in self._nodes.items() if node.kwok and node.record}
