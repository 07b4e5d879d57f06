"""How the proxies of a fleet behave, beyond what the protocol demands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyload.xds.types import TypeUrl

DIALLING: Final = 512
"""Proxies that dial at the same time: a server's queue of new connections is finite."""

_BUCKETS: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class ProxyBehavior:
    """The behaviour of a fleet.

    Attributes:
        agent_types: Types that the agents beside the proxies ask for: NDS, PCDS.
        connect_rate: Dials per second at most; None for no limit.
        slow_fraction: Share of the proxies, 0 to 1, that read late: after each message they read
            no further for `read_delay`, so that the control plane must wait for them.
        read_delay: Seconds for which those read no further.
        nack_fraction: Share of the proxies, 0 to 1, that refuse every response but the first of
            each type and stream.
        dialling: Proxies that may be dialling at the same time.
    """

    agent_types: tuple[TypeUrl, ...] = ()
    connect_rate: float | None = None
    slow_fraction: float = 0.0
    read_delay: float = 1.0
    nack_fraction: float = 0.0
    dialling: int = DIALLING

    def shared_by(self, workers: int) -> ProxyBehavior:
        """Return the behavior of each of several fleets that together are to have this one."""
        rate = self.connect_rate
        return replace(
            self,
            connect_rate=None if rate is None else rate / workers,
            dialling=max(1, self.dialling // workers),
        )

    def is_slow(self, key: str) -> bool:
        """Return whether a proxy reads late, which depends on its key alone."""
        return _fraction(f"slow {key}") < self.slow_fraction

    def nacks(self, key: str) -> bool:
        """Return whether a proxy refuses responses, which depends on its key alone."""
        return _fraction(f"nack {key}") < self.nack_fraction


DEFAULT: Final = ProxyBehavior()


def _fraction(text: str) -> float:
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / _BUCKETS
