"""The figures as tables, and each target beside what was measured. Nothing here measures."""

from __future__ import annotations

import dataclasses
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bench.fleet.measure import Figures, Setup
    from tests.bench.fleet.turns import Comparison

PUSH_RATIO: Final = 0.8
CONNECT_RATIO: Final = 0.7
PLAIN_BYTES: Final = 25_000
TLS_BYTES: Final = 60_000
FLAT: Final = 1.15
IDLE: Final = 0.005
"""Share of a core for each thousand clients."""
MEASURING_RATIO: Final = 1.05
MEASURING_BYTES: Final = 1_000
GROWTH_BYTES: Final = 2_000_000
"""What 200 pushes may add: no more than the allocator's own ups and downs."""

DEFAULT: Final = "lean"
FLOOR: Final = "floor"


@dataclass(frozen=True, slots=True)
class Growth:
    """Resident memory before and after many pushes, in bytes."""

    mode: str
    kind: str
    pushes: int
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Target:
    """One line of the table of targets.

    Attributes:
        what: What was measured.
        value: The figure.
        limit: What it may be at most.
        unit: Of both.
    """

    what: str
    value: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the figure is within its target."""
        return self.value <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.met else f"MISSED by {self.value / self.limit - 1:.0%}"
        value, limit = f"{self.value:.2f} {self.unit}", f"{self.limit:g} {self.unit}"
        return f"{self.what:<58}{value:>12}{limit:>12}  {verdict}"


def median(rounds: Sequence[Figures]) -> Figures:
    """Put several measurements of one setup together."""
    first = rounds[0]

    def middle(name: str) -> Any:
        return statistics.median(getattr(one, name) for one in rounds)

    return dataclasses.replace(
        first,
        connect=middle("connect"),
        pushes=tuple(push for one in rounds for push in one.pushes),
        changed=middle("changed"),
        rate=middle("rate"),
        empty=int(middle("empty")),
        resident=int(middle("resident")),
        connect_seconds=middle("connect_seconds"),
        push_seconds=middle("push_seconds"),
        again=sum(one.again for one in rounds),
    )


def push(figures: Figures) -> float:
    """Return the CPU seconds of the median push."""
    return statistics.median(figures.pushes)


HEADINGS: Final = (
    f"{'':<17}{'clients':>8} {'transport':<10}"
    f"{'connect':>9}{'÷floor':>7}{'push':>9}{'÷floor':>7}{'changed':>9}"
    f"{'msg/s/core':>11}{'memory':>9}{'of each':>9}{'all up':>8}{'pushed':>8}"
)


def line(one: Figures, floor: Figures | None) -> str:
    """Return one line under `HEADINGS`.

    Args:
        one: What was measured.
        floor: The floor, with as many clients in the same mode; None if it was not measured.
    """
    setup = one.setup
    ratios = ("", "")
    if floor is not None:
        ratios = f"{one.connect / floor.connect:.2f}", f"{push(one) / push(floor):.2f}"
    each = (one.resident - one.empty) / setup.clients
    return (
        f"{setup.mode:<17}{setup.clients:>8,} {setup.kind:<10}"
        f"{one.connect * 1e3:>6.2f} ms{ratios[0]:>7}{push(one) * 1e3:>6.2f} ms{ratios[1]:>7}"
        f"{one.changed * 1e3:>6.2f} ms{one.rate:>11,.0f}"
        f"{one.resident / 1e6:>6.0f} MB{each / 1e3:>6.0f} KB"
        f"{one.connect_seconds:>6.1f} s{one.push_seconds:>6.1f} s"
        f"{f'  {one.again} came again' if one.again else ''}"
    )


COMPARED: Final = (
    f"{'':<12}{'clients':>8} {'push':>12}{'without':>12}{'ratio':>8}{'memory of each more':>21}"
)


def compared(one: Comparison) -> str:
    """Return one line under `COMPARED`."""
    with_, without = statistics.median(one.pushes), statistics.median(one.others)
    return (
        f"{one.setup.mode:<12}{one.setup.clients:>8,}"
        f"{with_ * 1e3:>10.3f} ms{without * 1e3:>9.3f} ms"
        f"{with_ / without:>8.3f}{one.added / 1e3:>18.2f} KB"
    )


def targets(
    results: Mapping[Setup, Figures],
    grown: Sequence[Growth],
    measuring: Sequence[Comparison],
    *,
    base: int,
    largest: int,
) -> Iterator[Target]:
    """Compare with what the documentation promises.

    Args:
        results: What was measured, by its setup.
        grown: Memory over many pushes.
        measuring: Fleets that measure how long a probe takes, and fleets that do not.
        base: Clients that all kinds were measured with.
        largest: Most clients of one process.
    """
    modes = [one for one in results if one.kind == DEFAULT and one.clients == base]
    for setup in modes:
        floor = results.get(dataclasses.replace(setup, kind=FLOOR))
        if floor is not None and not setup.tls:
            one = results[setup]
            of_floor = f"of the floor's, {base:,} clients, {setup.mode}"
            yield Target(f"CPU of a push {of_floor}", push(one) / push(floor), PUSH_RATIO, "x")
            ratio = one.connect / floor.connect
            yield Target(f"CPU to connect {of_floor}", ratio, CONNECT_RATIO, "x")
    for setup in modes:
        small, large = results[setup], results.get(dataclasses.replace(setup, count=largest))
        if large is not None:
            yield from _sizes(small, large)
    for each in measuring:
        what = f"of one that measures nothing, {each.setup.clients:,} clients, {each.setup.mode}"
        ratio = statistics.median(each.pushes) / statistics.median(each.others)
        yield Target(f"CPU of a probe's push {what}", ratio, MEASURING_RATIO, "x")
        what = f"memory that measuring adds to each, {each.setup.mode}"
        yield Target(what, max(0.0, each.added) / 1e3, MEASURING_BYTES / 1e3, "KB")
    for watched in grown:
        yield Target(
            f"memory that {watched.pushes} pushes add, {watched.kind}, {watched.mode}",
            max(0, watched.after - watched.before) / 1e6,
            GROWTH_BYTES / 1e6,
            "MB",
        )


def _sizes(small: Figures, large: Figures) -> Iterator[Target]:
    before, after = small.setup.clients, large.setup.clients
    span = f"{before:,} to {after:,} clients, {small.setup.mode}"
    each = (large.resident - small.resident) / (after - before)
    limit = TLS_BYTES if small.setup.tls else PLAIN_BYTES
    yield Target(f"memory of each more, {span}", each / 1e3, limit / 1e3, "KB")
    # A push to many spans several of the machine's moments, a push to few has one: their medians
    # would be of different things.
    ratio = statistics.fmean(large.pushes) / statistics.fmean(large.beside)
    yield Target(f"CPU of a push, {span}", ratio, FLAT, "x")
    if large.idle is not None:
        share = large.idle / (after / 1000)
        what = f"idle, of a core for 1,000 of {after:,}, {small.setup.mode}"
        yield Target(what, share * 100, IDLE * 100, "%")
