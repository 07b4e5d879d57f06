"""How the proxies of a fleet behave, beyond what the protocol demands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyload.xds.types import TypeUrl

DIALLING: Final = 512
"""A server's queue of connections is finite."""

_BUCKETS: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class ProxyBehavior:
    """The behaviour of a fleet.

    Attributes:
        agent_types: Types that the agents beside the proxies ask for: NDS, PCDS.
        connect_rate: Dials per second at most; None for no limit.
        slow_fraction: Share of the proxies, 0 to 1, that read late: their windows stay closed for
            `read_delay` after each message, so that the control plane must wait for them.
        read_delay: Seconds that those wait before they read on.
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
        """Give the habits of each of so many fleets that together are to have these."""
        rate = self.connect_rate
        return replace(
            self,
            connect_rate=None if rate is None else rate / workers,
            dialling=max(1, self.dialling // workers),
        )

    def is_slow(self, key: str) -> bool:
        """Tell whether a proxy reads late: the same proxies whenever they start."""
        return _share(f"slow {key}") < self.slow_fraction

    def refuses(self, key: str) -> bool:
        """Tell whether a proxy refuses responses: the same proxies whenever they start."""
        return _share(f"nack {key}") < self.nack_fraction


DEFAULT: Final = ProxyBehavior()


def _share(text: str) -> float:
    digest = hashlib.blake2b(text.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / _BUCKETS
