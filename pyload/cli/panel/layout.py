"""How a frame looks at some width: lines of text with colours, one for each row.

Where there is no room, courses and bars shrink first, then text is cut. Colours repeat what words
say, so that nothing is lost without them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.report.courses import Course
    from pyload.report.frame import Frame
    from pyload.report.rows import Gauge, Row, Tone

_STYLES: Final[dict[Tone, str]] = {
    "plain": "",
    "strong": "bold",
    "dim": "dim",
    "good": "green",
    "bad": "bold red",
}
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_FULL, _EMPTY, _RULE = "━", "─", "─"
_ASCII: Final = str.maketrans("▁▂▃▄▅▆▇█━─✓✗µ…·", "_.-:=+*#=-+xu~|")

_GAUGE_TEXT: Final = (16, 15)
"""Width of the texts of both gauges, so that courses do not move as digits come and go."""
_MAX_BAR: Final = 30
_MIN_BAR: Final = 8
_PERCENT: Final = len(" 100%")


def layout(frame: Frame, *, width: int, height: int) -> list[Text]:
    """Return the lines of a panel.

    Args:
        frame: What it shows.
        width: Columns of the terminal; lines take one less, so that none of them wraps.
        height: Rows of the terminal; the panel takes one less.
    """
    width = max(1, width - 1)
    rows = _fitting(frame.rows, height - 3)
    names = max((cell_len(row.name) for row in frame.rows), default=0)
    lines = [
        _ruled(Text(frame.title, "bold"), Text(frame.elapsed, "bold"), width),
        *(_row(row, names, width) for row in rows),
        _ruled(_keys(frame.keys), Text(), width),
    ]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[: max(1, height - 1)]


def as_ascii(text: str) -> str:
    """Return a line for a terminal that has no other characters."""
    return text.translate(_ASCII).encode("ascii", "replace").decode()


def _fitting(rows: Sequence[Row], height: int) -> list[Row]:
    """Return the rows without those of the highest ranks, of which the last go first."""
    kept = list(rows)
    while len(kept) > max(0, height):
        rank = max(row.rank for row in kept)
        del kept[max(index for index, row in enumerate(kept) if row.rank == rank)]
    return kept


def _ruled(left: Text, right: Text, width: int) -> Text:
    line = Text().append(f"{_RULE}{_RULE} ", "dim")
    if left:
        line.append_text(left).append(" ")
    tail = Text(" ").append_text(right).append(f" {_RULE}{_RULE}", "dim") if right else Text()
    room = width - line.cell_len - tail.cell_len
    if room < 0:
        line.truncate(width - tail.cell_len, overflow="ellipsis")
    return line.append(_RULE * max(0, room), "dim").append_text(tail)


def _keys(keys: Sequence[tuple[str, str]]) -> Text:
    text = Text()
    for index, (key, meaning) in enumerate(keys):
        text.append("  " if index else "").append(key, "bold cyan").append(f" {meaning}")
    return text


def _row(row: Row, names: int, width: int) -> Text:
    line = Text(" ").append(row.name.ljust(names), "cyan").append("  ")
    room = width - line.cell_len
    if row.gauges:
        return line.append_text(_gauges(row.gauges, room))
    text = Text.assemble(*((piece.text, _STYLES[piece.tone]) for piece in row.pieces))
    if row.bar is not None:
        wide = min(_MAX_BAR, room - text.cell_len - _PERCENT - 2)
        if wide >= _MIN_BAR:
            text.append(" " * (room - text.cell_len - wide - _PERCENT))
            text.append_text(_bar(row.bar, wide))
    return line.append_text(text)


def _bar(share: float, width: int) -> Text:
    # Nothing looks whole that is not.
    full = min(int(share * width), width - 1) if share < 1 else width
    percent = f"{min(int(share * 100), 99) if share < 1 else 100:4}%"
    return Text(_FULL * full, "green").append(_EMPTY * (width - full), "dim").append(percent, "")


def _gauges(gauges: Sequence[Gauge], room: int) -> Text:
    half = (room - 2) // 2
    text = Text()
    for index, gauge in enumerate(gauges):
        own = _GAUGE_TEXT[index]
        if index:
            text.append(" " * max(2, half + 2 - text.cell_len))
        text.append(gauge.text.ljust(own), "bold" if not index else "").append(" ")
        text.append(_spark(gauge.course, half - max(own, cell_len(gauge.text)) - 1), "cyan")
    return text


def _spark(course: Course, width: int) -> str:
    """Draw a course, the newest value at the right, from 0 at the bottom to its largest value."""
    values = course[-width:] if width > 0 else ()
    most = max((value for value in values if not math.isnan(value)), default=0.0)
    return "".join(
        " "
        if math.isnan(value)
        else _LEVELS[round(value / most * (len(_LEVELS) - 1)) if most > 0 else 0]
        for value in values
    ).rjust(max(0, width))
