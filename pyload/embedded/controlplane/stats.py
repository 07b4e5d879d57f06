"""Counters of the embedded control plane."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Stats:
    """Counters of a control plane.

    Attributes:
        connections: Proxies connected now.
        accepted: Proxies that ever connected.
        pushes: Responses sent, by short type.
        nacks: Responses that proxies refused, by short type.
        rounds: Pushes begun, each for all proxies.
    """

    connections: int = 0
    accepted: int = 0
    pushes: Counter[str] = field(default_factory=Counter)
    nacks: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
