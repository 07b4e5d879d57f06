"""Which bytes bring a panel onto a terminal, in place of the one that is there.

A panel stands at the bottom of what has been written, the cursor at the end of its last line. The
next one is written over it line by line, without clearing anything that does not change, and
together with the lines that go above it in one write; terminals that know the mode for it show all
of that at once. So nothing flickers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
"""Synchronized output: what is between is shown at once."""
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"


class Screen:
    """Remembers which panel is on a terminal."""

    def __init__(self) -> None:
        self._shown: tuple[str, ...] = ()
        self._cells: tuple[int, ...] = ()
        self._width = 0

    def update(
        self, panel: Sequence[str], cells: Sequence[int], *, width: int, above: Sequence[str] = ()
    ) -> str:
        """Return what to write for a panel, and for new lines above it.

        Args:
            panel: The lines of the panel; none takes it away.
            cells: How wide each is.
            width: Columns of the terminal.
            above: Lines that stay.
        """
        if tuple(panel) == self._shown and width == self._width and not above:
            return ""
        start = self._to_start(width)
        if above or width != self._width or not panel:
            # These lines may be longer than the terminal is wide.
            parts = [start, _CLEAR_BELOW, *(f"{line}\r\n" for line in above)]
            parts.append("\r\n".join(panel))
        else:
            lines = f"{_CLEAR_LINE}\r\n".join(panel)
            parts = [start, lines, _CLEAR_LINE, _CLEAR_BELOW]
        self._shown, self._cells, self._width = tuple(panel), tuple(cells), width
        return "".join((_BEGIN, *parts, _END))

    def forget(self) -> None:
        """Regard the panel as gone: something else was written since."""
        self._shown = self._cells = ()

    def _to_start(self, width: int) -> str:
        """Return what moves the cursor to the start of the panel that is there."""
        if not self._shown:
            return ""
        # A terminal that has become narrower has wrapped its lines.
        rows = sum(max(1, -(-cells // width)) for cells in self._cells)
        return f"\r\x1b[{rows - 1}A" if rows > 1 else "\r"
