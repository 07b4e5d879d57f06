"""Figures of a result, each with the range in which it may lie by chance.

What a result has to tell the noise of a figure depends on the figure:

- percentiles of probes: how these differ from each other;
- other percentiles: how many times there are, and how their mean changes over the run;
- rates, such as pushes by second, and CPU time: how they change over the run after its start;
- CPU and memory besides: a margin, as the same work costs more or less from run to run;
- counts, such as proxies that failed, and outages: nothing is left to chance.

A time may besides be read late, because pyload was busy, but never early: it may be less by the
lag of pyload's event loops at the same percentile.

Of the rest, such as the largest time, it has nothing, and of what happened all at once neither: if
all proxies connect within a second, that is one observation, however many there are.

Figures that only a comparison has are in `OWN`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final

from pyload.report.control_plane import IstiodTime
from pyload.report.figures import unit_of, value_of
from pyload.report.latency import PERCENTILES, Latency, time_text
from pyload.report.noise import (
    FEWEST,
    Range,
    deviation_of_ratio,
    range_of_probes,
    range_of_times,
    student,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyload.report.convergence import Convergence
    from pyload.report.histogram import Histogram
    from pyload.report.quantity import Unit
    from pyload.report.result import Result

    Column = list[float]

MARGIN: Final = 0.10
"""Change of pyload's memory, or of CPU time, that means nothing, as a part of it."""

HEAP_MARGIN: Final = 0.25
"""The same of istiod's memory, which hangs on when its garbage was last collected."""

_CONFIGURED: Final = 0.95
"""Share of the proxies that are configured when a run's start is over."""

_ALIASES: Final = {"generator.loop_lag_p99": "generator.loop_lag.p99"}
_COSTS: Final = {"generator.cpu_seconds": "generator.cpu_seconds"} | dict.fromkeys(
    ("control_plane.cpu_seconds", "control_plane.cpu_cores"), "control_plane.cpu_seconds"
)
_RATES: Final = ("pushes.", "push_bytes.")
_NOT_KEPT: Final = {"spread.p50": "spread.last", "spread.p99": "spread.last"}
"""Distributions without a history, and those with one that change as they do."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and where it may lie.

    Attributes:
        value: The figure; None if it was not measured.
        range: Where it may lie; None if nothing is known of that.
        why: Why nothing is known, as part of a sentence.
    """

    value: float | None
    range: Range | None = None
    why: str = ""

    @classmethod
    def within(cls, value: float, deviation: float) -> Estimate:
        """Return an estimate that may deviate by a part of itself to either side."""
        return cls(value, Range(value * math.exp(-deviation), value * math.exp(deviation)))


NOT_MEASURED: Final = Estimate(None, None, "it was not measured")


def unit_at(figure: str) -> Unit:
    """Return the unit of a figure of a result or of a comparison.

    Raises:
        UsageError: There is no such figure.
    """
    return OWN[figure][0] if figure in OWN else unit_of(figure)


def estimate(result: Result, figure: str) -> Estimate:
    """Return a figure of a result, and its range.

    Raises:
        UsageError: A run of this command has no such figure.
    """
    if figure in OWN:
        return OWN[figure][1](result)
    value = value_of(result, figure)
    if value is None:
        return NOT_MEASURED
    path = _ALIASES.get(figure, figure)
    parent, _, name = path.rpartition(".")
    owner = _owner(result, parent)
    if isinstance(owner, Latency) and name != "count":
        return _of_times(result, parent, owner, name, value)
    if isinstance(owner, IstiodTime) and name == "mean":
        took, count = (_steady(result, f"{parent}.{part}") for part in ("sum", "count"))
        return _of_ratio(value, took, count)
    if path in _COSTS or path.startswith(_RATES):
        happened = _steady(result, _COSTS.get(path, path))
        return _of_ratio(
            value, happened, _steady(result, ""), margin=MARGIN if path in _COSTS else 0.0
        )
    return _of_unit(path, value)


def _of_unit(path: str, value: float) -> Estimate:
    """Return a figure whose noise follows from what it is."""
    unit = unit_of(path)
    if unit == "bytes":
        margin = HEAP_MARGIN if path.startswith("control_plane.") else MARGIN
        return Estimate.within(value, margin / math.sqrt(2))
    if unit in ("count", "boolean") or path.startswith(("outages.", "duration")):
        return Estimate(value, Range(value, value))
    return Estimate(value, None, "a result does not show the noise of this figure")


def _of_times(result: Result, path: str, latency: Latency, name: str, value: float) -> Estimate:
    """Return a value of a distribution."""
    if name not in PERCENTILES:
        return Estimate(value, None, "one extreme time says little of the next run's; use a p99")
    if latency.histogram is None:
        return Estimate(value, None, "the file does not have the distribution")
    percent = PERCENTILES[name]
    if path == "convergence":
        found, why = _of_probes(result, latency.histogram, percent)
    else:
        found, why = _of_others(result, path, latency.histogram, percent)
    return Estimate(value, None, why) if found is None else _read_late(result, value, found, name)


def _of_probes(result: Result, times: Histogram, percent: float) -> tuple[Range | None, str]:
    """Return the range of a percentile of the probes, or why it is not known."""
    probes = result.convergence
    assert probes is not None, "it has a value"
    found = range_of_probes(times, probes.last_probes, probes.probes, percent)
    return found, _too_few(len(probes.last_probes))


