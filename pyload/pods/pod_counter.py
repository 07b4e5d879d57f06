"""Figures about pods and their proxies, kept up to date instead of counted when asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pyload.pods.desired import Wait
from pyload.pods.reader import Skip

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.pods.desired import Decision


class ProxyKind(NamedTuple):
    """What proxies are counted by."""

    type: str
    revision: str
    namespace: str


@dataclass(frozen=True, slots=True)
class PodCounts:
    """The cache at one moment.

    Attributes:
        nodes: Nodes that are known.
        kwok_nodes: Those of them that are kwok's.
        pods: Pods that are known.
        skipped: Pods that get no proxy, by reason.
        waiting: Pods that will get one, by what is missing.
        wanted: Pods that should have a proxy now, those that drain included.
        types: Those pods by node type.
        revisions: Those pods by revision of the control plane.
        namespaces: Those pods by namespace.
        duplicate_ips: IPs that several of those pods have.
        too_short: Pods that ended within a second of when their proxy should have started, ever.
    """

    nodes: int
    kwok_nodes: int
    pods: int
    skipped: Mapping[str, int]
    waiting: Mapping[str, int]
    wanted: int
    types: Mapping[str, int]
    revisions: Mapping[str, int]
    namespaces: Mapping[str, int]
    duplicate_ips: int
    too_short: int


class PodCounter:
    """PodCounts pods by what was decided about them, and proxies by kind and IP.

    Attributes:
        duplicate_ips: IPs that several pods with a proxy have.
        too_short: Pods that hardly lived, ever.
    """

    def __init__(self) -> None:
        self.duplicate_ips = 0
        self.too_short = 0
        self._decisions: Counter[Decision] = Counter()
        self._kinds: Counter[ProxyKind] = Counter()
        self._ips: Counter[str] = Counter()

    def decide(self, before: Decision | None, after: Decision | None) -> None:
        """Count a pod under another decision; None before it is known and after it is gone."""
        if before is not None:
            self._decisions[before] -= 1
        if after is not None:
            self._decisions[after] += 1

    def start(self, kind: ProxyKind, ip: str) -> None:
        """Count a proxy that should run."""
        self._kinds[kind] += 1
        self._ips[ip] += 1
        self.duplicate_ips += self._ips[ip] == 2

    def stop(self, kind: ProxyKind, ip: str) -> None:
        """Count out a proxy that should no longer run."""
        self._kinds[kind] -= 1
        if not self._kinds[kind]:
            del self._kinds[kind]
        self._ips[ip] -= 1
        self.duplicate_ips -= self._ips[ip] == 1
        if not self._ips[ip]:
            del self._ips[ip]

    def counts(self, *, nodes: int, kwok_nodes: int, pods: int) -> PodCounts:
        """Give all figures, together with those that are known elsewhere."""
        decided = +self._decisions
        return PodCounts(
            nodes=nodes,
            kwok_nodes=kwok_nodes,
            pods=pods,
            skipped={one.reason: n for one, n in decided.items() if isinstance(one, Skip)},
            waiting={one.reason: n for one, n in decided.items() if isinstance(one, Wait)},
            wanted=self._kinds.total(),
            types=self._by(0),
            revisions=self._by(1),
            namespaces=self._by(2),
            duplicate_ips=self.duplicate_ips,
            too_short=self.too_short,
        )

    def _by(self, field: int) -> dict[str, int]:
        totals: Counter[str] = Counter()
        for kind, count in self._kinds.items():
            totals[kind[field]] += count
        return dict(totals)
