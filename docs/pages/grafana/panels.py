"""A panel of a dashboard as plain data, and Grafana's names of the units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

SECONDS: Final = "s"
BYTES: Final = "bytes"
BYTES_PER_SECOND: Final = "binBps"
PER_SECOND: Final = "suffix:/s"
CORES: Final = "suffix: cores"
SHARE: Final = "percentunit"
NUMBER: Final = "short"


@dataclass(frozen=True)
class Panel:
    """A panel with the queries that it draws.

    Args:
        queries: The queries, by the names of their series in the legend.
        unit: Grafana's name of the unit of all series.
        limit: The value from which on the panel is red.
        floor: Whether it is red below the limit instead.
        stacked: Whether the series add up to a whole.
    """

    title: str
    description: str
    queries: Mapping[str, str]
    unit: str = NUMBER
    limit: float | None = None
    floor: bool = False
    stacked: bool = False


@dataclass(frozen=True)
class Row:
    """A heading, and the panels below it, so many beside each other."""

    title: str
    panels: tuple[Panel, ...]
    columns: int = 2
