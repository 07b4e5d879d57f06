"""What a panel shows of a run at one moment, as plain data: rows of text, bars and courses.

A frame says what is worth a row and in which words; how wide things are, and in which colours, is
for whoever draws it. Each row has a rank: where a screen is too low, those of the highest rank go
first. Rows come and go as little as possible, as a panel that changes its height is hard to read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyload.report.figure_rows import (
    control_plane_rows,
    convergence_rows,
    errors_row,
    generator_row,
    outage_rows,
    push_rows,
    threshold_rows,
    time_rows,
)
from pyload.report.latency import time_text
from pyload.report.phases import RUNNING, STARTING
from pyload.report.rows import Piece, Row
from pyload.report.verdict import PASSED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyload.report.phases import Phase
    from pyload.report.progress import Status
    from pyload.report.result import Result

_REACHED_LOCALLY: Final = ("0.0.0.0", "[::]", "127.0.0.1")  # noqa: S104 - compared only


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
            *push_rows(result),
            *time_rows(result),
            *convergence_rows(result),
            *control_plane_rows(result),
            generator_row(result),
            *outage_rows(result),
            errors_row(result, scene.logged),
            *threshold_rows(result.thresholds),
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
    """Return where the live page is, by the name that people know this machine by."""
    if not address:
        return []
    host, _, port = address.rpartition(":")
    if host in _REACHED_LOCALLY:
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
