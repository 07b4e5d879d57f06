"""What has limited a run: the control plane, the API server, this machine, or nothing.

Each sign of a limit is a figure of the result with a bound, and its strength is how many times the
figure is that bound. A run is limited by the first of the three that shows a sign of 1 or more:

1. this machine: figures that were measured without CPU are those of pyload;
2. the API server: a mesh that grows slowly is no load for the control plane;
3. the control plane.

A verdict rests on two figures. The second may be of this machine, and shows then that it had
something left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.report.latency import time_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.report.control_plane import ControlPlane
    from pyload.report.convergence import Convergence
    from pyload.report.result import Result

    Measure = Callable[[Result], tuple[float, float] | None]

MACHINE: Final = "this machine"
API_SERVER: Final = "the API server"
CONTROL_PLANE: Final = "the control plane"
NOTHING: Final = "nothing"

_HALF: Final = 0.5
"""Strength from which on a second sign says more than how busy this machine was."""


_LAG: Final = 0.05
"""Seconds by which the event loop is late on a machine that has too little left."""
_LATE: Final = 0.1
"""Seconds by which probes are."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A figure that a verdict rests on.

    Attributes:
        figure: Path of the figure in the result.
        value: The figure.
        bound: What it is from where on it is a limit.
        text: The figure in words.
    """

    figure: str
    value: float
    bound: float
    text: str


@dataclass(frozen=True, slots=True)
class Limit:
    """What has limited a run, as far as its figures show.

    Attributes:
        by: ``this machine``, ``the API server``, ``the control plane`` or ``nothing``.
        evidence: The figures that this rests on: two, or fewer in a run of few seconds.
    """

    by: str
    evidence: tuple[Evidence, ...] = ()

    @property
    def verdict(self) -> str:
        """The verdict without the word that it begins with, and with its strongest figure."""
        return f"by {self.by}" + (f" ({self.evidence[0].text})" if self.evidence else "")

    def line(self) -> str:
        """Return the line of the summary."""
        name = "nothing (idle)" if self.by == NOTHING else self.by
        return ": ".join(filter(None, (name, "; ".join(one.text for one in self.evidence))))


@dataclass(frozen=True, slots=True)
class _Sign:
    """A sign of a limit.

    Attributes:
        by: What it is a limit of.
        figure: Path of the figure.
        measure: Returns the figure and its bound, or None if it was not measured.
        text: Returns the figure in words.
    """

    by: str
    figure: str
    measure: Measure
    text: Callable[[Result, float], str]


@dataclass(frozen=True, slots=True)
class _Found:
    """A sign that was measured, and how strong it is."""

    by: str
    strength: float
    evidence: Evidence


def limit_of(result: Result) -> Limit:
    """Return what has limited a run, or a span of it, by its figures."""
    found = _find(result)
    for by in (MACHINE, API_SERVER, CONTROL_PLANE):
        strong = [one for one in found if one.by == by and one.strength >= _HALF]
        if strong and strong[0].strength >= 1:
            here = [one for one in found if one.by == MACHINE and one not in strong]
            return Limit(by, tuple(one.evidence for one in (*strong, *here)[:2]))
    return Limit(NOTHING, _of_idle(found))


def _of_idle(found: list[_Found]) -> tuple[Evidence, ...]:
    """Return how busy this machine was, and what came nearest to a limit elsewhere."""
    here = [one.evidence for one in found if one.by == MACHINE]
    busy = [one for one in here if one.figure == _SIGNS[0].figure]
    others = [one.evidence for one in found if one.by != MACHINE and one.strength > 0]
    return (*(busy or here)[:1], *others[:1])


def _find(result: Result) -> list[_Found]:
    """Return all signs that were measured: those at their bound, then the strongest first."""
    found = []
    for sign in _SIGNS:
        measured = sign.measure(result)
        if measured is not None:
            value, bound = measured
            evidence = Evidence(sign.figure, value, bound, sign.text(result, value))
            found.append(_Found(sign.by, value / bound, evidence))
    return sorted(found, key=lambda one: min(one.strength, 1.0), reverse=True)


def _at(figure: Callable[[Result], float | None], bound: float) -> Measure:
    """Return what measures a figure against a bound that is the same for all runs."""

    def measure(result: Result) -> tuple[float, float] | None:
        value = figure(result)
        return None if value is None else (value, bound)

    return measure


def _plane(figure: Callable[[ControlPlane], float | None], bound: float) -> Measure:
    """Return what measures a figure of istiod's own."""

    def value(result: Result) -> float | None:
        return None if result.control_plane is None else figure(result.control_plane)

    return _at(value, bound)


def _probes(figure: Callable[[Convergence], float | None], bound: float) -> Measure:
    """Return what measures a figure of the probes."""

    def value(result: Result) -> float | None:
        return None if result.convergence is None else figure(result.convergence)

    return _at(value, bound)


