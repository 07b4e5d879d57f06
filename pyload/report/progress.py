"""How far a run is, as one line."""

from __future__ import annotations

from dataclasses import dataclass

from pyload.units import Duration


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is.

    Attributes:
        phase: Name of the present phase, such as ``starting``.
        elapsed: Seconds since the start.
        objects: Objects in the API server now.
        wanted: Proxies that should run.
        connected: Wanted proxies that have a stream.
        configured: Connected proxies that have all their config.
        pushes: Pushes received so far.
    """

    phase: str
    elapsed: float
    objects: int = 0
    wanted: int = 0
    connected: int = 0
    configured: int = 0
    pushes: int = 0

    def __str__(self) -> str:
        elapsed = Duration(round(self.elapsed) * 1_000_000_000)
        parts = [f"{self.phase} {elapsed}"]
        if self.objects:
            parts.append(f"{self.objects:,} objects")
        if self.wanted:
            parts.append(f"{self.connected:,}/{self.wanted:,} proxies connected")
            parts.append(f"{self.configured:,} configured")
            parts.append(f"{self.pushes:,} pushes")
        return ", ".join(parts)
