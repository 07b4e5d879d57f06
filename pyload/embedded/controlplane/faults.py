"""Faults of the embedded control plane, by which tests see what pyload makes of them."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class PushFaults:
    """What goes wrong with pushes; answers to requests are as ever.

    Attributes:
        delay: Seconds by which pushes to a tenth of the proxies are late.
        delayed: The names of those proxies: every tenth that has connected.
        left_out: The names of proxies that are pushed nothing, from the moment that they are here.
    """

    delay: float = 0.0
    delayed: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    _seen: set[str] = field(default_factory=set)

    def joined(self, name: str) -> None:
        """Handle a proxy that has connected."""
        if name not in self._seen:
            self._seen.add(name)
            if len(self._seen) % 10 == 0:
                self.delayed.add(name)

    def delay_of(self, name: str) -> float | None:
        """Return the seconds by which a push to a proxy is late; None if it gets none."""
        if name in self.left_out:
            return None
        return self.delay if name in self.delayed else 0.0
