"""Which nodes kwok fakes, and what about them would spoil a test without anybody noticing."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pyload.kube.resources import Obj


ANNOTATION: Final = "kwok.x-k8s.io/node=fake"
"""What kwok's own manifests select nodes by."""

LEASES_NAMESPACE: Final = "kube-node-lease"

_ZONE: Final = "topology.kubernetes.io/zone"
_VERSION: Final = re.compile(r"v?[0-9]+(\.[0-9]+)*([-+~A-Za-z][0-9A-Za-z.+~-]*)?")


@dataclass(frozen=True, slots=True)
class NodeRule:
    """Tells kwok's nodes from others; a node must satisfy all that is given.

    Attributes:
        annotation: ``KEY=VALUE`` or ``KEY``, several with commas between; empty for any node.
        label_selector: Left to the API server, which then shows no other nodes; empty for any.
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
        """Tell whether a node's annotations are those of a kwok node."""
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


@dataclass(frozen=True, slots=True)
class NodeRecord:
    """What is kept of a node.

    Attributes:
        name: Name.
        uid: Names the node for ever.
        matches: Whether the rule says that it is kwok's.
        ready: Whether its Ready condition is true.
        zone: Its zone; may be empty.
        kubelet_version: As its status says; may be empty.
        runtime: Container runtime, as its status says; may be empty.
    """

    name: str
    uid: str
    matches: bool
    ready: bool
    zone: str
    kubelet_version: str
    runtime: str


def is_kwok(obj: Obj, rule: NodeRule) -> bool:
    """Tell whether a node that the rule's label selector has let through is kwok's."""
    return rule.matches(obj["metadata"].get("annotations") or {})


def read_node(obj: Obj, rule: NodeRule) -> NodeRecord:
    """Reduce a node to what is kept of it.

    Args:
        obj: The node as the API server gave it; not changed and not kept.
        rule: Tells whether it is kwok's.
    """
    metadata = obj["metadata"]
    status = obj.get("status") or {}
    info = status.get("nodeInfo") or {}
    conditions = status.get("conditions") or ()
    return NodeRecord(
        name=sys.intern(metadata["name"]),
        uid=metadata["uid"],
        matches=is_kwok(obj, rule),
        ready=any(each["type"] == "Ready" and each["status"] == "True" for each in conditions),
        zone=sys.intern((metadata.get("labels") or {}).get(_ZONE) or ""),
        kubelet_version=sys.intern(info.get("kubeletVersion") or ""),
        runtime=sys.intern(info.get("containerRuntimeVersion") or ""),
    )


def read_lease(obj: Obj) -> tuple[str, str]:
    """Give the node that a lease is of, and who holds it."""
    return obj["metadata"]["name"], (obj.get("spec") or {}).get("holderIdentity") or ""


def kubelets_among(nodes: Collection[str], leases: Iterable[tuple[str, str]]) -> set[str]:
    """Pick the nodes that a real kubelet runs.

    A kubelet holds its node's lease under the node's own name; kwok, under its host's name and a
    UUID.

    Args:
        nodes: Names of nodes.
        leases: Of each node its name and the holder of its lease.
    """
    return {node for node, holder in leases if node in nodes and holder == node}


def warnings(nodes: Iterable[NodeRecord], kubelets: Collection[str]) -> dict[str, str]:
    """Say what is wrong with the nodes.

    Args:
        nodes: All nodes.
        kubelets: Names of those that a real kubelet runs.

    Returns:
        One text for each thing that is wrong, by a key that stays the same as numbers change.
    """
    kwok = [node for node in nodes if node.matches]
    real = [node.name for node in kwok if node.name in kubelets]
    suspect = [
        node for node in kwok if "://" in node.runtime and node.name not in kubelets and node.ready
    ]
    unreadable = [node for node in kwok if node.ready and not is_version(node.kubelet_version)]
    zoneless = [node.name for node in kwok if not node.zone]
    found: dict[str, str] = {}
    if real:
        found["kubelet"] = (
            f"{_several(real)} marked as kwok's, but a real kubelet holds the lease: "
            "pods there have real proxies, and get none from here"
        )
    if suspect:
        found["runtime"] = (
            f"{_several([node.name for node in suspect])} marked as kwok's, but the container "
            f"runtime is {suspect[0].runtime}: if a real kubelet runs there, its pods now have "
            "two proxies each"
        )
    if unreadable:
        found["version"] = (
            f"{_several([node.name for node in unreadable])} of kubelet version "
            f"{unreadable[0].kubelet_version!r}, which istiod cannot read: it gives all new pods "
            "of the cluster classic sidecars instead of native ones; set "
            "status.nodeInfo.kubeletVersion to one such as v1.34.0"
        )
    if zoneless and len(zoneless) < len(kwok):
        found["zone"] = (
            f"{_several(zoneless)} without a zone while others have one: "
            f"istiod takes a proxy's locality from its node's label {_ZONE}"
        )
    return found


def is_version(text: str) -> bool:
    """Tell whether istiod can read a kubelet's version, as it cannot ``kwok-0.9.0``."""
    return _VERSION.fullmatch(text) is not None


def _several(names: list[str]) -> str:
    shown = f"node {names[0]}" if len(names) == 1 else f"{len(names)} nodes, as {names[0]},"
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
