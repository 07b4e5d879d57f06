"""What about a cluster's nodes and pods spoils injection, or a test with kwok.

The facts are small records, so that a cluster of many thousand pods fits in memory.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyload.commands.doctor.findings import NOT_ASKED, Unknown, ok, problem, unknown, warning
from pyload.pods.cluster_warnings import is_version, node_warnings
from pyload.pods.nodes import ANNOTATION, NodeRecord, NodeRule, kubelets_among, read_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pyload.commands.doctor.control_plane import IstiodPod
    from pyload.commands.doctor.findings import Finding
    from pyload.kube.resources import Obj

_MINOR: Final = re.compile(r"v?\d+\.(\d+)")
_NATIVE_FROM: Final = 33
"""Minor version of the kubelets from which on istiod injects native sidecars by itself."""

_NATIVE_SIDECARS: Final = "ENABLE_NATIVE_SIDECARS"
_STAGES: Final = "https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/stage-fast.yaml"

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
            f"istiod cannot read the kubelet version of {_some(unreadable)}: it gives all new "
            "pods of the cluster classic sidecars",
            "set status.nodeInfo.kubeletVersion to one such as v1.34.0, or "
            f"{_NATIVE_SIDECARS}=true on istiod",
        )
    elif old and new:
        yield warning(
            "node versions",
            f"{_are(old)} older than 1.{_NATIVE_FROM}: istiod gives new pods of all "
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


def kwok_findings(facts: ClusterFacts, *, wanted: bool) -> Iterator[Finding]:
    """Yield kwok's traps that a cluster is in; nothing for one without kwok.

    Args:
        facts: What is known of the cluster.
        wanted: Whether a run with kwok is meant, so that there have to be such nodes.
    """
    if isinstance(facts.nodes, Unknown):
        if wanted:
            yield unknown("kwok nodes", f"nodes cannot be listed: {facts.nodes.why}")
        return
    marked = [node for node in facts.nodes if node.record.matches]
    lookalikes = [node for node in facts.nodes if node.fake and not node.record.matches]
    if not (marked or lookalikes or wanted):
        return
    if lookalikes:
        yield warning(
            "kwok nodes",
            f"{_are(_names(lookalikes))} like kwok's, but without the annotation {ANNOTATION}: "
            "their pods get no proxy",
            "annotate them, or run with --node-selector LABELS or --all-nodes",
        )
    if not marked:
        yield _no_nodes(facts.nodes)
        return
    yield from _nodes(marked, facts)
    yield from _addresses(marked)
    yield from _pods(marked, facts)


def _no_nodes(nodes: Sequence[Node]) -> Finding:
    return warning(
        "kwok nodes",
        f"none of {len(nodes)} nodes is kwok's ({ANNOTATION}): no proxy runs until one is",
        "create some (docs/kwok.md), let -c do so, or give --node-selector or --all-nodes",
    )


def _nodes(marked: Sequence[Node], facts: ClusterFacts) -> Iterator[Finding]:
    idle = [node for node in marked if not node.record.ready]
    if idle:
        yield warning(
            "kwok",
            f"{_are(_names(idle))} not Ready: kwok does not run, or does not manage them",
            "start kwok's controller with --manage-nodes-with-annotation-selector="
            f"{ANNOTATION} (its manifest does), and look at its log",
        )
    else:
        yield ok("kwok", f"kwok keeps all of its {len(marked)} nodes Ready")
    if isinstance(facts.stages, Unknown):
        yield unknown("kwok stages", f"its stages are not in the cluster: {facts.stages.why}")
    elif "Pod" not in facts.stages:
        yield warning(
            "kwok stages",
            "there is no stage for pods: they stay Pending and get no IP",
            f"kubectl apply -f {_STAGES}",
        )
    kubelets: set[str] = set()
    if isinstance(facts.leases, Unknown):
        yield unknown("kubelets", f"leases of nodes cannot be listed: {facts.leases.why}")
    else:
        kubelets = kubelets_among({node.record.name for node in marked}, facts.leases)
    # What istiod makes of versions is a finding of its own.
    texts = node_warnings([node.record for node in marked], kubelets)
    for key, text in texts.items():
        if key != "version":
            yield warning("kwok nodes", text)
    on_kwok = {
        pod.name: pod.node
        for pod in (() if isinstance(facts.istiods, Unknown) else facts.istiods)
        if pod.node in {node.record.name for node in marked}
    }
    for name, node in on_kwok.items():
        yield problem(
            "istiod",
            f"istiod's pod {name} is on kwok's node {node}, where nothing runs",
            "taint kwok's nodes (kwok.x-k8s.io/node=fake:NoSchedule) and delete the pod",
        )


def _addresses(marked: Sequence[Node]) -> Iterator[Finding]:
    shared = Counter(cidr for node in marked for cidr in node.cidrs)
    twice = sorted(cidr for cidr, count in shared.items() if count > 1)
    if twice:
        yield warning(
            "pod CIDRs",
            f"several of kwok's nodes have the podCIDR {_some(twice)}: they hand out the same "
            "addresses until they learn of each other's",
            "give each node a podCIDR of its own",
        )
    without = [node for node in marked if not node.cidrs]
    if len(without) > 1 and sum(node.room for node in without) > 254:
        yield warning(
            "pod CIDRs",
            f"{_are(_names(without))} without a podCIDR: they share kwok's (10.0.0.0/24 by "
            "default) and go beyond it from the 255th pod on",
            "give the nodes podCIDRs, or kwok a wider --cidr",
        )
    small = [node for node in marked if 0 < _size(node.cidrs) < node.room]
    if small:
        yield warning(
            "pod CIDRs",
            f"the podCIDR of {_some(_names(small))} is smaller than the pods that fit: "
            f"{_size(small[0].cidrs)} addresses for {small[0].room:,}; kwok goes on into the "
            "next node's",
            "give nodes wider podCIDRs, or lower their allocatable pods",
        )


def _pods(marked: Sequence[Node], facts: ClusterFacts) -> Iterator[Finding]:
    if isinstance(facts.pods, Unknown):
        yield unknown("kwok pods", f"pods cannot be listed: {facts.pods.why}")
        return
    names = {node.record.name for node in marked}
    there = [pod for pod in facts.pods if pod.node in names]
    addresses = Counter(pod.ip for pod in there if pod.ip)
    twice = sorted(ip for ip, count in addresses.items() if count > 1)
    if twice:
        yield warning(
            "pod addresses",
            f"{len(twice)} IPs belong to several pods, as {twice[0]}: kwok forgets them when it is "
            "restarted, and hands out more than a podCIDR has",
            "delete the pods that share an IP",
        )
    stuck = [pod.name for pod in there if pod.phase == "Pending"]
    if stuck:
        yield warning(
            "kwok pods",
            f"{_are(stuck)} Pending on kwok's nodes: they get a proxy once kwok runs them",
            "see that kwok runs and has its stages, and that no pod waits for a volume",
        )
    forms = Counter(pod.sidecar for pod in there)
    if there and not (forms["native"] or forms["classic"]):
        yield warning(
            "sidecars",
            f"none of {len(there)} pods on kwok's nodes has a sidecar, and so none gets a proxy",
            "label their namespaces istio-injection=enabled, and create the pods anew",
        )
    else:
        yield ok(
            "sidecars",
            f"of {len(there)} pods on kwok's nodes {forms['native']} have a native and "
            f"{forms['classic']} a classic sidecar",
        )


def _size(cidrs: Sequence[str]) -> int:
    """Return the number of a node's IPv4 addresses; 0 if it has none of its own."""
    for cidr in cidrs:
        try:
            network = ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            continue
        if network.version == 4:
            return network.num_addresses - 2
    return 0


def _names(nodes: Sequence[Node]) -> list[str]:
    return [node.record.name for node in nodes]


def _some(names: Sequence[str]) -> str:
    """Return the first of several names, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _are(names: Sequence[str]) -> str:
    """Return the same with its verb."""
    return f"{_some(names)} {'is' if len(names) == 1 else 'are'}"
