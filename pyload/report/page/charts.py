"""The charts of the page: which series of a result each shows, and how it is read.

The script draws them as they are listed here. A chart without any of its series in the results is
left out, and one whose lines are all 0 is named in a sentence instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from re import Pattern

Read = Literal["value", "rate", "mean", "max"]
"""How a line is read of its series: the value at the end of a point, what happened in it by its
seconds, or the mean or the longest of the times that were measured in it."""

_SUFFIXES: Final[dict[Read, str]] = {
    "value": "",
    "rate": "",
    "mean": r"\.(sum|count)",
    "max": r"\.max",
}

ChartUnit = Literal["count", "seconds", "bytes", "ratio", "cores", "per second", "bytes per second"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a chart.

    Attributes:
        label: What it shows, for the legend; ``*`` is that step of the path.
        series: Path of its series; with ``*`` for a step, a line for each.
        read: How it is read.
        is_main: Whether it is the one line of the chart that is drawn of each of several runs; of
            a path with ``*`` it is the sum.
        dashed: Whether it is drawn thinner, as the edge of what another line shows.
    """

    label: str
    series: str
    read: Read = "value"
    is_main: bool = False
    dashed: bool = False

    @property
    def names(self) -> Pattern[str]:
        """The series that it is read of."""
        path = re.escape(self.series).replace(r"\*", ".+")
        return re.compile(path + _SUFFIXES[self.read])


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart over time.

    Attributes:
        section: The part of the page that it stands in.
        title: What it shows, for a reader who knows neither pyload nor istiod.
        note: A sentence on how to read it.
        unit: Unit of its lines.
        lines: The lines.
        otherwise: Lines for results that have none of those.
    """

    section: str
    title: str
    note: str
    unit: ChartUnit
    lines: tuple[Line, ...]
    otherwise: tuple[Line, ...] = ()


LOAD: Final = "The load"
DELIVERY: Final = "How fast configuration arrives"
CONTROL_PLANE: Final = "The control plane"
GENERATOR: Final = "This machine and pyload"

SECTIONS: Final = {
    LOAD: "What pyload asked of the control plane and of the API server.",
    DELIVERY: "What a mesh under this load would notice.",
    CONTROL_PLANE: "What istiod's own metrics say, read every five seconds.",
    GENERATOR: "Whether pyload had what it needs: if not, it measured itself.",
}
"""The parts of the page with charts, in order, and what stands under their headings."""


def _times(series: str) -> tuple[Line, ...]:
    return (
        Line(label="mean", series=series, read="mean", is_main=True),
        Line(label="longest", series=series, read="max", dashed=True),
    )


_PROBE: Final = "convergence.last_probes"

CHARTS: Final = (
    Chart(
        section=LOAD,
        title="Proxies",
        note="How many should run, have a connection, and have all of their configuration.",
        unit="count",
        lines=(
            Line(label="wanted", series="proxies.wanted", dashed=True),
            Line(label="connected", series="proxies.connected"),
            Line(label="configured", series="proxies.configured", is_main=True),
        ),
    ),
    Chart(
        section=LOAD,
        title="New connections per second",
        note="Proxies that were started, that connected again, and that the control plane refused.",
        unit="per second",
        lines=(
            Line(label="started", series="proxies.started", read="rate", is_main=True),
            Line(label="connected again", series="proxies.reconnects", read="rate"),
            Line(label="refused", series="pacing.refusals", read="rate"),
        ),
    ),
    Chart(
        section=LOAD,
        title="Changes of Kubernetes objects per second",
        note="Writes to the API server that bring about what the control plane has to send.",
        unit="per second",
        lines=(
            Line(label="created", series="objects.created", read="rate"),
            Line(label="updated", series="objects.updated", read="rate", is_main=True),
            Line(label="deleted", series="objects.deleted", read="rate"),
            Line(label="failed", series="objects.failed", read="rate"),
        ),
    ),
    Chart(
        section=LOAD,
        title="Time for a write to the API server",
        note="From sending a request until its answer.",
        unit="seconds",
        lines=_times("api_server.write"),
    ),
    Chart(
        section=LOAD,
        title="Pods with a proxy",
        note="Pods whose proxy should run, and those that wait for theirs to be started.",
        unit="count",
        lines=(
            Line(label="running", series="kwok.running", is_main=True),
            Line(label="waiting", series="kwok.queued"),
        ),
    ),
    Chart(
        section=DELIVERY,
        title="Time until a change reaches the proxies",
        note=(
            "Of each probe, a marked change: from the API server's answer until the first proxy, "
            "half of them, 99 % and the last one had it."
        ),
        unit="seconds",
        lines=(
            Line(label="first", series=f"{_PROBE}.first", dashed=True),
            Line(label="half", series=f"{_PROBE}.p50"),
            Line(label="99 %", series=f"{_PROBE}.p99", is_main=True),
            Line(label="last", series=f"{_PROBE}.last", dashed=True),
        ),
        otherwise=_times("convergence"),
    ),
    Chart(
        section=DELIVERY,
        title="How far apart proxies get the same push",
        note="From the first proxy that has a push until the last one.",
        unit="seconds",
        lines=_times("spread.last"),
    ),
    Chart(
        section=DELIVERY,
        title="Time until a new proxy has its configuration",
        note="From a proxy's start, connecting included, until it had all that it asked for.",
        unit="seconds",
        lines=_times("first_config"),
    ),
    Chart(
        section=DELIVERY,
        title="Measured by this command",
        note="Times that only this command measures.",
        unit="seconds",
        lines=(Line(label="*", series="times.*", read="mean", is_main=True),),
    ),
    Chart(
        section=DELIVERY,
        title="Pushes received per second",
        note="Responses with configuration, by type, all proxies together.",
        unit="per second",
        lines=(Line(label="*", series="pushes.*", read="rate", is_main=True),),
    ),
    Chart(
        section=DELIVERY,
        title="Configuration received per second",
        note="Size of these responses, by type, all proxies together.",
        unit="bytes per second",
        lines=(Line(label="*", series="push_bytes.*", read="rate", is_main=True),),
    ),
    Chart(
        section=DELIVERY,
        title="Lost connections per second",
        note="Streams that ended and connections that failed, by reason; `local` is pyload itself.",
        unit="per second",
        lines=(Line(label="*", series="disconnects.*", read="rate", is_main=True),),
    ),
    Chart(
        section=CONTROL_PLANE,
        title="CPU of the control plane",
        note="Cores in use by all istiods together.",
        unit="cores",
        lines=(Line(label="cores", series="control_plane.cpu_seconds", read="rate", is_main=True),),
    ),
    Chart(
        section=CONTROL_PLANE,
        title="Memory of the control plane",
        note="Its heap, and all that the system has given to it.",
        unit="bytes",
        lines=(
            Line(label="heap", series="control_plane.heap_bytes", is_main=True),
            Line(label="resident", series="control_plane.rss_bytes", dashed=True),
        ),
    ),
    Chart(
        section=CONTROL_PLANE,
        title="Where a push spends its time",
        note=(
            "Means: gathering events before a push (debounce), waiting for the proxy's turn "
            "(queue), and from the begin of the push until a proxy was sent all (sent)."
        ),
        unit="seconds",
        lines=(
            Line(label="debounce", series="control_plane.debounce", read="mean"),
            Line(label="queue", series="control_plane.queue", read="mean"),
            Line(label="sent", series="control_plane.convergence", read="mean", is_main=True),
        ),
    ),
    Chart(
        section=CONTROL_PLANE,
        title="What pushes were begun for, per second",
        note="Causes that istiod counts, such as a changed endpoint or a new proxy.",
        unit="per second",
        lines=(Line(label="*", series="control_plane.triggers.*", read="rate", is_main=True),),
    ),
    Chart(
        section=GENERATOR,
        title="CPU of pyload",
        note="Cores in use by all of its processes together.",
        unit="cores",
        lines=(Line(label="cores", series="generator.cpu_seconds", read="rate", is_main=True),),
    ),
    Chart(
        section=GENERATOR,
        title="How busy each process was",
        note="Share of one core, by process of pyload; of the machine, the share of all its cores.",
        unit="ratio",
        lines=(
            Line(label="machine", series="generator.machine.cpu_share", dashed=True, is_main=True),
            Line(label="*", series="generator.processes.*.cpu_share"),
        ),
    ),
    Chart(
        section=GENERATOR,
        title="Lag of pyload's event loops",
        note="How late they were: what is measured can be wrong by as much.",
        unit="seconds",
        lines=_times("generator.loop_lag"),
    ),
    Chart(
        section=GENERATOR,
        title="Memory of pyload",
        note="Resident memory of all of its processes together.",
        unit="bytes",
        lines=(Line(label="resident", series="generator.rss_bytes", is_main=True),),
    ),
)

DISTRIBUTIONS: Final = {
    "convergence": (
        "Time until a change reaches a proxy",
        "All probes and all proxies of the run.",
    ),
    "first_config": (
        "Time until a new proxy has its configuration",
        "Each proxy once for each time that it was started.",
    ),
    "connect": ("Time to connect", "From a dial until its stream was open."),
    "spread.last": (
        "How far apart proxies get the same push",
        "From the first proxy that has a push until the last one, each push once.",
    ),
    "api_server.write": ("Time for a write to the API server", "Each write once."),
    "generator.loop_lag": ("Lag of pyload's event loops", "How late they were, each time."),
}
"""Path of each distribution that is drawn, with its title and a sentence on it."""


def lines() -> Iterator[Line]:
    """Return all lines of all charts."""
    for chart in CHARTS:
        yield from chart.lines
        yield from chart.otherwise
