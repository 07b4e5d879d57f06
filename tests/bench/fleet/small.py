"""Small pushes, of which most are: three messages of 11 KB in all, or one changed endpoint."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from tests.bench.fleet.measure import Load, Run, Setup
from tests.bench.fleet.table import DEFAULT, FLOOR, PUSH_RATIO, Target
from tests.bench.fleet.turns import in_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.bench.fleet.turns import Turns

SERVICES: Final = 3
TLS_RATIO: Final = 1.5
"""Of the CPU of plaintext."""
BEFORE_RATIO: Final = 0.5
"""Of the CPU of the version before there was a path for small pushes."""
CHURN_SHARE: Final = 1.0
"""Of a core, for 1,000 proxies and `CHURN_RATE`."""
CHURN_RATE: Final = 10.0
"""Changed endpoints a second, where the server and the machine can keep up."""


@dataclass(frozen=True, slots=True)
class Churn:
    """What a fleet costs to which one changed endpoint after another is pushed.

    Attributes:
        setup: The fleet.
        seconds: How long it lasted.
        pushes: How many endpoints were pushed to each client.
        cpu: Seconds of CPU of all clients together.
    """

    setup: Setup
    seconds: float
    pushes: int
    cpu: float

    def __str__(self) -> str:
        each = self.cpu / self.pushes / self.setup.clients
        return (
            f"{self.setup.mode:<17}{self.setup.clients:>8,} {self.setup.kind:<10}"
            f"{self.pushes / self.seconds:>7.1f} /s{each * 1e3:>9.3f} ms"
            f"{self.cpu / self.seconds:>11.1%}"
        )


CHURN_HEADINGS: Final = (
    f"{'':<17}{'clients':>8} {'transport':<10}{'rate':>10}{'push':>12}{'of a core':>11}"
)
HEADINGS: Final = (
    f"{'':<17}{'clients':>8} {'transport':<10}{'push':>12}{'÷plaintext':>12}{'memory of each':>16}"
)


def small_pushes(
    modes: Sequence[tuple[bool, bool]],
    *,
    clients: int,
    pushes: int,
    settle: float,
    other: Path | None,
) -> list[Turns]:
    """Push to all modes and to the floor in turns.

    Args:
        modes: Delta or not and TLS or not.
        clients: Of each fleet.
        pushes: Pushes to each fleet.
        settle: Seconds that it is quiet before memory is read.
        other: Folder of another version of the project, whose clients take turns too.
    """
    ours = [Setup(DEFAULT, clients, delta=delta, tls=tls) for delta, tls in modes]
    floors = [replace(one, kind=FLOOR) for one in ours if not one.tls]
    others = [replace(one, folder=other) for one in ours] if other is not None else []
    load = Load(None, SERVICES, settle=settle)
    return in_turns([*ours, *floors, *others], load, "small", pushes=pushes)


def lines(found: Sequence[Turns]) -> Iterator[str]:
    """Yield a line for each fleet, under `HEADINGS`."""
    by_setup = {one.setup: one for one in found}
    for one in found:
        setup = one.setup
        plain = by_setup.get(replace(setup, tls=False))
        kind = setup.kind if setup.folder is None else "before"
        ratio = f"{_ratio(one, plain):.2f}" if plain is not None and setup.tls else ""
        push = statistics.median(one.pushes) * 1e3
        yield (
            f"{setup.mode:<17}{setup.clients:>8,} {kind:<10}"
            f"{push:>9.3f} ms{ratio:>12}{one.resident / 1e3:>13.1f} KB"
        )


def targets(
    found: Sequence[Turns], churned: Sequence[Churn], other: Path | None
) -> Iterator[Target]:
    """Compare with what the documentation promises."""
    by_setup = {one.setup: one for one in found}
    for one in found:
        setup = one.setup
        if setup.kind != DEFAULT or setup.folder is not None:
            continue
        of = f"{setup.clients:,} clients, {setup.mode}"
        if setup.tls and (plain := by_setup.get(replace(setup, tls=False))):
            yield Target(
                f"CPU of a small push of plaintext's, {of}", _ratio(one, plain), TLS_RATIO, "x"
            )
        if floor := by_setup.get(replace(setup, kind=FLOOR)):
            yield Target(
                f"CPU of a small push of the floor's, {of}", _ratio(one, floor), PUSH_RATIO, "x"
            )
        if other is not None and (before := by_setup.get(replace(setup, folder=other))):
            yield Target(
                f"CPU of a small push of before, {of}", _ratio(one, before), BEFORE_RATIO, "x"
            )
    for each in churned:
        share = each.cpu / each.pushes * CHURN_RATE / (each.setup.clients / 1000)
        what = f"of a core for 1,000 in churn, {each.setup.mode}"
        yield Target(what, share * 100, CHURN_SHARE * 100, "%")


def churn(setup: Setup, *, seconds: float, settle: float) -> Churn:
    """Push a changed endpoint `CHURN_RATE` times a second, or as often as the machine allows."""
    with Run(setup, Load(None, SERVICES, settle=settle)) as run:
        run.connect()
        run.push("endpoint")
        started, pushes, cpu = time.perf_counter(), 0, 0.0
        while (elapsed := time.perf_counter() - started) < seconds:
            wait = pushes / CHURN_RATE - elapsed
            if wait > 0:
                time.sleep(wait)
            cpu += run.push("endpoint").cpu
            pushes += 1
        return Churn(setup, time.perf_counter() - started, pushes, cpu)


def _ratio(one: Turns, other: Turns) -> float:
    """Return the median of the ratios of pushes that came one after the other."""
    return statistics.median(a / b for a, b in zip(one.pushes, other.pushes, strict=True))
