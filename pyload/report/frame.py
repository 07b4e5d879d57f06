"""What a panel shows of a run at one moment, as plain data: rows of text, bars and courses.

A frame says what is worth a row and in which words; how wide things are, and in which colours, is
for whoever draws it. Each row has a rank: where a screen is too low, those of the highest rank go
first. Rows come and go as little as possible, as a panel that changes its height is hard to read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from pyload.report.courses import last, means_and_maxima, rates, spread_over, states
from pyload.report.latency import Latency, time_text
from pyload.report.outage import reasons_text
from pyload.report.phases import RUNNING, STARTING
from pyload.report.quantity import size_text
from pyload.report.verdict import FAILED, PASSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.report.convergence import Convergence
    from pyload.report.courses import Course
    from pyload.report.phases import Phase
    from pyload.report.progress import Status
    from pyload.report.result import Result
    from pyload.report.verdict import Verdict

Tone = Literal["plain", "strong", "dim", "good", "bad"]

_ALL_INTERFACES: Final = ("0.0.0.0", "[::]")  # noqa: S104 - compared only

MAX_THRESHOLDS: Final = 4
"""Thresholds that have a row each."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of text.

    Attributes:
        text: The text.
        tone: How it is meant.
    """

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True, slots=True)
class Gauge:
    """A figure that moves.

    Attributes:
        text: What it is now.
        course: What it was in the last seconds.
    """

    text: str
    course: Course = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a panel.

    Attributes:
        name: What it is about; empty if it goes on with the row above.
        pieces: Text.
        bar: Share of a bar behind the text that is full; None for no bar.
        gauges: At most two figures, in place of text.
        rank: Where there is no room for all rows, those of the highest rank are left out.
    """

    name: str
    pieces: tuple[Piece, ...] = ()
    bar: float | None = None
    gauges: tuple[Gauge, ...] = ()
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Servers:
    """Which servers a run is for.

    Attributes:
        api_server: The API server; empty if there is none to name.
        control_plane: The control plane.
    """

    api_server: str = ""
    control_plane: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a frame is made of, besides the result.

    Attributes:
        status: How far the run is.
        phases: Its phases.
        servers: Which servers it is for.
        page: Address of the live page; empty without one.
        expected: How many proxies there are to be; 0 if nobody knows.
        logged: How many lines of the log are warnings and errors, by level.
        is_paused: Whether changes are held up.
        is_ending: Whether the user has ended the run.
        keys: The keys that do something, with what they do.
    """

    status: Status
    phases: tuple[Phase, ...]
    servers: Servers = Servers()
    page: str = ""
    expected: int = 0
    logged: Mapping[str, int] = field(default_factory=dict)
    is_paused: bool = False
    is_ending: bool = False
    keys: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a panel shows.

    Attributes:
        title: Which run it is.
        elapsed: How long it has taken.
        rows: The rows.
        keys: The keys that do something, with what they do.
    """

    title: str
    elapsed: str
    rows: tuple[Row, ...]
    keys: tuple[tuple[str, str], ...] = ()

    @classmethod
    def before(cls, command: str, seconds: float, keys: tuple[tuple[str, str], ...]) -> Frame:
        """Return what a panel shows before a run has begun."""
        row = Row(name="phase", pieces=(Piece("getting ready", "strong"),))
        elapsed = time_text(round(seconds))
        return cls(title=f"pyload {command}", elapsed=elapsed, rows=(row,), keys=keys)

    @classmethod
    def of(cls, result: Result, scene: Scene) -> Frame:
        """Return what a panel shows of a run.

        Args:
            result: Its figures.
            scene: What else is known of it.
        """
        run = f"run {result.run_id}" if result.run_id else ""
        title = ", ".join(filter(None, (result.command, result.cluster_type, run)))
        rows = [
            *_servers(result, scene),
            *_page(scene.page),
            _phases(scene),
            *_proxies(result, scene),
            *_followed(result),
            *_objects(result, scene),
            *_pushes(result),
            *_times(result),
            *_convergence(result),
            *_control_plane(result),
            _generator(result),
            *_outages(result),
            _errors(result, scene.logged),
            *_thresholds(result.thresholds, has_begun=len(scene.phases) > 1),
        ]
        elapsed = time_text(round(scene.status.elapsed))
        return cls(title=f"pyload {title}", elapsed=elapsed, rows=tuple(rows), keys=scene.keys)


def _servers(result: Result, scene: Scene) -> list[Row]:
    found = result.control_plane
    versions = "" if found is None or found.source == "embedded" else ", ".join(found.versions)
    address = scene.servers.control_plane if result.proxies.started or scene.expected else ""
    parts = [
        f"istiod {versions} at {address}" if versions and address else address,
        scene.servers.api_server if result.run_id or result.kwok is not None else "",
    ]
    text = "; ".join(filter(None, parts))
    return [Row(name="servers", pieces=(Piece(text),), rank=4)] if text else []


