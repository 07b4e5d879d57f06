"""What the embedded control plane counts, and its page of metrics under istiod's names.

The page has only what is true of this control plane. CPU and memory are left out: they are those of
the process, which runs the proxies too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUNDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 3.0, 5.0, 10.0, 20.0, 30.0)
"""Upper bounds of the buckets: istiod's, and finer ones below."""


class Times:
    """A distribution of times.

    Attributes:
        counts: How many there are in each bucket; the last has no bound.
        total: Their sum in seconds.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.total = 0.0

    def record(self, seconds: float) -> None:
        """Record a time."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def lines(self, name: str) -> Iterator[str]:
        """Yield the lines of a metrics page; none while nothing was recorded, as of istiod."""
        sums = list(accumulate(self.counts))
        if not sums[-1]:
            return
        for bound, count in zip((*BOUNDS, "+Inf"), sums, strict=True):
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f"{name}_sum {self.total!r}"
        yield f"{name}_count {sums[-1]}"


@dataclass(slots=True)
class Stats:
    """Counters of a control plane.

    Attributes:
        connections: Proxies connected now.
        accepted: Proxies that ever connected.
        pushes: Responses sent, by short type.
        nacks: Responses that proxies refused, by short type.
        rounds: Pushes begun, each for all proxies.
        triggers: What they were begun for: ``service``, ``endpoint``, ``config`` or ``proxy``.
        services: Services of the mesh at the last push.
        debounce: From the first change until its push began.
        context: Time to generate the resources of a push.
        queue: From the begin of a push until it was the turn of one proxy.
        convergence: From the begin of a push until one proxy had been sent all of it.
    """

    connections: int = 0
    accepted: int = 0
    pushes: Counter[str] = field(default_factory=Counter)
    nacks: Counter[str] = field(default_factory=Counter)
    rounds: int = 0
    triggers: Counter[str] = field(default_factory=Counter)
    services: int = 0
    debounce: Times = field(default_factory=Times)
    context: Times = field(default_factory=Times)
    queue: Times = field(default_factory=Times)
    convergence: Times = field(default_factory=Times)

    def metrics_page(self, *, version: str, uptime: float) -> bytes:
        """Return the metrics as istiod serves them.

        Args:
            version: Of this program.
            uptime: Seconds since the control plane was started.
        """
        lines = [
            f'pilot_info{{version="{version}"}} 1',
            f"istiod_uptime_seconds {uptime!r}",
            f'pilot_xds{{version="{version}"}} {self.connections}',
            f"pilot_services {self.services}",
        ]
        for name, counter in (
            ("pilot_xds_pushes", self.pushes),
            ("pilot_total_xds_rejects", self.nacks),
            ("pilot_push_triggers", self.triggers),
        ):
            lines += [f'{name}{{type="{label}"}} {count}' for label, count in counter.items()]
        for name, times in (
            ("pilot_debounce_time", self.debounce),
            ("pilot_pushcontext_init_seconds", self.context),
            ("pilot_proxy_queue_time", self.queue),
            ("pilot_proxy_convergence_time", self.convergence),
        ):
            lines += times.lines(name)
        return ("\n".join(lines) + "\n").encode()
