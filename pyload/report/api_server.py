"""How the API server took a run's requests: part of the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyload.report.latency import Latency

if TYPE_CHECKING:
    from pyload.report.metrics import Snapshot

_TOO_MANY = "429"


@dataclass(frozen=True, slots=True)
class ApiServer:
    """How the API server took the run's requests.

    Attributes:
        write: Time from sending a write until its answer, without the wait for pyload's own limit.
        throttled: Requests that the API server refused because there were too many (429).
        overloaded: Requests that the API server refused because it has too much to do (503).
    """

    write: Latency = field(default_factory=Latency)
    throttled: int = 0
    overloaded: int = 0

    @classmethod
    def of(cls, snapshot: Snapshot) -> ApiServer:
        """Return the figures of a run, or of a span of it."""
        refusals = snapshot.api_refusals
        throttled = refusals.get(_TOO_MANY, 0)
        return cls(
            write=Latency.of(snapshot.api_writes),
            throttled=throttled,
            overloaded=sum(refusals.values()) - throttled,
        )