def _page(address: str) -> list[Row]:
    """Return where the live page is; on all interfaces, it is on this machine too."""
    if not address:
        return []
    host, _, port = address.rpartition(":")
    if host in _ALL_INTERFACES:
        host = "localhost"
    return [Row(name="live page", pieces=(Piece(f"http://{host}:{port}/"),), rank=4)]


def _phases(scene: Scene) -> Row:
    *ended, present = scene.phases
    pieces = [
        Piece(f"{PASSED} {phase.name} {time_text(_round(phase.seconds))}  ", "dim")
        for phase in ended[-2:]
    ]
    pieces.append(Piece(present.name, "strong"))
    pieces.append(Piece(f" {time_text(_round(present.seconds))}"))
    if scene.is_ending and present.name in (STARTING, RUNNING):
        pieces.append(Piece(", ending", "bad"))
    return Row(name="phase", pieces=tuple(pieces), bar=present.share)


def _round(seconds: float) -> float:
    """Round a time that is still running, so that its last digits do not flicker."""
    return round(seconds) if seconds >= 10 else round(seconds, 1)


def _proxies(result: Result, scene: Scene) -> list[Row]:
    status, counts = scene.status, result.proxies
    wanted = max(status.wanted, scene.expected)
    if not wanted and not counts.started:
        return []
    pieces = [
        Piece(f"{status.connected:,} of {wanted:,} connected", "strong"),
        Piece(f", {status.configured:,} configured"),
    ]
    if counts.reconnects:
        pieces.append(Piece(f", {counts.reconnects:,} reconnects"))
    if result.pacing.waiting:
        pieces.append(Piece(f", {result.pacing.waiting:,} wait to dial"))
    missing = wanted - status.connected
    if missing > 0 and scene.phases[-1].name == RUNNING:
        pieces.append(Piece(f", {missing:,} missing", "bad"))
    return [Row(name="proxies", pieces=tuple(pieces), bar=status.configured / max(1, wanted))]


def _followed(result: Result) -> list[Row]:
    if result.kwok is None:
        return []
    return [Row(name=name, pieces=(Piece(text),), rank=3) for name, text in result.kwok.rows()[:1]]


def _objects(result: Result, scene: Scene) -> list[Row]:
    objects = result.objects
    if not (objects.created or objects.failed or result.run_id):
        return []
    pieces = [Piece(f"{scene.status.objects:,} there")]
    pieces += [
        Piece(f", {count:,} {name}")
        for name, count in (("updated", objects.updated), ("deleted", objects.deleted))
        if count
    ]
    done = {what: counts["done"] for what, counts in result.churn.items() if counts["done"]}
    if scene.is_paused:
        pieces.append(Piece("; churn paused", "bad"))
    elif done:
        pieces.append(Piece("; churn"))
    if done:
        changes = ", ".join(f"{what} {count:,}" for what, count in done.items())
        pieces.append(Piece(f": {changes}"))
    return [Row(name="objects", pieces=tuple(pieces), rank=2)]


def _pushes(result: Result) -> list[Row]:
    pushes, size = rates(result.history, "pushes"), rates(result.history, "push_bytes")
    if not any(result.pushes.values()) and not result.proxies.started:
        return []
    gauges = (
        Gauge(f"{_count(last(pushes) or 0)}/s", pushes),
        Gauge(f"{size_text(last(size) or 0)}/s", size),
    )
    return [Row(name="pushes", gauges=gauges)]


def _times(result: Result) -> list[Row]:
    rows = []
    if result.first_config.count:
        rows.append(Row(name="first config", pieces=_percentiles(result.first_config), rank=3))
    rows += [
        Row(name=name, pieces=_percentiles(latency), rank=1)
        for name, latency in list(result.times.items())[:3]
        if latency.count
    ]
    return rows


def _percentiles(latency: Latency) -> tuple[Piece, ...]:
    shown = [(name, getattr(latency, name)) for name in ("p50", "p90", "p99", "max")]
    texts = [f"{name} {time_text(value)}" for name, value in shown if value is not None]
    return (Piece(", ".join(texts)), Piece(f"  ({latency.count:,})", "dim"))


def _convergence(result: Result) -> list[Row]:
    found = result.convergence
    if found is None:
        return []
    means, most = means_and_maxima(result.history, "convergence")
    if found.count and found.p50 is not None and found.p99 is not None:
        gauges = (
            Gauge(f"p50 {time_text(found.p50)}", means),
            Gauge(f"p99 {time_text(found.p99)}", most),
        )
        first = Row(name="a change", gauges=gauges)
    else:
        first = Row(name="a change", pieces=(Piece("has reached no proxy yet", "dim"),))
    return [first, Row(name="probes", pieces=tuple(_probes(found)), rank=1)]


