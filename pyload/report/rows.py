"""The rows of a panel, as plain data: text, bars and courses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pyload.report.courses import Course

Tone = Literal["plain", "strong", "dim", "good", "bad"]


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
