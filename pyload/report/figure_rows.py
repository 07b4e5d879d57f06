"""The rows of a panel that show figures, each for a section of the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyload.report.courses import last, means_and_maxima, rates, spread_over, states
from pyload.report.latency import Latency, time_text
from pyload.report.outage import reasons_text
from pyload.report.quantity import size_text
from pyload.report.rows import Gauge, Piece, Row
from pyload.report.verdict import FAILED, PASSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyload.report.convergence import Convergence
    from pyload.report.result import Result
    from pyload.report.verdict import Verdict

MAX_THRESHOLDS: Final = 4
"""Thresholds that have a row each."""


def push_rows(result: Result) -> list[Row]:
    """Return how many responses and bytes proxies receive."""
    pushes, size = rates(result.history, "pushes"), rates(result.history, "push_bytes")
    if not any(result.pushes.values()) and not result.proxies.started:
        return []
    gauges = (
        Gauge(f"{_count(last(pushes) or 0)}/s", pushes),
        Gauge(f"{size_text(last(size) or 0)}/s", size),
    )
    return [Row(name="pushes", gauges=gauges)]


def time_rows(result: Result) -> list[Row]:
    """Return how long the first config took, and what else the command times."""
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


def convergence_rows(result: Result) -> list[Row]:
    """Return how long changes take; none in a run without probes."""
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


def control_plane_rows(result: Result) -> list[Row]:
    """Return what the control plane says of itself; none if it is not read."""
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


def generator_row(result: Result) -> Row:
    """Return what pyload itself uses."""
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


def outage_rows(result: Result) -> list[Row]:
    """Return the outages; none without any."""
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


def errors_row(result: Result, logged: Mapping[str, int]) -> Row:
    """Return everything that has gone wrong, by kind."""
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


def threshold_rows(verdicts: Sequence[Verdict]) -> list[Row]:
    """Return a row for each threshold that fails now or that the user wrote, one for the rest."""
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