def _probes(found: Convergence) -> list[Piece]:
    pieces = [Piece(f"{found.probes:,} written")]
    if found.last_probes:
        newest = found.last_probes[-1]
        text = f"; number {newest.number:,} reached {newest.arrived:,} of {newest.expected:,}"
        if newest.last is not None:
            text += f" in {time_text(newest.last)}"
        pieces.append(Piece(text))
    bad = {
        "never there": found.never,
        "late": found.late,
        "overdue": found.overdue,
        "failed": found.failed,
    }
    pieces += [Piece(f", {count:,} {name}", "bad") for name, count in bad.items() if count]
    if found.out_of_scope:
        pieces.append(Piece(f", {found.out_of_scope:,} out of scope", "dim"))
    return pieces


def _control_plane(result: Result) -> list[Row]:
    found = result.control_plane
    if found is None or not found.readings:
        return []
    [(_, told)] = found.rows()
    if found.cpu_seconds is None and found.heap_bytes is None:
        return [Row(name="control plane", pieces=(Piece(told),), rank=1)]
    cpu = spread_over(rates(result.history, "control_plane.cpu_seconds"))
    of = "" if found.cores is None else f" of {found.cores}"
    cores = last(cpu)
    heap = found.heap_bytes
    gauges = (
        Gauge("CPU not known" if cores is None else f"{cores:.2f}{of} cores", cpu),
        Gauge(
            "heap not known" if heap is None else f"heap {size_text(heap)}",
            states(result.history, "control_plane.heap_bytes"),
        ),
    )
    return [
        Row(name="control plane", gauges=gauges),
        Row(name="", pieces=(Piece(told, "dim"),), rank=4),
    ]


def _generator(result: Result) -> Row:
    generator = result.generator
    cpu = rates(result.history, "generator.cpu_seconds")
    of = "" if generator.cores is None else f" of {generator.cores:g}"
    gauges = (
        Gauge(f"{last(cpu) or 0.0:.2f}{of} cores", cpu),
        Gauge(
            f"memory {size_text(generator.rss_bytes)}",
            states(result.history, "generator.rss_bytes"),
        ),
    )
    return Row(name="generator", gauges=gauges, rank=1)


def _outages(result: Result) -> list[Row]:
    outages = result.outages
    if not outages.count:
        return []
    pieces = []
    newest = outages.first[-1] if outages.first else None
    if newest is not None and newest.open:
        text = f"now, for {time_text(newest.duration)}: {newest.lost:,} proxies lost; "
        pieces.append(Piece(text, "bad"))
    pieces.append(
        Piece(f"{outages.count:,} so far, the longest {time_text(outages.longest)}", "strong")
    )
    return [Row(name="outages", pieces=tuple(pieces))]


def _errors(result: Result, logged: Mapping[str, int]) -> Row:
    streams = {reason: n for reason, n in result.disconnects.items() if reason != "local" and n}
    rejected = {} if result.control_plane is None else result.control_plane.rejects or {}
    churn = sum(counts["failed"] for counts in result.churn.values())
    others = {
        "objects failed": result.objects.failed,
        "changes failed": churn,
        "responses rejected": sum(rejected.values()),
        "warnings in the log": logged.get("warn", 0),
        "errors in the log": logged.get("error", 0),
    }
    parts = [f"{name} {count:,}" for name, count in others.items() if count]
    if streams:
        parts.insert(0, f"streams {reasons_text(streams)}")
    if not parts:
        return Row(name="errors", pieces=(Piece("none", "dim"),), rank=2)
    return Row(name="errors", pieces=(Piece(", ".join(parts), "bad"),), rank=1)


def _thresholds(verdicts: Sequence[Verdict], *, has_begun: bool) -> list[Row]:
    """Return a row for each threshold that fails now or that the user wrote, and one for the rest.

    Before the work has begun, those are not judged.
    """
    if not verdicts or not has_begun:
        return []
    failed = [one for one in verdicts if not one.passed]
    shown = [*failed, *(one for one in verdicts if one.passed and not one.default)]
    shown = shown[:MAX_THRESHOLDS]
    texts = [
        (f"{PASSED if one.passed else FAILED} {one.expr}", f"  {one.measured}", one.passed)
        for one in shown
    ]
    rest = len(verdicts) - len(shown)
    if rest:
        holding = sum(one.passed for one in verdicts) - sum(one.passed for one in shown)
        word = "hold" if holding != 1 else "holds"
        others = f"{PASSED} {holding:,} {'others ' if shown else ''}{word}"
        if holding < rest:
            others += f", {FAILED} {rest - holding:,} more fail"
        texts.append((others, "", holding == rest))
    return [
        Row(
            name="" if index else "thresholds",
            pieces=(Piece(expr, "good" if passed else "bad"), Piece(value)),
            rank=2 if passed else 0,
        )
        for index, (expr, value, passed) in enumerate(texts)
    ]


def _count(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:,.1f}"
