"""Nodes and pods of a cluster, and whether the nodes spoil injection.

The facts are small records, so that a cluster of many thousand pods fits in memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyload.commands.doctor.findings import NOT_ASKED, Unknown, ok, unknown, warning
from pyload.pods.cluster_warnings import is_version
from pyload.pods.nodes import NodeRecord, NodeRule, read_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyload.commands.doctor.control_plane import IstiodPod
    from pyload.commands.doctor.findings import Finding
    from pyload.kube.resources import Obj

_MINOR: Final = re.compile(r"v?\d+\.(\d+)")
_NATIVE_FROM: Final = 33
"""Minor version of the kubelets from which on istiod injects native sidecars by itself."""

_NATIVE_SIDECARS: Final = "ENABLE_NATIVE_SIDECARS"

Sidecar = Literal["", "classic", "native"]


@dataclass(frozen=True, slots=True)
class Node:
    """A node.

    Attributes:
        record: What pyload's follower keeps of a node.
        cidrs: Ranges of its pods' addresses.
        room: Pods that it takes; 0 if it does not say.
        fake: Whether it looks like one of kwok's, whatever its annotations.
    """

    record: NodeRecord
    cidrs: tuple[str, ...] = ()
    room: int = 0
    fake: bool = False


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that has a node.

    Attributes:
        name: Namespace and name.
        node: Its node.
        ip: Its address; empty if it has none, or its node's.
        phase: Its phase.
        sidecar: In which of its lists of containers ``istio-proxy`` is; empty for neither.
    """

    name: str
    node: str
    ip: str = ""
    phase: str = ""
    sidecar: Sidecar = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterFacts:
    """What is known of a cluster.

    Attributes:
        nodes: All nodes.
        leases: Pairs of a node's name and the holder of its lease.
        pods: Pods that have a node and have not ended.
        stages: Kinds for which kwok has stages in the cluster.
        istiods: Pods of istiod.
    """

    nodes: Sequence[Node] | Unknown
    leases: Sequence[tuple[str, str]] | Unknown = ()
    pods: Sequence[Pod] | Unknown = ()
    stages: frozenset[str] | Unknown = NOT_ASKED
    istiods: Sequence[IstiodPod] | Unknown = ()


def read(obj: Obj) -> Node:
    """Reduce a node to what the checks need."""
    record = read_node(obj, NodeRule())
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    cidrs = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
    room = str((status.get("allocatable") or status.get("capacity") or {}).get("pods") or "")
    multiplier = {"k": 1_000, "M": 1_000_000}.get(room[-1:], 1)
    digits = room.rstrip("kM")
    labels = obj["metadata"].get("labels") or {}
    taints = {str(one.get("key")) for one in spec.get("taints") or ()}
    return Node(
        record,
        tuple(map(str, cidrs)),
        int(digits) * multiplier if digits.isdecimal() else 0,
        fake=labels.get("type") == "kwok"
        or "kwok.x-k8s.io/node" in taints
        or record.kubelet_version.startswith("kwok"),
    )


def read_pod(obj: Obj) -> Pod:
    """Reduce a pod to what the checks need."""
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    sidecar: Sidecar = ""
    if _has_proxy(spec.get("containers")):
        sidecar = "classic"
    elif _has_proxy(spec.get("initContainers")):
        sidecar = "native"
    return Pod(
        f"{metadata.get('namespace')}/{metadata['name']}",
        str(spec.get("nodeName") or ""),
        "" if spec.get("hostNetwork") else str(status.get("podIP") or ""),
        str(status.get("phase") or ""),
        sidecar,
    )


def _has_proxy(containers: Iterable[Obj] | None) -> bool:
    return any(one.get("name") == "istio-proxy" for one in containers or ())


def injection_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Yield whether the versions of the nodes decide the form of new sidecars by surprise.

    Istiod gives a pod that has no node yet a native sidecar only if the kubelets of all nodes are
    new enough, as far as it can read their versions.
    """
    if isinstance(facts.nodes, Unknown):
        yield unknown("node versions", f"nodes cannot be listed: {facts.nodes.why}")
        return
    forced = _forced(facts)
    if forced:
        yield ok("node versions", f"istiod has {_NATIVE_SIDECARS}={forced}, whatever the nodes are")
        return
    old, unreadable, new = list[str](), list[str](), list[str]()
    for node in facts.nodes:
        name, version = node.record.name, node.record.kubelet_version
        found = _MINOR.match(version) if is_version(version) else None
        kind = unreadable if found is None else new if int(found[1]) >= _NATIVE_FROM else old
        kind.append(f"{name} ({version or 'none'})")
    if unreadable:
        yield warning(
            "node versions",
            f"istiod cannot read the kubelet version of {some(unreadable)}: it gives all new "
            "pods of the cluster classic sidecars",
            "set status.nodeInfo.kubeletVersion to one such as v1.34.0, or "
            f"{_NATIVE_SIDECARS}=true on istiod",
        )
    elif old and new:
        yield warning(
            "node versions",
            f"{are(old)} older than 1.{_NATIVE_FROM}: istiod gives new pods of all "
            f"{len(facts.nodes)} nodes classic sidecars",
            f"upgrade, or set {_NATIVE_SIDECARS}=true on istiod",
        )
    elif facts.nodes:
        form = "native" if new else "classic"
        yield ok("node versions", f"new pods get {form} sidecars on all {len(facts.nodes)} nodes")
    else:
        yield ok("node versions", "there are no nodes yet")


def _forced(facts: ClusterFacts) -> str:
    for pod in () if isinstance(facts.istiods, Unknown) else facts.istiods:
        value = pod.environment.get(_NATIVE_SIDECARS, "")
        if value not in ("", "auto"):
            return value
    return ""


def some(names: Sequence[str]) -> str:
    """Return the first of several names, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def are(names: Sequence[str]) -> str:
    """Return the same with its verb."""
    return f"{some(names)} {'is' if len(names) == 1 else 'are'}"
