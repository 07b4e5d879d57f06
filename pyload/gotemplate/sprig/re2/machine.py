"""Runs a program over a text: all ways at once, so no pattern can make it hang."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pyload.gotemplate.sprig.re2.nodes import Place
from pyload.gotemplate.sprig.re2.program import Op, Program, compile_pattern

_Captures = tuple[int, ...]
# Steps of one call; a second or two.
_MAX_WORK: Final = 2_000_000


class TooMuchWork(Exception):  # noqa: N818 - reads as a state
    """Raised when a pattern and a text are too large to be matched in a few seconds."""


@lru_cache(maxsize=256)
def compiled(text: str) -> Regex:
    """The pattern, compiled once.

    Raises:
        PatternError: It is not a pattern of RE2, or too large.
    """
    return Regex(compile_pattern(text))


class Regex:
    """A compiled pattern, with the methods of Go's ``Regexp`` that sprig uses."""

    __slots__ = ("_program",)

    def __init__(self, program: Program) -> None:
        self._program = program

    def find(self, text: str) -> str | None:
        """The leftmost match, or None."""
        match = _Search(self._program, text, slots=2).run(0)
        return None if match is None else text[match[0] : match[1]]

    def find_all(self, text: str, limit: int) -> list[tuple[int, int]]:
        """Start and end of successive matches; all of them if the limit is negative."""
        found: list[tuple[int, int]] = []
        search = _Search(self._program, text, slots=2)
        position, last_end = 0, -1
        while position <= len(text) and (limit < 0 or len(found) < limit):
            match = search.run(position)
            if match is None:
                break
            start, end = match[:2]
            # An empty match right behind another one does not count.
            if end != position or start != last_end:
                found.append((start, end))
            position = end + 1 if end == position else end
            last_end = end
        return found

    def split(self, text: str, limit: int) -> list[str]:
        """The text between matches, in at most ``limit`` pieces if that is not negative."""
        if limit == 0:
            return []
        if not text:
            return [""]
        pieces: list[str] = []
        start = end = 0
        for match_start, match_end in self.find_all(text, limit):
            if limit > 0 and len(pieces) == limit - 1:
                break
            end = match_start
            if match_end:
                pieces.append(text[start:end])
            start = match_end
        if end != len(text):
            pieces.append(text[start:])
        return pieces

    def replace_all(self, text: str, replacement: str, *, literal: bool) -> str:
        """Replace every match; unless literal, ``$1`` and ``${name}`` stand for groups."""
        plain = literal or "$" not in replacement
        search = _Search(self._program, text, slots=2 if plain else 2 * len(self._program.names))
        pieces: list[str] = []
        copied = position = 0
        while position <= len(text) and (match := search.run(position)) is not None:
            start, end = match[:2]
            pieces.append(text[copied:start])
            if end > copied or start == 0:
                pieces.append(replacement if plain else self._expand(replacement, text, match))
            copied = end
            position = max(position + 1, end)
        pieces.append(text[copied:])
        return "".join(pieces)

    def _expand(self, replacement: str, text: str, match: _Captures) -> str:
        pieces: list[str] = []
        before, dollar, rest = replacement.partition("$")
        while dollar:
            pieces.append(before)
            name, behind = _reference(rest)
            if rest.startswith("$"):
                pieces.append("$")
                rest = rest[1:]
            elif not name:
                pieces.append("$")
            else:
                pieces.append(self._group(name, text, match))
                rest = behind
            before, dollar, rest = rest.partition("$")
        return "".join([*pieces, before])

    def _group(self, name: str, text: str, match: _Captures) -> str:
        names = self._program.names
        plain = name.isascii() and name.isdigit() and (name == "0" or name[0] != "0")
        if plain and len(name) < 9:
            numbers = [int(name)] if int(name) < len(names) else []
        else:
            numbers = [number for number, known in enumerate(names) if known == name]
        for number in numbers:
            if match[2 * number] >= 0 and match[2 * number + 1] >= 0:
                return text[match[2 * number] : match[2 * number + 1]]
        return ""


def _reference(text: str) -> tuple[str, str]:
    """Read the name behind a ``$``; returns it and the rest, or an empty name if there is none."""
    braces = text.startswith("{")
    end = start = int(braces)
    while end < len(text) and (text[end] == "_" or text[end].isalpha() or text[end].isdecimal()):
        end += 1
    if braces and not text.startswith("}", end):
        return "", text
    return text[start:end], text[end + braces :]


class _Search:
    """Looks for the leftmost match in one text; of those, the one that Perl would prefer."""

    __slots__ = ("_blank", "_steps", "_text", "_threads", "_work", "program")

    def __init__(self, program: Program, text: str, *, slots: int) -> None:
        self.program = program
        self._steps = program.steps
        self._text = text
        self._blank = (-1,) * slots
        self._work = 0

    def run(self, position: int) -> _Captures | None:
        """Find the first match at or behind a position.

        Raises:
            TooMuchWork: All runs of this search together took too long.
        """
        text, steps = self._text, self._steps
        best: _Captures | None = None
        threads: dict[int, _Captures] = {}
        while True:
            if best is None:
                self._follow(threads, self.program.start, position, self._blank)
            char = text[position] if position < len(text) else None
            following: dict[int, _Captures] = {}
            for index, captures in threads.items():
                step = steps[index]
                if step.op is Op.MATCH:
                    best = captures
                    break  # the threads behind are less preferred
                if step.op is Op.ONE and char is not None:
                    assert step.chars is not None
                    if char in step.chars:
                        self._follow(following, step.to, position + 1, captures)
            self._work += len(threads) + 1
            if self._work > _MAX_WORK:
                raise TooMuchWork
            if char is None or (best is not None and not following):
                return best
            threads = following
            position += 1

    def _follow(
        self, threads: dict[int, _Captures], start: int, position: int, captures: _Captures
    ) -> None:
        """Add the steps that can be reached without consuming anything, best first."""
        stack = [(start, captures)]
        while stack:
            index, captures = stack.pop()
            if index in threads:
                continue
            threads[index] = captures
            step = self._steps[index]
            if step.op is Op.SPLIT:
                stack.append((step.other, captures))
                stack.append((step.to, captures))
            elif step.op is Op.SAVE:
                if step.slot < len(captures):
                    captures = (*captures[: step.slot], position, *captures[step.slot + 1 :])
                stack.append((step.to, captures))
            elif step.op is Op.AT and _holds(step.place, self._text, position):
                stack.append((step.to, captures))


def _holds(place: Place | None, text: str, position: int) -> bool:
    if place is Place.TEXT_START:
        return position == 0
    if place is Place.TEXT_END:
        return position == len(text)
    if place is Place.LINE_START:
        return position == 0 or text[position - 1] == "\n"
    if place is Place.LINE_END:
        return position == len(text) or text[position] == "\n"
    boundary = _is_word(text, position - 1) != _is_word(text, position)
    return boundary == (place is Place.BOUNDARY)


def _is_word(text: str, position: int) -> bool:
    if not 0 <= position < len(text):
        return False
    char = text[position]
    return char.isascii() and (char.isalnum() or char == "_")
