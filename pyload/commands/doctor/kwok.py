"""Kwok's traps: what spoils a test with it, without an error anywhere."""

from __future__ import annotations

import ipaddress
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pyload.commands.doctor.cluster import are
from pyload.commands.doctor.findings import Unknown, ok, problem, unknown, warning
from pyload.pods.cluster_warnings import node_warnings
from pyload.pods.nodes import ANNOTATION, kubelets_among

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyload.commands.doctor.cluster import ClusterFacts, Node
    from pyload.commands.doctor.findings import Finding

_STAGES: Final = "https://github.com/kubernetes-sigs/kwok/releases/download/v0.8.0/stage-fast.yaml"
_DEFAULT_RANGE: Final = "10.0.0.0/24"
"""What kwok takes the addresses of nodes without a podCIDR from, unless it is told otherwise."""


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
            f"{are(_names(lookalikes))} like kwok's, but without the annotation {ANNOTATION}: "
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
            f"{are(_names(idle))} not Ready: kwok does not run, or does not manage them",
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
    """Yield which ranges of addresses are too narrow, or overlap.

    Kwok counts addresses by range: nodes of the same one, or of none, share them. It goes on behind
    the end of a range, and does not see that another node's begins there.
    """
    sharing: dict[str, list[Node]] = {}
    for node in marked:
        sharing.setdefault(_range(node.cidrs), []).append(node)
    for cidr, nodes in sharing.items():
        room = sum(node.room for node in nodes)
        size = ipaddress.ip_network(cidr or _DEFAULT_RANGE).num_addresses - 1
        if room > size:
            where = f"the podCIDR {cidr}" if cidr else f"kwok's own range ({_DEFAULT_RANGE})"
            yield warning(
                "pod CIDRs",
                f"{are(_names(nodes))} in {where}: {size:,} addresses for up to {room:,} pods; "
                "those beyond get addresses of other ranges",
                "give each node a podCIDR that is wide enough, or lower its allocatable pods",
            )
    ranges = sorted(ipaddress.IPv4Network(cidr) for cidr in sharing if cidr)
    for first, second in pairwise(ranges):
        if first.overlaps(second):
            yield warning(
                "pod CIDRs",
                f"the podCIDRs {first} and {second} overlap: pods will share IPs",
                "give nodes podCIDRs that do not overlap",
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
            f"{are(stuck)} Pending on kwok's nodes: they get a proxy once kwok runs them",
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


def _range(cidrs: Sequence[str]) -> str:
    """Return the range of a node's IPv4 addresses; empty if it has none of its own."""
    for cidr in cidrs:
        try:
            return str(ipaddress.IPv4Network(cidr, strict=False))
        except ValueError:
            continue
    return ""


def _names(nodes: Sequence[Node]) -> list[str]:
    return [node.record.name for node in nodes]
