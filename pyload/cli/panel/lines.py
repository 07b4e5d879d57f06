"""Log lines beside a panel: those that matter go above it, and the last of the others are kept."""

from __future__ import annotations

import logging
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT: Final = 20
"""Lines of the log that are kept for the user who wants to see them."""

_MOST_WAITING: Final = 25
"""Lines that go above the panel at a time; of more than these, only the number is shown."""


_LEVELS: Final = {logging.DEBUG: "debug", logging.WARNING: "warning", logging.ERROR: "error"}
_TRACEBACKS: Final = logging.Formatter()


@dataclass(frozen=True, slots=True)
class Line:
    """A line to go above the panel.

    Attributes:
        text: The line.
        level: Its level, as a number of `logging`.
    """

    text: str
    level: int


class Lines(logging.Handler):
    """Keeps lines of the log until a panel shows them.

    Args:
        write: Writes a line where there is no panel.
        shows_all: Whether all lines go above the panel, and not only warnings and errors.

    Attributes:
        has_panel: Whether there is a panel, which takes the lines.
        shows_all: As above.
        counts: How many lines there were, by level: ``warn`` and ``error``.
    """

    def __init__(self, write: Callable[[str], object], *, shows_all: bool = False) -> None:
        super().__init__()
        self._write = write
        self.has_panel = False
        self.shows_all = shows_all
        self.counts: Counter[str] = Counter()
        self._kept: deque[logging.LogRecord] = deque(maxlen=KEPT)
        self._waiting: deque[logging.LogRecord] = deque(maxlen=_MOST_WAITING)
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        is_bad = record.levelno >= logging.WARNING
        if is_bad:
            self.counts["error" if record.levelno >= logging.ERROR else "warn"] += 1
        if not (is_bad or self.shows_all):
            self._kept.append(record)
        elif self.has_panel:
            self._wait(record)
        else:
            self._write(self.format(record))

    def toggle(self) -> None:
        """Show all lines from now on, and the last ones first; or the bad ones only."""
        self.shows_all = not self.shows_all
        if self.shows_all:
            for record in self._kept:
                self._wait(record)
            self._kept.clear()

    def format(self, record: logging.LogRecord) -> str:
        """Return a line for a person: the date, and the level of most lines, go without saying."""
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        level = f"{_LEVELS.get(record.levelno, '')} "
        scope = record.name.partition(".")[2]
        labels = "".join(
            f" {name}={value}" for name, value in getattr(record, "labels", {}).items()
        )
        text = f"{at} {level.lstrip()}{scope and f'{scope}: '}{record.getMessage()}{labels}"
        if record.exc_info:
            text += f"\n{_TRACEBACKS.formatException(record.exc_info)}"
        return text

    def taken(self) -> list[Line]:
        """Return the lines that are to go above the panel now, the oldest first."""
        self.acquire()
        records, left_out = list(self._waiting), self._left_out
        self._waiting.clear()
        self._left_out = 0
        self.release()
        lines = [
            Line(text, record.levelno)
            for record in records
            for text in self.format(record).splitlines()
        ]
        if left_out:
            text = f"... {left_out:,} lines are left out here; --log-file keeps them all"
            lines.insert(0, Line(text, logging.INFO))
        return lines

    def _wait(self, record: logging.LogRecord) -> None:
        self._left_out += len(self._waiting) == _MOST_WAITING
        self._waiting.append(record)