def _requests(
    count: Callable[[Result], float], of: Callable[[Result], float], share: float
) -> Measure:
    """Return what measures a count against a share of another."""

    def measure(result: Result) -> tuple[float, float] | None:
        whole = of(result)
        return (count(result), share * whole) if whole else None

    return measure


def _busy_text(result: Result, value: float) -> str:
    """Return how busy the busiest process was."""
    loads = result.generator.processes
    name = max(loads, key=lambda one: (loads[one].busy_share, loads[one].cpu_share_max))
    who = "pyload's main process" if name == "main" else f"worker {name}"
    most = f"{who} used up to {loads[name].cpu_share_max:.0%} of a core"
    return f"{most}, 90% or more in {value:.0%} of the time" if value else most


def _istiod_text(result: Result, value: float) -> str:
    plane = result.control_plane
    assert plane is not None, "its CPU was measured"
    if plane.istiods > 1 or plane.cores is None or plane.cpu_cores_max is None:
        return f"the busiest istiod used {value:.0%} of its cores"
    cores = "1 core" if plane.cores == 1 else f"{plane.cores} cores"
    return f"istiod {plane.cpu_cores_max:.1f} of {cores}"


def _machine_busy(result: Result) -> float | None:
    """Return how often all cores were in use; None where pyload has not felt it.

    What others do with a machine is no limit of a run that was never late for it.
    """
    machine, lag, probes = result.generator.machine, result.generator.loop_lag_p99, None
    if result.convergence is not None:
        probes = result.convergence.lateness.p99
    felt = lag is None or lag >= _HALF * _LAG or (probes is not None and probes >= _HALF * _LATE)
    return machine.busy_share if machine is not None and felt else None


_SIGNS: Final = (
    _Sign(
        MACHINE,
        "generator.busy_share",
        _at(lambda result: result.generator.busy_share, 0.1),
        _busy_text,
    ),
    _Sign(
        MACHINE,
        "generator.loop_lag_p99",
        _at(lambda result: result.generator.loop_lag_p99, _LAG),
        lambda _, value: f"loop lag p99 {time_text(value)}",
    ),
    _Sign(
        MACHINE,
        "generator.machine.busy_share",
        _at(_machine_busy, 0.1),
        lambda _, value: f"all cores of the machine were in use in {value:.0%} of the time",
    ),
    _Sign(
        MACHINE,
        "convergence.lateness.p99",
        _probes(lambda probes: probes.lateness.p99, _LATE),
        lambda _, value: f"probes were written {time_text(value)} late (p99)",
    ),
    _Sign(
        API_SERVER,
        "generator.rate_limited_seconds",
        _requests(
            lambda result: result.generator.rate_limited_seconds,
            lambda result: result.duration,
            0.1,
        ),
        lambda _, value: f"requests waited {time_text(value)} for pyload's own --qps",
    ),
    _Sign(
        API_SERVER,
        "api_server.throttled",
        _requests(
            lambda result: result.api_server.throttled,
            lambda result: result.api_server.write.count,
            0.01,
        ),
        lambda _, value: f"it refused {value:,.0f} requests as too many (429)",
    ),
    _Sign(
        API_SERVER,
        "api_server.overloaded",
        _requests(
            lambda result: result.api_server.overloaded,
            lambda result: result.api_server.write.count,
            0.01,
        ),
        lambda _, value: f"it refused {value:,.0f} requests for too much load (503)",
    ),
    _Sign(
        API_SERVER,
        "api_server.write.p50",
        _at(lambda result: result.api_server.write.p50, 0.25),
        lambda _, value: f"half of the writes took {time_text(value)} or more",
    ),
    _Sign(
        CONTROL_PLANE,
        "control_plane.cpu_share_max",
        _plane(lambda plane: plane.cpu_share_max, 0.9),
        _istiod_text,
    ),
    _Sign(
        CONTROL_PLANE,
        "control_plane.queue.mean",
        _plane(lambda plane: plane.queue.mean, 1.0),
        lambda _, value: f"a proxy waited {time_text(value)} for its turn in a push",
    ),
    _Sign(
        CONTROL_PLANE,
        "control_plane.convergence.mean",
        _plane(lambda plane: plane.convergence.mean, 1.0),
        lambda _, value: f"istiod took {time_text(value)} to send a push to a proxy",
    ),
    _Sign(
        CONTROL_PLANE,
        "pacing.refusals",
        _requests(
            lambda result: result.pacing.refusals,
            lambda result: result.pacing.refusals + result.connect.count,
            0.05,
        ),
        lambda _, value: f"it refused {value:,.0f} dials for their rate",
    ),
    _Sign(
        CONTROL_PLANE,
        "convergence.p99",
        _probes(lambda probes: probes.p99, 1.0),
        lambda _, value: f"a change reached a proxy after {time_text(value)} (p99)",
    ),
    _Sign(
        CONTROL_PLANE,
        "spread.last.p99",
        _at(lambda result: result.spread.last.p99, 1.0),
        lambda _, value: f"the last proxy got a push {time_text(value)} after the first (p99)",
    ),
)
"""All signs, causes before what follows of them; of several at their bound the first counts."""
