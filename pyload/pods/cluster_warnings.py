"""What about a cluster's nodes and pods would spoil a test without anybody noticing.

Each warning is a rule of its own. Its key stays the same as the numbers in its text change, so that
the follower logs it once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyload.pods.nodes import ZONE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pyload.pods.cache import PodCache
    from pyload.pods.nodes import NodeRecord

_VERSION: Final = re.compile(r"v?[0-9]+(\.[0-9]+)*([-+~A-Za-z][0-9A-Za-z.+~-]*)?")


def cluster_warnings(cache: PodCache) -> dict[str, str]:
    """Return what is wrong with nodes and pods, by key."""
    found: dict[str, str] = {}
    if not cache.policy.any_node:
        nodes = list(cache.nodes.records())
        found = node_warnings(nodes, cache.nodes.kubelets)
        if not cache.nodes.marked():
            found["nodes"] = (
                f"none of {len(nodes)} nodes is kwok's ({cache.rule}): no proxy runs until one is"
            )
    shared_ips = cache.pods.counter.duplicate_ips
    # Pods in their node's network share its IP rightly.
    if shared_ips and not cache.policy.host_network:
        found["ips"] = (
            f"{shared_ips} IPs belong to several pods: kwok forgets them when "
            "it is restarted, and hands out more than a node's podCIDR has"
        )
    if cache.pods.unresolved:
        found["environment"] = (
            "parts of the proxies' environment are in Secrets or ConfigMaps, or cannot be "
            f"read, and are left out: {', '.join(sorted(cache.pods.unresolved)[:5])}"
        )
    return found


def node_warnings(nodes: Iterable[NodeRecord], kubelets: Collection[str]) -> dict[str, str]:
    """Return what is wrong with nodes, by key.

    Args:
        nodes: All nodes.
        kubelets: Names of those that a real kubelet runs.
    """
    kwok = [node for node in nodes if node.matches]
    texts = {key: rule(kwok, kubelets) for key, rule in _NODE_RULES}
    return {key: text for key, text in texts.items() if text}


def is_version(text: str) -> bool:
    """Return whether istiod can read a kubelet's version, as it cannot ``kwok-0.9.0``."""
    return _VERSION.fullmatch(text) is not None


def _real_kubelet(kwok: list[NodeRecord], kubelets: Collection[str]) -> str:
    real = [node.name for node in kwok if node.name in kubelets]
    if not real:
        return ""
    return (
        f"{_several(real)} marked as kwok's, but a real kubelet holds the lease: "
        "pods there have real proxies, and get none from here"
    )


def _container_runtime(kwok: list[NodeRecord], kubelets: Collection[str]) -> str:
    suspect = [
        node for node in kwok if "://" in node.runtime and node.name not in kubelets and node.ready
    ]
    if not suspect:
        return ""
    return (
        f"{_several([node.name for node in suspect])} marked as kwok's, but the container "
        f"runtime is {suspect[0].runtime}: if a real kubelet runs there, its pods now have "
        "two proxies each"
    )


def _kubelet_version(kwok: list[NodeRecord], _: Collection[str]) -> str:
    unreadable = [node for node in kwok if node.ready and not is_version(node.kubelet_version)]
    if not unreadable:
        return ""
    return (
        f"{_several([node.name for node in unreadable])} of kubelet version "
        f"{unreadable[0].kubelet_version!r}, which istiod cannot read: it gives all new pods "
        "of the cluster classic sidecars instead of native ones; set "
        "status.nodeInfo.kubeletVersion to one such as v1.34.0"
    )


def _missing_zone(kwok: list[NodeRecord], _: Collection[str]) -> str:
    zoneless = [node.name for node in kwok if not node.zone]
    if not zoneless or len(zoneless) == len(kwok):
        return ""
    return (
        f"{_several(zoneless)} without a zone while others have one: "
        f"istiod takes a proxy's locality from its node's label {ZONE}"
    )


_NODE_RULES: Final[tuple[tuple[str, Callable[[list[NodeRecord], Collection[str]], str]], ...]] = (
    ("kubelet", _real_kubelet),
    ("runtime", _container_runtime),
    ("version", _kubelet_version),
    ("zone", _missing_zone),
)
"""Each returns its text for kwok's nodes and the names of those that a kubelet runs, or nothing."""


def _several(names: list[str]) -> str:
    shown = f"node {names[0]}" if len(names) == 1 else f"{len(names)} nodes, as {names[0]},"
    return f"{shown} {'is' if len(names) == 1 else 'are'}"
