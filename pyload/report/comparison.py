"""What got better or worse from one run to another, beyond the noise of both.

A change is beyond the noise if it is larger than what the ranges of both figures make likely by
chance, in 99 of 100 cases. Put together, two ranges are as wide as the square root of the sum of
their squares (the method of variance estimates recovery), each on the side that the change comes
from: of the earlier figure what it may be more, of the later one what it may be less, or the other
way round. Figures that are not 0 in both runs are compared as ratios.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pyload.errors import UsageError
from pyload.report.estimates import NOT_MEASURED, Estimate, estimate, unit_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.report.quantity import Unit
    from pyload.report.result import Result

Direction = Literal["more is worse", "more is better", "neither"]
Verdict = Literal["worse", "better", "more", "less", "same", "unknown"]

_WORSE: Final[Direction] = "more is worse"
_BETTER: Final[Direction] = "more is better"
_NEITHER: Final[Direction] = "neither"

_NAMES: Final[dict[str, tuple[str, Direction]]] = {
    "ladder.holds": ("proxies that hold", _BETTER),
    "convergence.p50": ("change p50", _WORSE),
    "convergence.p90": ("change p90", _WORSE),
    "convergence.p99": ("change p99", _WORSE),
    "convergence.last_proxy": ("change, last proxy", _WORSE),
    "first_config.p50": ("first config p50", _WORSE),
    "first_config.p90": ("first config p90", _WORSE),
    "first_config.p99": ("first config p99", _WORSE),
    "connect.p50": ("connect p50", _WORSE),
    "connect.p99": ("connect p99", _WORSE),
    "spread.last.p50": ("spread, last p50", _WORSE),
    "spread.last.p99": ("spread, last p99", _WORSE),
    "pushes_per_second": ("pushes/s", _NEITHER),
    "bytes_per_push": ("bytes per push", _WORSE),
    "cpu_per_push": ("pyload CPU per push", _WORSE),
    "generator.rss_bytes": ("pyload memory", _WORSE),
    "control_plane.convergence.mean": ("istiod, push mean", _WORSE),
    "control_plane.queue.mean": ("istiod, queue mean", _WORSE),
    "control_plane.cpu_cores": ("istiod CPU", _WORSE),
    "control_plane.heap_bytes_max": ("istiod heap, largest", _WORSE),
    "api_server.write.p50": ("API write p50", _WORSE),
    "api_server.write.p99": ("API write p99", _WORSE),
}
_FAILURES: Final = {
    "convergence.never": "probes never there",
    "convergence.failed": "probes failed",
    "proxies.failed": "proxies failed",
    "proxies.unconfigured": "proxies unconfigured",
    "proxies.reconnects": "reconnects",
    "objects.failed": "objects failed",
    "pods.failed": "pods failed",
    "outages.count": "outages",
    "outages.longest": "longest outage",
    "control_plane.push_errors": "istiod's push errors",
    "control_plane.restarts": "istiod restarted",
}
"""Figures that are shown only if they are not 0 in both runs."""

_OF_TIMES: Final = ("p50", "p99")


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a figure.

    Attributes:
        figure: Path of the figure.
        name: The figure for people.
        unit: Its unit.
        direction: Whether more of it is worse.
        before: The earlier figure.
        after: The later one.
    """

    figure: str
    name: str
    unit: Unit
    direction: Direction
    before: Estimate
    after: Estimate

    @property
    def difference(self) -> float | None:
        """By how much the figure is more; None if it was not measured in both runs."""
        if self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value

    @property
    def relative(self) -> float | None:
        """The same as a part of the earlier figure; infinite if that was 0."""
        difference, before = self.difference, self.before.value
        if not difference:
            return difference
        return difference / before if before else math.inf

    @property
    def is_ratio(self) -> bool:
        """Whether the noise is a part of the earlier figure, and not in its unit."""
        return bool(self.before.value and self.after.value)

    @property
    def noise(self) -> float | None:
        """What the change has to be more than to be none of chance; None if that is not known."""
        before, after = self.before, self.after
        if before.value is None or after.value is None or not (before.range and after.range):
            return None
        is_more = after.value >= before.value
        if not self.is_ratio:
            sides = (before.range.high - before.value, after.value - after.range.low)
            others = (before.value - before.range.low, after.range.high - after.value)
            width = math.hypot(*(sides if is_more else others))
            return None if math.isinf(width) else width
        if is_more:
            above = _log(before.range.high, before.value)
            width = math.hypot(above, _log(after.value, after.range.low))
            return None if math.isinf(width) else math.expm1(width)
        above = _log(after.range.high, after.value)
        width = math.hypot(above, _log(before.value, before.range.low))
        return None if math.isinf(width) else -math.expm1(-width)

    @property
    def why(self) -> str:
        """Why the noise is not known."""
        return self.before.why or self.after.why

    @property
    def verdict(self) -> Verdict:
        """What to make of the change."""
        change = self.relative if self.is_ratio else self.difference
        noise = self.noise
        if change is None or noise is None:
            return "unknown"
        if abs(change) <= noise:
            return "same"
        is_more = change > 0
        if self.direction == _NEITHER:
            return "more" if is_more else "less"
        return "worse" if is_more == (self.direction == _WORSE) else "better"


def change_of(before: Result, after: Result, figure: str) -> Change:
    """Return what became of a figure of a result, or of a comparison.

    Raises:
        UsageError: There is no such figure.
    """
    name, direction = _NAMES.get(figure, (_FAILURES.get(figure, figure), _WORSE))
    found = (_estimate(result, figure) for result in (before, after))
    return Change(figure, name, unit_at(figure), direction, *found)


def changes(before: Result, after: Result) -> list[Change]:
    """Return what became of the figures that matter, as far as either run has measured them."""
    found = [change_of(before, after, figure) for figure in _figures(before, after)]
    return [
        one
        for one in found
        if (one.before.value is not None or one.after.value is not None)
        and not (one.figure in _FAILURES and not one.before.value and not one.after.value)
    ]


def _figures(before: Result, after: Result) -> Iterator[str]:
    yield from _NAMES
    for name in sorted(before.times.keys() | after.times.keys()):
        yield from (f"times.{name}.{one}" for one in _OF_TIMES)
    if before.kwok or after.kwok:
        yield "kwok.from_ip.p99"
    yield from _FAILURES


def _estimate(result: Result, figure: str) -> Estimate:
    try:
        return estimate(result, figure)
    except UsageError:
        # Runs of this command do not have it.
        return NOT_MEASURED


def _log(more: float, less: float) -> float:
    return math.log(more / less) if less else math.inf
