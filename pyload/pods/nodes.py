"""Nodes as far as pods' proxies depend on them: which are kwok's, and which have a real kubelet.

A node is kwok's if it satisfies the user's `NodeRule`. A real kubelet may run such a node all the
same; it then holds the node's lease, and the pods there have real proxies.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.kube.resources import has_condition
from pyload.xds.agent import locality_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pyload.kube.resources import Obj


ANNOTATION: Final = "kwok.x-k8s.io/node=fake"
"""The annotation by which kwok's own manifests select nodes."""

LEASES_NAMESPACE: Final = "kube-node-lease"

ZONE: Final = "topology.kubernetes.io/zone"


@dataclass(frozen=True, slots=True)
class NodeRule:
    """How kwok's nodes are told from others; a node must satisfy both parts.

    Attributes:
        annotation: ``KEY=VALUE`` or ``KEY``, several with commas between; empty for any node.
        label_selector: Sent to the API server, which then shows no other nodes; empty for any.
    """

    annotation: str = ANNOTATION
    label_selector: str = ""

    def __post_init__(self) -> None:
        for term in self._terms():
            if not term or term.startswith("=") or "!" in term or " in " in term:
                raise UsageError(
                    f"{self.annotation!r} does not select annotations",
                    fix=f"give KEY=VALUE, as in {ANNOTATION}",
                )

    def _terms(self) -> list[str]:
        return [term.strip() for term in self.annotation.split(",")] if self.annotation else []

    def matches(self, annotations: Mapping[str, str]) -> bool:
        """Return whether a node's annotations are those of a kwok node."""
        for term in self._terms():
            key, has_value, value = term.partition("=")
            if key not in annotations or (has_value and annotations[key] != value.lstrip("=")):
                return False
        return True

    def __str__(self) -> str:
        parts = []
        if self.annotation:
            parts.append(f"annotation {self.annotation}")
        if self.label_selector:
            parts.append(f"label {self.label_selector}")
        return " and ".join(parts) or "all nodes"


class NodeClass(Enum):
    """What a pod's node is.

    A node stays kwok's until it is deleted, even if it no longer looks like one, because kwok
    itself goes on with it. Where nodes do not matter, each is `ANY`.
    """

    UNKNOWN = auto()
    KWOK = auto()
    OTHER = auto()
    KUBELET = auto()
    GONE = auto()
    ANY = auto()


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What is kept of a node.

    Attributes:
        name: Name.
        uid: Names the node for ever.
        matches: Whether the node is kwok's by the rule.
        ready: Whether the node's Ready condition is true.
        zone: Zone; may be empty.
        locality: Region, zone and sub-zone, with a slash between each; may be empty.
        kubelet_version: As its status says; may be empty.
        runtime: Container runtime, as its status says; may be empty.
    """

    name: str
    uid: str
    matches: bool
    ready: bool
    zone: str
    locality: str
    kubelet_version: str
    runtime: str


def read_node(obj: Obj, rule: NodeRule) -> NodeRecord:
    """Reduce a node to what is kept of it.

    Args:
        obj: The node as the API server sent it; neither changed nor kept.
        rule: Decides whether the node is kwok's.
    """
    metadata = obj["metadata"]
    status = obj.get("status") or {}
    info = status.get("nodeInfo") or {}
    labels = metadata.get("labels") or {}
    return NodeRecord(
        name=sys.intern(metadata["name"]),
        uid=metadata["uid"],
        matches=rule.matches(metadata.get("annotations") or {}),
        ready=has_condition(obj),
        zone=sys.intern(labels.get(ZONE) or ""),
        locality=sys.intern(locality_of(labels)),
        kubelet_version=sys.intern(info.get("kubeletVersion") or ""),
        runtime=sys.intern(info.get("containerRuntimeVersion") or ""),
    )


def read_lease(obj: Obj) -> tuple[str, str]:
    """Return a lease's node and its holder."""
    return obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity") or ""


def kubelets_among(nodes: Collection[str], leases: Iterable[tuple[str, str]]) -> set[str]:
    """Return those of some nodes that a real kubelet runs.

    A kubelet holds its node's lease under the node's own name; kwok, under its host's name and a
    UUID.

    Args:
        nodes: Names of nodes.
        leases: Pairs of a node's name and the holder of its lease.
    """
    return {node for node, holder in leases if node in nodes and holder == node}
