"""A part of a run, whose figures are the differences between its beginning and its end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pyload.report.istiods import IstiodsMark

if TYPE_CHECKING:
    from pyload.report.convergence import Convergence
    from pyload.report.generator import Usage
    from pyload.report.metrics import Snapshot


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the figures of a run were at some moment.

    Attributes:
        at: The moment, in seconds from the start of the run.
        snapshot: The counters.
        usage: What the main process had used.
        reconnects: Reconnects of proxies.
        refusals: Streams that were refused for their rate.
        istiods: How far the control plane was at the last reading of its metrics.
        convergence: What probes had measured, in a run with some.
    """

    at: float
    snapshot: Snapshot
    usage: Usage
    reconnects: int
    refusals: int
    istiods: IstiodsMark = field(default_factory=IstiodsMark)
    convergence: Convergence | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a run in which it held a number of proxies.

    Attributes:
        added: When the first of the proxies was added that were not there before.
        held: When all of them were ready. Their first configuration, their connections and their
            objects are counted from `added` on, and everything else from here.
    """

    added: Mark
    held: Mark

    def until(self, now: Mark) -> Snapshot:
        """Return what was counted in it until now."""
        whole = now.snapshot.since(self.added.snapshot)
        return replace(
            now.snapshot.since(self.held.snapshot),
            first_config=whole.first_config,
            connect=whole.connect,
            objects=whole.objects,
        )
