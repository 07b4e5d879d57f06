"""Fleets that are pushed to in turns, so that they share the machine's good and bad moments."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.fleet.measure import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bench.fleet.measure import Load, Setup


@dataclass(frozen=True, slots=True)
class Turns:
    """One of several fleets that were pushed to in turns.

    Attributes:
        setup: The fleet.
        pushes: Seconds of CPU that each push took of one client.
        resident: Bytes of resident memory for each client, when it was quiet again.
    """

    setup: Setup
    pushes: tuple[float, ...]
    resident: float


def in_turns(setups: Sequence[Setup], load: Load, kind: str, *, pushes: int) -> list[Turns]:
    """Push to several fleets in turns, in another order each time.

    Args:
        setups: The fleets.
        load: What the servers send.
        kind: Which pushes, as in `Run.push`.
        pushes: Pushes to each fleet; two more come before, with which caches fill.
    """
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(Run(setup, load)) for setup in setups]
        for run in runs:
            run.connect()
        costs: list[list[float]] = [[] for _ in runs]
        for turn in range(pushes + 2):
            for at in range(len(runs)):
                place = (at + turn) % len(runs)
                cost = runs[place].push(kind).cpu / setups[place].clients
                costs[place] += [cost] if turn >= 2 else []
        return [
            Turns(setup, tuple(cost), (run.resident() - run.empty) / setup.clients)
            for setup, cost, run in zip(setups, costs, runs, strict=True)
        ]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two fleets of the same size, pushed to in turns, as far as one client of each is concerned.

    Attributes:
        setup: The first fleet.
        pushes: Seconds of CPU of each push to the first fleet.
        others: Seconds of CPU of each push to the second.
        added: Bytes of resident memory that the first needs more than the second.
    """

    setup: Setup
    pushes: tuple[float, ...]
    others: tuple[float, ...]
    added: float


def compare(setup: Setup, other: Setup, load: Load, kind: str, *, pushes: int) -> Comparison:
    """Push to two fleets in turns, each first in every other turn.

    Args:
        setup: The first fleet.
        other: The second, which has as many clients.
        load: What the servers send.
        kind: Which pushes, as in `Run.push`.
        pushes: Pushes to each fleet.
    """
    one, two = in_turns([setup, other], load, kind, pushes=pushes)
    return Comparison(setup, one.pushes, two.pushes, one.resident - two.resident)
