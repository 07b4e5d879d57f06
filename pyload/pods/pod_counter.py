"""Counts of pods and their proxies, kept up to date with each event.

A run asks for them several times a second, so they are not counted over all pods each time.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from pyload.pods.reasons import Skip, Wait
from pyload.report.followed_pods import FollowedPods

if TYPE_CHECKING:
    from pyload.pods.desired import Decision


class ProxyKind(NamedTuple):
    """The properties by which proxies are counted."""

    type: str
    revision: str
    namespace: str


class PodCounter:
    """Counts pods by what was decided about them, and proxies by kind and IP.

    Attributes:
        duplicate_ips: IPs that several pods with a proxy have.
        too_short: Pods that ended within a second of when their proxy should have started, ever.
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
        """Stop counting a proxy that should no longer run."""
        self._kinds[kind] -= 1
        if not self._kinds[kind]:
            del self._kinds[kind]
        self._ips[ip] -= 1
        self.duplicate_ips -= self._ips[ip] == 1
        if not self._ips[ip]:
            del self._ips[ip]

    def counts(self, *, nodes: int | None, pods: int) -> FollowedPods:
        """Return all counts, together with those of nodes and pods."""
        decided = +self._decisions
        return FollowedPods(
            nodes=nodes,
            pods=pods,
            running=self._kinds.total(),
            waiting={one.value: n for one, n in decided.items() if isinstance(one, Wait)},
            skipped={one.value: n for one, n in decided.items() if isinstance(one, Skip)},
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
