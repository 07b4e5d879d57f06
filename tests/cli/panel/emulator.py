"""A terminal in memory that knows what a panel sends."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\x1b\[(\??[\d;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]")


class Emulator:
    """A terminal of some size, and what stands on it and above it."""

    def __init__(self, width: int = 40, height: int = 8) -> None:
        self.width = width
        self.height = height
        self.lines: list[str] = [""]
        self.row = 0
        self.column = 0

    def feed(self, text: str) -> None:
        """Handle what is written."""
        for match in _TOKEN.finditer(text):
            self._token(match)

    @property
    def screen(self) -> list[str]:
        """The lines that are seen, without what is blank at their ends."""
        return [line.rstrip() for line in self.lines[self._top :]]

    @property
    def _top(self) -> int:
        return max(0, len(self.lines) - self.height)

    def _token(self, match: re.Match[str]) -> None:
        token = match[0]
        if token == "\r":
            self.column = 0
        elif token == "\n":
            self.row += 1
            if self.row == len(self.lines):
                self.lines.append("")
        elif match[2] is None:
            if self.column == self.width:
                self._token(_TOKEN.match("\r"))  # type: ignore[arg-type]
                self._token(_TOKEN.match("\n"))  # type: ignore[arg-type]
            line = self.lines[self.row].ljust(self.column)
            self.lines[self.row] = line[: self.column] + token + line[self.column + 1 :]
            self.column += 1
        elif match[2] == "A":
            self.row = max(self._top, self.row - int(match[1] or 1))
        elif match[2] in "KJ":
            self.lines[self.row] = self.lines[self.row][: self.column]
            if match[2] == "J":
                del self.lines[self.row + 1 :]
        else:
            assert match[2] in "mhl", f"unknown sequence {token!r}"
