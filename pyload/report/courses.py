"""How figures have moved in the last seconds of a run: what its history has, made to be drawn."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.report.history import TimeSeries

SECONDS: Final = 120
"""How many of the last points are drawn at the most: one for each column of a wide terminal."""

Course = tuple[float, ...]
"""Values, the newest last; NaN is one that is missing."""


def rates(history: TimeSeries, name: str) -> Course:
    """Return how often something happened in each second, all series below a name together."""
    columns = [
        column[-SECONDS:]
        for path, column in history.series.items()
        if path == name or path.startswith(f"{name}.")
    ]
    if not columns:
        return ()
    seconds = history.seconds[-SECONDS:]
    return tuple(
        sum(values) / span if span > 0 else 0.0
        for span, *values in zip(seconds, *columns, strict=True)
    )


def states(history: TimeSeries, name: str) -> Course:
    """Return what was so at the end of each second."""
    return tuple(history.series.get(name, ())[-SECONDS:])


def means_and_maxima(history: TimeSeries, name: str) -> tuple[Course, Course]:
    """Return the mean and the largest of a time in each second in which it was measured."""
    count, total, most = (
        history.series.get(f"{name}.{part}", ())[-SECONDS:] for part in ("count", "sum", "max")
    )
    measured = [
        (total / count, largest)
        for count, total, largest in zip(count, total, most, strict=True)
        if count
    ]
    return tuple(mean for mean, _ in measured), tuple(largest for _, largest in measured)


def spread_over(course: Course) -> Course:
    """Spread what is only read every few seconds over the seconds since the reading before.

    Seconds after the last reading are taken to be like those before it.
    """
    read = [index for index, value in enumerate(course) if value > 0]
    if not read:
        return course
    found = [0.0] * len(course)
    # How many seconds the first one stands for is not known; it is drawn as the next.
    edges = [read[0] - (read[1] - read[0] if len(read) > 1 else 1), *read]
    for before, at in pairwise(edges):
        rate = course[at] / max(1, at - before)
        for index in range(max(0, before + 1), at + 1):
            found[index] = rate
    for index in range(read[-1] + 1, len(course)):
        found[index] = found[read[-1]]
    return tuple(found)


def last(course: Sequence[float]) -> float | None:
    """Return the newest value; None if there is none."""
    return course[-1] if course and not math.isnan(course[-1]) else None