def _of_others(
    result: Result, path: str, times: Histogram, percent: float
) -> tuple[Range | None, str]:
    """Return the range of a percentile of times that are measured one by one, or why not."""
    found = range_of_times(times, percent)
    if math.isinf(found.high):
        return None, f"{times.count:,} times are too few for a p{percent:g}"
    series = _NOT_KEPT.get(path, path)
    counts = _column(result, f"{series}.count")
    if not counts:
        return found, ""
    sums = _column(result, f"{series}.sum")
    some = [index for index, count in enumerate(counts) if count]
    deviation = deviation_of_ratio([sums[one] for one in some], [counts[one] for one in some])
    if deviation is None:
        return None, f"measured in {len(some)} s of the run only, or too unlike in each"
    return _wider(times.percentile(percent), found, deviation), ""


def _too_few(probes: int) -> str:
    return f"{probes} {'probe is' if probes == 1 else 'probes are'} too few; {FEWEST} are needed"


def _read_late(result: Result, value: float, found: Range, percentile: str) -> Estimate:
    """Return a time that pyload may have read late."""
    lag = getattr(result.generator.loop_lag, percentile) or 0.0
    low = value - math.hypot(value - found.low, lag)
    if lag and low <= 0:
        return Estimate(value, None, f"pyload was too busy to tell (loop lag {time_text(lag)})")
    return Estimate(value, Range(max(0.0, low), found.high))


def _wider(value: float, found: Range, deviation: float) -> Range:
    """Return a range with a further deviation that does not depend on it."""
    if not value:
        return found
    below = math.inf if not found.low else math.log(value / found.low)
    above = math.log(found.high / value)
    return Range(
        value * math.exp(-math.hypot(below, deviation)),
        value * math.exp(math.hypot(above, deviation)),
    )


def _of_ratio(
    value: float, numerators: Sequence[float], denominators: Sequence[float], margin: float = 0.0
) -> Estimate:
    if len(numerators) != len(denominators):
        return Estimate(value, None, "the file does not have its history")
    deviation = deviation_of_ratio(numerators, denominators)
    if deviation is None:
        return Estimate(value, None, "the run was too short, or changed too much in itself")
    return Estimate.within(value, math.hypot(deviation, margin / math.sqrt(2)))


def _owner(result: Result, path: str) -> Any:
    """Return what a figure is part of; None if that is neither a record nor a value of one."""
    found: Any = result
    for step in path.split(".", 2) if path.startswith("times.") else path.split("."):
        found = found.get(step) if isinstance(found, dict) else getattr(found, step, None)
    return found


def _column(result: Result, name: str) -> Column:
    """Return a series, or the sum of those below a path; no value for none."""
    series = result.history.series
    if name in series:
        return list(series[name])
    below = [one for key, one in series.items() if key.startswith(f"{name}.")]
    return [sum(point) for point in zip(*below, strict=True)]


def _steady(result: Result, name: str) -> Column:
    """Return a series after the start of the run; for no name, how long its points are."""
    column = _column(result, name) if name else list(result.history.seconds)
    configured = result.history.series.get("proxies.configured", ())
    known = [one for one in configured if not math.isnan(one)]
    enough = _CONFIGURED * max(known, default=0.0)
    start = next((index for index, one in enumerate(configured) if one >= enough), -1)
    return column[start + 1 :]


# The figures that only a comparison has.


def _pushes_per_second(result: Result) -> Estimate:
    whole = sum(result.pushes.values()), result.duration
    return _of_sums(whole, _steady(result, "pushes"), _steady(result, ""))


def _bytes_per_push(result: Result) -> Estimate:
    whole = sum(result.push_bytes.values()), sum(result.pushes.values())
    return _of_sums(whole, _steady(result, "push_bytes"), _steady(result, "pushes"))


def _cpu_per_push(result: Result) -> Estimate:
    whole = result.generator.cpu_seconds, sum(result.pushes.values())
    use = _steady(result, "generator.cpu_seconds")
    return _of_sums(whole, use, _steady(result, "pushes"), margin=MARGIN)


def _of_sums(
    whole: tuple[float, float], numerators: Column, denominators: Column, margin: float = 0.0
) -> Estimate:
    """Return a ratio after the start of a run; that of the whole run if it ended with its start."""
    above, below = sum(numerators), sum(denominators)
    if not (above and below):
        above, below = whole
    return _of_ratio(above / below, numerators, denominators, margin) if below else NOT_MEASURED


def _last_proxy(result: Result) -> Estimate:
    probes: Convergence | None = result.convergence
    times = [one.last for one in probes.last_probes if one.last is not None] if probes else []
    if not times:
        return NOT_MEASURED
    value = fmean(times)
    if len(times) < FEWEST:
        return Estimate(value, None, _too_few(len(times)))
    half = student(len(times) - 1) * stdev(times) / math.sqrt(len(times))
    return _read_late(result, value, Range(value - half, value + half), "p99")


def _holds(result: Result) -> Estimate:
    if result.ladder is None:
        return NOT_MEASURED
    return Estimate(result.ladder.holds, Range(result.ladder.holds, result.ladder.holds))


OWN: Final[dict[str, tuple[Unit, Callable[[Result], Estimate]]]] = {
    "convergence.last_proxy": ("seconds", _last_proxy),
    "pushes_per_second": ("count", _pushes_per_second),
    "bytes_per_push": ("bytes", _bytes_per_push),
    "cpu_per_push": ("seconds", _cpu_per_push),
    "ladder.holds": ("count", _holds),
}
"""Figures that only a comparison has, with their units."""
