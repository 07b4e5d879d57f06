"""The figures of a run over time: points of one second, and of more the older they are.

There are never more than `MAX_POINTS`, however long the run is. The last `RECENT` of them are the
last seconds. Older ones are joined until they are as wide as a width that is the same for all, and
which doubles whenever there are too many again: an hour has points of 8 s, a day of 256 s. What a
join makes of two values depends on the series: what happened is added up, and of a state the last,
the least or the largest is kept.

Values are columns, as most of them are read together, and as a column of numbers is small: all
series of a run take less than 1 MB.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Join = Literal["sum", "last", "max", "min"]
"""What two neighbouring values become."""

RECENT: Final = 300
"""Points that are never joined."""

MAX_POINTS: Final = 900
"""Points at the most."""

_MISSING: Final = math.nan


@dataclass(frozen=True, slots=True)
class TimeSeries:
    """The figures of a run over time, as columns of the same length.

    Attributes:
        at: When each point ended, in seconds from the start of the run.
        seconds: How long each point was.
        series: Values of each figure, by its path in the result; null where there was none.
    """

    at: Sequence[float] = field(default_factory=lambda: array("d"))
    seconds: Sequence[float] = field(default_factory=lambda: array("d"))
    series: Mapping[str, Sequence[float]] = field(default_factory=dict)


class History:
    """Keeps values over time.

    Args:
        join_of: Returns how values of a series are joined, by its name.
        recent: Points that are never joined.
        most: Points at the most.
    """

    def __init__(
        self, join_of: Callable[[str], Join], *, recent: int = RECENT, most: int = MAX_POINTS
    ) -> None:
        self._join_of = join_of
        self._recent = recent
        self._most_old = most - recent
        self._at = array("d")
        self._seconds = array("d")
        self._columns: dict[str, tuple[Join, array[float]]] = {}
        # How many points each was before it was joined with others.
        self._samples = array("l")
        # The first points, this many, are of so many samples; those after them are of one each.
        self._old = 0
        self._width = 1

    def __len__(self) -> int:
        return len(self._at)

    def add(self, at: float, values: Mapping[str, float | None]) -> None:
        """Add a point that begins where the last one ended.

        Args:
            at: Its end, in seconds from the start of the run.
            values: By series, what happened in it, or what was so at its end.
        """
        count = len(self._at)
        for name in values:
            if name not in self._columns:
                join = self._join_of(name)
                column = array("d", [0.0 if join == "sum" else _MISSING]) * count
                self._columns[name] = (join, column)
        self._seconds.append(at - (self._at[-1] if count else 0.0))
        self._at.append(at)
        self._samples.append(1)
        for name, (join, column) in self._columns.items():
            value = values.get(name)
            missing = 0.0 if join == "sum" else _MISSING
            column.append(missing if value is None else value)
        if count + 1 - self._old > self._recent:
            self._age()

    def snapshot(self) -> TimeSeries:
        """Return the points so far, which later ones do not change."""
        columns = sorted(self._columns.items())
        return TimeSeries(
            self._at[:], self._seconds[:], {name: column[:] for name, (_, column) in columns}
        )

    def _age(self) -> None:
        """Count one more point as old, and join old ones until there are not too many."""
        self._old += 1
        self._join(self._old - 1)
        while self._old > self._most_old:
            self._width *= 2
            index = 1
            while index < self._old:
                self._join(index)
                index += 1

    def _join(self, index: int) -> None:
        """Join a point with the one before it, if both together are not too wide."""
        before = index - 1
        if before < 0 or self._samples[before] + self._samples[index] > self._width:
            return
        self._samples[before] += self._samples.pop(index)
        self._seconds[before] += self._seconds.pop(index)
        self._at.pop(before)
        for join, column in self._columns.values():
            value = column.pop(index)
            column[before] = _joined(join, column[before], value)
        self._old -= 1


def _joined(join: Join, one: float, other: float) -> float:
    if join == "sum":
        return one + other
    if math.isnan(other):
        return one
    if math.isnan(one) or join == "last":
        return other
    return max(one, other) if join == "max" else min(one, other)


def column_json(column: Iterable[float]) -> list[Any]:
    """Return a column as JSON has it: whole numbers as such, and None for what is missing."""
    return [
        int(value) if value.is_integer() else round(value, 6) if value == value else None  # noqa: PLR0124 - NaN alone differs from itself
        for value in column
    ]
