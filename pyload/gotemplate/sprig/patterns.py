"""Regular expressions by RE2, with the methods, the rules and the errors of Go's ``regexp``.

RE2 and Go read the same syntax and take time linear in the text, so no pattern can make one search
hang. This module adds the places where successive matches begin, the expansion of ``$1``, and
Go's words for faults of a pattern.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from pyload.gotemplate.values import from_utf8, utf8

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_PATTERN: Final = 1 << 16
# Characters of a pattern that is too large.
_SHOWN: Final = 64
# Bytes of text times instructions, which is what a search costs at worst, when RE2's automaton does
# not fit into its memory: about seven seconds for one search. Most cost a tenth of that or less.
_MAX_SEARCH: Final = 1 << 30
_MAX_WORK: Final = 1 << 36
_WORDS: Final = {
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "no argument for repetition operator": "missing argument to repetition operator",
}
_CONTINUATIONS: Final = frozenset(bytes((byte,)) for byte in range(0x80, 0xC0))
# Quoted texts and escapes, each as one match.
_ESCAPES: Final = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.", re.DOTALL)


class PatternError(ValueError):
    """Raised when a pattern cannot be used.

    Args:
        code: What is wrong, in Go's words.
        excerpt: The part of the pattern that is wrong.
    """

    def __init__(self, code: str, excerpt: str) -> None:
        super().__init__(f"error parsing regexp: {code}: `{excerpt}`")


class TooMuchWork(Exception):  # noqa: N818 - reads as a state
    """Raised when a pattern and a text are too large to be matched in a few seconds."""


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Regex:
    """The pattern, compiled once.

    Raises:
        PatternError: It is not a pattern of Go, or too large.
    """
    import re2  # noqa: PLC0415 - few templates have patterns

    if len(pattern) > _MAX_PATTERN:
        raise PatternError("expression too large", pattern[:_SHOWN])
    # The one escape that RE2 has and Go has not: it would cut characters into bytes.
    if any(escape == r"\C" for escape in _ESCAPES.findall(pattern)):
        raise PatternError("invalid escape sequence", r"\C")
    options = re2.Options()
    options.log_errors = False
    try:
        return Regex(re2.compile(utf8(pattern), options))
    except re2.error as error:
        raise _told(from_utf8(error.args[0]), pattern) from error


def _told(message: str, pattern: str) -> PatternError:
    """Return RE2's error in Go's words."""
    code, _, excerpt = message.partition(": ")
    if code == "trailing \\":
        return PatternError("trailing backslash at end of expression", "")
    if code == "invalid UTF-8":
        return PatternError(code, pattern)
    if code.startswith("pattern too large"):
        return PatternError("expression too large", pattern[:_SHOWN])
    if excerpt.startswith("(?<"):
        # Go takes a lookbehind for a name.
        name, end, _ = pattern[pattern.index(excerpt) :].partition(">")
        return PatternError("invalid named capture", name + end)
    return PatternError(_WORDS.get(code, code), excerpt)


class Regex:
    """A compiled pattern, with the methods of Go's ``Regexp`` that sprig uses.

    All of them raise `TooMuchWork`.

    Args:
        regex: The pattern as compiled by RE2, of bytes.
    """

    __slots__ = ("_regex",)

    def __init__(self, regex: Any) -> None:
        self._regex = regex

    def find(self, text: str) -> str | None:
        """The leftmost match, or None."""
        return next(iter(self.find_all(text, 1)), None)

    def find_all(self, text: str, limit: int) -> list[str]:
        """Successive matches; all of them if the limit is negative."""
        data = utf8(text)
        return [from_utf8(match[0]) for match in self._matches(data, limit)]

    def split(self, text: str, limit: int) -> list[str]:
        """The text between matches, in at most ``limit`` pieces if that is not negative."""
        if limit == 0:
            return []
        data = utf8(text)
        if not data and self._regex.pattern:
            return [""]
        pieces: list[bytes] = []
        begin = end = 0
        for match in self._matches(data, limit):
            if len(pieces) == limit - 1:
                break
            end = match.start()
            # Nothing stands before an empty match at the begin.
            if match.end():
                pieces.append(data[begin:end])
            begin = match.end()
        if end != len(data):
            pieces.append(data[begin:])
        return [from_utf8(piece) for piece in pieces]

    def replace_all(self, text: str, replacement: str, *, literal: bool) -> str:
        """Replace every match; unless literal, ``$1`` and ``${name}`` stand for groups."""
        data = utf8(text)
        parts = [utf8(replacement)] if literal else self._parts(replacement)
        pieces: list[bytes] = []
        copied = 0
        for match in self._matches(data, -1):
            pieces.append(data[copied : match.start()])
            pieces += [(match[part] or b"") if isinstance(part, int) else part for part in parts]
            copied = match.end()
        pieces.append(data[copied:])
        return from_utf8(b"".join(pieces))

    def _matches(self, data: bytes, limit: int) -> Iterator[Any]:
        size = self._regex.programsize
        if size * len(data) > _MAX_SEARCH:
            raise TooMuchWork
        position, last_end, work = 0, -1, 0
        while limit and position <= len(data):
            work += size * (len(data) - position)
            if work > _MAX_WORK:
                raise TooMuchWork
            match = self._regex.search(data, position)
            if match is None:
                return
            start, end = match.span()
            position = max(end, start + 1)
            # An empty match counts neither right behind another match nor within a character.
            if start < end or (start != last_end and data[start : start + 1] not in _CONTINUATIONS):
                yield match
                last_end = end
                limit -= 1

    def _parts(self, replacement: str) -> list[bytes | int]:
        """Cut a replacement into texts and the numbers of groups."""
        parts: list[bytes | int] = []
        before, dollar, rest = replacement.partition("$")
        while dollar:
            parts.append(utf8(before))
            name, behind = _reference(rest)
            if rest.startswith("$"):
                parts.append(b"$")
                rest = rest[1:]
            elif not name:
                parts.append(b"$")
            else:
                number = self._number(name)
                parts += [] if number is None else [number]
                rest = behind
            before, dollar, rest = rest.partition("$")
        return [*parts, utf8(before)]

    def _number(self, name: str) -> int | None:
        """The number of a group, or None if there is no such group."""
        plain = name.isascii() and name.isdigit() and (name == "0" or name[0] != "0")
        if plain and len(name) < 9:
            return int(name) if int(name) <= self._regex.groups else None
        number: int | None = self._regex.groupindex.get(utf8(name))
        return number


def _reference(text: str) -> tuple[str, str]:
    """Read the name behind a ``$``; returns it and the rest, or an empty name if there is none."""
    braces = text.startswith("{")
    end = start = int(braces)
    while end < len(text) and (text[end] == "_" or text[end].isalpha() or text[end].isdecimal()):
        end += 1
    if braces and not text.startswith("}", end):
        return "", text
    return text[start:end], text[end + braces :]
