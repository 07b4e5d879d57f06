"""The pods that proxies follow, in kwok mode and by ``pyload impersonate``: part of the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.report.latency import Latency, latency_text

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class FollowedPods:
    """The pods of a cluster at one moment, with the times that they had to wait so far.

    Attributes:
        nodes: Nodes that are kwok's; None where nodes do not matter.
        nodes_synced: Whether a list of nodes has ever succeeded; None where nodes do not matter.
        pods_synced: Whether the lists of pods have ever succeeded. If not, the cluster may have
            pods although none is counted here.
        list_error: Why the last attempt at such a list failed; empty once all have succeeded.
        pods: Pods that were looked at and still exist.
        running: Pods whose proxy should run, those that drain included.
        queued: Pods whose proxy should run and has not been started yet.
        waiting: Pods that will get a proxy, by what is missing.
        skipped: Pods that get no proxy, by reason.
        types: Proxies that should run, by node type.
        revisions: Proxies that should run, by revision of the control plane.
        namespaces: Proxies that should run, by namespace.
        duplicate_ips: IPs that several of the pods with a proxy have.
        too_short: Pods that ended within a second of when their proxy should have started, ever.
        from_ip: Time from the moment a pod's IP was seen until its proxy was configured.
        from_ready: Time from the moment a pod was seen to be Ready until its proxy was configured.
    """

    nodes: int | None = 0
    nodes_synced: bool | None = True
    pods_synced: bool = True
    list_error: str = ""
    pods: int = 0
    running: int = 0
    queued: int = 0
    waiting: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)
    revisions: Mapping[str, int] = field(default_factory=dict)
    namespaces: Mapping[str, int] = field(default_factory=dict)
    duplicate_ips: int = 0
    too_short: int = 0
    from_ip: Latency = field(default_factory=Latency)
    from_ready: Latency = field(default_factory=Latency)

    def rows(self) -> list[tuple[str, str]]:
        """Return the lines of the summary, as names and texts."""
        if not self.pods_synced:
            missing = "nodes" if self.nodes_synced is False else "pods"
            error = f": {self.list_error}" if self.list_error else ""
            return [("pods", f"not known, as {missing} were never listed{error}")]
        queued = f", {self.queued:,} of them queued" if self.queued else ""
        nodes = "" if self.nodes is None else f" on {self.nodes:,} kwok nodes"
        pods = f"{self.pods:,}{nodes}, {self.running:,} with a proxy{queued}"
        rows = [("pods", pods), ("by type", _pairs(self.types))]
        if len(self.namespaces) > 1:
            rows.append(("by namespace", _pairs(self.namespaces)))
        if len(self.revisions) > 1:
            rows.append(("by revision", _pairs(self.revisions)))
        rows += [("waiting", _pairs(self.waiting)), ("skipped", _pairs(self.skipped))]
        if self.duplicate_ips:
            rows.append(("shared IPs", f"{self.duplicate_ips:,}"))
        if self.too_short:
            rows.append(("too short-lived", f"{self.too_short:,} pods"))
        rows.append(("config from IP", latency_text(self.from_ip)))
        rows.append(("config from Ready", latency_text(self.from_ready)))
        return rows


def _pairs(counts: Mapping[str, int]) -> str:
    """Write the largest counts first, at most ten of them."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    texts = [f"{number:,} {name}" for name, number in ordered[:10] if number]
    if len(ordered) > 10:
        texts.append(f"{len(ordered) - 10:,} more")
    return ", ".join(texts) or "none"
