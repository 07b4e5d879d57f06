"""Which figures of a result have a history, and how each second of it is read from the result.

`SERIES` lists them by their paths, as thresholds name them. The values of a mapping become a series
each, and a distribution becomes three: how many times were measured in the second, their sum, from
which a mean of any span follows, and the longest, which istiod does not know of its own. Of probes
it is the times of those that ended in the second: of several the longest. Of the load of a process
it is the share of that second. A figure that a run does not have has no series.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pyload.report.control_plane import IstiodTime
from pyload.report.generator import Load
from pyload.report.histogram import Histogram
from pyload.report.latency import Latency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyload.report.convergence import Convergence
    from pyload.report.history import Join
    from pyload.report.result import Result

SERIES: Final[Mapping[str, Join]] = {
    "proxies.wanted": "last",
    "proxies.connected": "min",
    "proxies.configured": "min",
    "proxies.started": "sum",
    "proxies.reconnects": "sum",
    "pushes": "sum",
    "push_bytes": "sum",
    "disconnects": "sum",
    "first_config": "sum",
    "connect": "sum",
    "spread.pushes": "sum",
    "spread.last": "sum",
    "convergence": "sum",
    "convergence.in_flight": "max",
    "convergence.last_probes.first": "min",
    "convergence.last_probes.p50": "max",
    "convergence.last_probes.p99": "max",
    "convergence.last_probes.last": "max",
    "times": "sum",
    "pacing.refusals": "sum",
    "pacing.rate": "last",
    "pacing.waiting": "max",
    "api_server.write": "sum",
    "api_server.throttled": "sum",
    "api_server.overloaded": "sum",
    "objects.created": "sum",
    "objects.updated": "sum",
    "objects.deleted": "sum",
    "objects.failed": "sum",
    "churn": "sum",
    "kwok.running": "last",
    "kwok.queued": "max",
    "control_plane.proxies": "last",
    "control_plane.pushes": "sum",
    "control_plane.convergence": "sum",
    "control_plane.queue": "sum",
    "control_plane.debounce": "sum",
    "control_plane.triggers": "sum",
    "control_plane.cpu_seconds": "sum",
    "control_plane.heap_bytes": "max",
    "control_plane.rss_bytes": "max",
    "control_plane.goroutines": "max",
    "generator.cpu_seconds": "sum",
    "generator.rss_bytes": "max",
    "generator.processes": "max",
    "generator.machine": "max",
    "generator.loop_lag": "sum",
    "generator.rate_limited_seconds": "sum",
    "generator.workers": "last",
    "generator.worker_restarts": "sum",
}
"""Paths of the figures with what becomes of two seconds that are joined: the values are added up,
or the last, the least or the largest is kept. What is added up is a total in the result."""

_NONE: Final = Histogram()
_LONGEST: Final = ".max"
_PROBES: Final = "convergence.last_probes"
_PROBE_TIMES: Final = ("first", "p50", "p99", "last")


def join_of(name: str) -> Join:
    """Return how two values of a series are joined."""
    if name.endswith(_LONGEST):
        return "max"
    path = name
    while path not in SERIES:
        path = path.rpartition(".")[0]
    return SERIES[path]


class SeriesReader:
    """Reads the values of one second after the other."""

    def __init__(self) -> None:
        self._totals: dict[str, float] = {}
        self._histograms: dict[str, Histogram] = {}
        self._shares: dict[str, float] = {}
        # Numbers of the probes that have ended, as far as the last result had them.
        self._ended: frozenset[int] = frozenset()

    def read(self, result: Result) -> dict[str, float | None]:
        """Return the values of the time since the last result, by series."""
        values: dict[str, float | None] = {}
        for path, join in SERIES.items():
            for name, figure in _figures(path, _at(result, path)):
                if isinstance(figure, Latency):
                    values |= self._distribution(name, figure)
                elif isinstance(figure, IstiodTime):
                    values[f"{name}.count"] = self._more(f"{name}.count", figure.count)
                    total = figure.count * (figure.mean or 0.0)
                    values[f"{name}.sum"] = self._more(f"{name}.sum", total)
                elif isinstance(figure, Load):
                    values[f"{name}.cpu_share"] = self._share(name, figure)
                else:
                    values[name] = self._more(name, figure) if join == "sum" else figure
        if result.convergence is not None:
            values |= self._probes(result.convergence)
        return values

    def _probes(self, convergence: Convergence) -> dict[str, float | None]:
        """Return the times of the probes that have ended since."""
        ended = [one for one in convergence.last_probes if one.is_over]
        new = [one for one in ended if one.number not in self._ended]
        self._ended = frozenset(one.number for one in ended)
        values: dict[str, float | None] = {}
        for field in _PROBE_TIMES:
            name = f"{_PROBES}.{field}"
            times = [time for one in new if (time := getattr(one, field)) is not None]
            joined = min if SERIES[name] == "min" else max
            values[name] = joined(times, default=None)
        return values

    def _more(self, name: str, total: float) -> float:
        """Return what a total is more than it was."""
        before, self._totals[name] = self._totals.get(name, 0), total
        return total - before

    def _share(self, name: str, load: Load) -> float:
        """Return the load of the newest second; workers report theirs at moments of their own."""
        seconds = self._more(f"{name}.seconds", load.samples)
        if seconds:
            used = self._more(name, load.cpu_share * load.samples)
            self._shares[name] = used / seconds
        return self._shares[name]

    def _distribution(self, name: str, latency: Latency) -> dict[str, float | None]:
        now = latency.histogram or _NONE
        since = now.minus(self._histograms.get(name, _NONE))
        self._histograms[name] = now
        longest = since.max if since.count else None
        return {f"{name}.count": since.count, f"{name}.sum": since.sum, name + _LONGEST: longest}


def _at(result: Result, path: str) -> Any:
    """Return what stands at a path; None if the result has no such thing."""
    value: Any = result
    for step in path.split("."):
        value = getattr(value, step, None)
    return value


def _figures(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _figures(f"{name}.{key}", each)
    elif value is not None:
        yield name, value
