"""Cuts a stream of JSON into its objects, holding no more than one of them.

The bytes are not parsed: a pattern finds the brackets outside of texts, a counter the depth, and an
object ends where the depth returns to that of its beginning. The objects stand at depth 0 in lines,
at 1 in an array, and at 2 in the items of a List, which shows when its key ``items`` is reached.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRUCTURE: Final = re.compile(rb'[{}\[\]]|"[^"\\]*(?:\\.[^"\\]*)*("?)', re.DOTALL)
"""A bracket, or a text; without the closing quote, a text whose end has not been received."""

_ITEMS: Final = re.compile(rb'"items"\s*:\s*\Z')
_KEY_BYTES: Final = 64
_BETWEEN: Final = b" \t\r\n,-\x1e"
"""Bytes that may stand between objects, in lines, in an array and in a YAML stream of JSON."""

NOT_JSON: Final = "this is neither a JSON object nor an array or List of them"


class JsonPieces:
    """Finds the objects in JSON lines, in an array, and in the items of a List.

    Attributes:
        problem: The mistake in the input, in words; empty without one.
        line: Current line, counted from 1.
    """

    def __init__(self) -> None:
        self.problem = ""
        self.line = 1
        self._buffer = b""
        self._scanned = 0
        self._depth = 0
        # Depth of the objects.
        self._base = 0
        # Position of the beginning of the current object; -1 between objects.
        self._begin = -1
        # Position of the bytes between two objects; -1 if they are not checked.
        self._gap = 0

    def __len__(self) -> int:
        """Return how many bytes are held back."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Feed the next bytes, and yield the complete objects with their lines."""
        self._buffer += data
        pieces = self._scan()
        kept = self._kept()
        done = self._buffer[:kept]
        position = 0
        for begin, end in pieces:
            self.line += done.count(b"\n", position, begin)
            yield self.line, done[begin:end]
            self.line += done.count(b"\n", begin, end)
            position = end
        self.line += done.count(b"\n", position)
        self._forget(kept)

    def end(self) -> None:
        """Handle the end of the input; sets `problem` if it is within an object."""
        if self.problem:
            return
        if self._depth:
            self.problem = "the file ends within an object"
        elif self._buffer.strip(_BETWEEN):
            self.problem = NOT_JSON

    def _scan(self) -> list[tuple[int, int]]:
        """Scan the new bytes, and return where complete objects begin and end."""
        pieces = []
        buffer = self._buffer
        scanned = len(buffer)
        for match in _STRUCTURE.finditer(buffer, self._scanned):
            at = match.start()
            sign = buffer[at]
            if sign in b"{[":
                self._open(sign == 0x7B, at, buffer)
            elif sign in b"}]":
                if self._close(at):
                    pieces.append((self._begin, at + 1))
                    self._begin, self._gap = -1, at + 1
            elif not match[1]:
                scanned = at
                break
            if self.problem:
                break
        self._scanned = scanned
        return pieces

    def _open(self, is_object: bool, at: int, buffer: bytes) -> None:  # noqa: FBT001 - one caller
        if self._depth == self._base and self._begin < 0:
            if self._gap >= 0 and buffer[self._gap : at].strip(_BETWEEN):
                self.problem = NOT_JSON
            if is_object:
                self._begin = at
            elif self._depth == 0:
                self._base, self._gap = 1, at + 1
            else:
                self.problem = NOT_JSON
        elif not is_object and self._depth == 1 and self._base == 0:
            key = buffer[max(0, at - _KEY_BYTES) : at]
            if _ITEMS.search(key):
                self._base, self._begin, self._gap = 2, -1, at + 1
        self._depth += 1

    def _close(self, at: int) -> bool:
        """Close a level, and return whether an object is complete."""
        self._depth -= 1
        if self._depth < 0:
            self.problem = NOT_JSON
        elif self._depth == self._base and self._begin >= 0:
            return True
        elif self._depth < self._base:
            # The array is over; the rest of a List around it is ignored.
            self._base, self._gap = 0, -1 if self._depth else at + 1
        elif self._depth == 0:
            self._gap = at + 1
        return False

    def _kept(self) -> int:
        """Return the position before which no byte is needed any more."""
        if self._begin >= 0:
            return self._begin
        return self._gap if self._gap >= 0 else self._scanned

    def _forget(self, count: int) -> None:
        self._buffer = self._buffer[count:]
        self._scanned -= count
        self._begin -= count if self._begin >= 0 else 0
        self._gap -= count if self._gap >= 0 else 0
