"""How often a run measures how long a change takes to reach its proxies, and by which change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pyload.errors import UsageError
from pyload.report.convergence_tracker import TIMEOUT_SECONDS
from pyload.units import Duration

if TYPE_CHECKING:
    from pyload.mesh.changes import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeOptions:
    """When a run writes probes, and what.

    Attributes:
        interval: Seconds from one probe to the next; 0 for none, None for what the config says.
        kind: Kind of the object that a probe writes.
        timeout: Seconds after which a probe counts as never there.
    """

    interval: float | None = None
    kind: Kind = "ServiceEntry"
    timeout: float = TIMEOUT_SECONDS

    @classmethod
    def parse(cls, text: str, *, kind: Kind = "ServiceEntry") -> Self:
        """Read the text of ``--probe``: a duration, or ``none``; empty for what the config says.

        Raises:
            UsageError: It is neither.
        """
        if not text:
            return cls(kind=kind)
        if text == "none":
            return cls(interval=0.0, kind=kind)
        try:
            interval = Duration.parse(text).seconds
        except ValueError:
            interval = -1.0
        if interval < 0:
            raise UsageError(
                f"--probe {text!r} is not an interval", fix="write for example 10s, or none"
            )
        return cls(interval=interval, kind=kind)

    def seconds(self, configured: Duration | None = None) -> float:
        """Return the seconds from one probe to the next; 0 for none.

        Args:
            configured: What the config says, where there is one.
        """
        if self.interval is not None:
            return self.interval
        return configured.seconds if configured is not None else 0.0
