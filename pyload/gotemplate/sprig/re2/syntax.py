"""Reads a pattern in Go's syntax into nodes; refuses what RE2 refuses, with Go's words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from pyload.gotemplate.sprig.re2.charset import PERL, POSIX, Charset, Term, category
from pyload.gotemplate.sprig.re2.nodes import (
    At,
    Group,
    Node,
    One,
    Place,
    Repeat,
    choice,
    repeats_at_most,
    sequence,
)

# Go allows 1,000 levels; every level is a few Python frames when the pattern is compiled.
_MAX_HEIGHT: Final = 100
_MAX_REPEAT: Final = 1000
_SHORT_REPEATS: Final[dict[str, tuple[int, int | None]]] = {
    "*": (0, None),
    "+": (1, None),
    "?": (0, 1),
}
_LETTER_ESCAPES: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PLACES: Final = {
    "A": Place.TEXT_START,
    "b": Place.BOUNDARY,
    "B": Place.NO_BOUNDARY,
    "z": Place.TEXT_END,
}
_BOUNDS: Final = re.compile(r"\{(0|[1-9]\d*)(?:(,)(0|[1-9]\d*)?)?\}", re.ASCII)
_NEWLINE: Final = Term(((0xA, 0xA),))


class PatternError(ValueError):
    """Raised when a pattern cannot be read.

    Args:
        code: What is wrong, in Go's words.
        excerpt: The part of the pattern that is wrong.
    """

    def __init__(self, code: str, excerpt: str) -> None:
        super().__init__(f"error parsing regexp: {code}: `{excerpt}`")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read.

    Attributes:
        root: What to match.
        names: Name of each capturing group from number 1 on; empty where it has none.
    """

    root: Node
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Flags:
    fold: bool = False
    multiline: bool = False
    dot_newline: bool = False
    lazy: bool = False


@dataclass(slots=True)
class _Level:
    """What stands between a parenthesis and its partner, as far as it was read."""

    flags: _Flags
    number: int
    done: list[Node] = field(default_factory=list)
    parts: list[Node] = field(default_factory=list)

    def close(self) -> Node:
        return choice([*self.done, sequence(self.parts)])


def parse(text: str) -> Pattern:
    """Read a pattern.

    Raises:
        PatternError: It is not a pattern, or uses what RE2 has not (lookaround, backreferences).
    """
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.flags = _Flags()
        self.names: list[str] = []
        self.levels = [_Level(self.flags, 0)]

    def parse(self) -> Pattern:
        repeat_start = -1
        while self.position < len(self.text):
            repeat_start = self._item(repeat_start)
        if len(self.levels) != 1:
            raise PatternError("missing closing )", self.text)
        root = self._checked(self.levels[0].close())
        return Pattern(root, tuple(self.names))

    def _item(self, repeat_start: int) -> int:
        """Read one item; returns where a repetition began, or -1 if it was none."""
        start = self.position
        char = self.text[start]
        if char in _SHORT_REPEATS:
            self.position += 1
            self._repeat(start, *_SHORT_REPEATS[char], before=repeat_start)
            return start
        if char == "{" and (bounds := self._bounds()) is not None:
            self._repeat(start, *bounds, before=repeat_start)
            return start
        if char == "\\":
            self._escape()
        elif char == "[":
            self._class()
        elif char == "(":
            self._open()
        else:
            self.position += 1
            self._plain(char)
        return -1

    def _plain(self, char: str) -> None:
        level = self.levels[-1]
        if char == ")":
            self._close()
        elif char == "|":
            level.done.append(sequence(level.parts))
            level.parts = []
        elif char == "^":
            line = self.flags.multiline
            level.parts.append(At(Place.LINE_START if line else Place.TEXT_START))
        elif char == "$":
            level.parts.append(At(Place.LINE_END if self.flags.multiline else Place.TEXT_END))
        elif char == ".":
            terms = () if self.flags.dot_newline else (_NEWLINE,)
            level.parts.append(One(Charset(terms, negated=True)))
        else:
            self._literal(char)

    def _literal(self, char: str) -> None:
        code = ord(char)
        chars = Charset((Term(((code, code),)),), fold=self.flags.fold)
        self.levels[-1].parts.append(One(chars))

    def _checked(self, node: Node) -> Node:
        if node.height > _MAX_HEIGHT:
            raise PatternError("expression nests too deeply", self.text)
        return node

    # -- groups

    def _open(self) -> None:
        if not self.text.startswith("(?", self.position):
            self.position += 1
            self._push("")
            return
        for prefix in ("(?P<", "(?<"):
            if self.text.startswith(prefix, self.position) and self._has_more(len(prefix)):
                self._named(len(prefix))
                return
        self._flag_group()

    def _has_more(self, count: int) -> bool:
        return len(self.text) - self.position > count

    def _push(self, name: str) -> None:
        self.names.append(name)
        self._push_level(len(self.names))

    def _push_level(self, number: int) -> None:
        if len(self.levels) > _MAX_HEIGHT:
            raise PatternError("expression nests too deeply", self.text)
        self.levels.append(_Level(self.flags, number))

    def _named(self, prefix: int) -> None:
        end = self.text.find(">", self.position)
        if end < 0:
            raise PatternError("invalid named capture", self.text[self.position :])
        name = self.text[self.position + prefix : end]
        if not name or not all(char == "_" or (char.isascii() and char.isalnum()) for char in name):
            raise PatternError("invalid named capture", self.text[self.position : end + 1])
        self.position = end + 1
        self._push(name)

    def _flag_group(self) -> None:
        start = self.position
        self.position += 2
        values = {"i": self.flags.fold, "m": self.flags.multiline}
        values |= {"s": self.flags.dot_newline, "U": self.flags.lazy}
        negative = seen = False
        while self.position < len(self.text):
            char = self.text[self.position]
            self.position += 1
            if char in values:
                values[char] = not negative
                seen = True
            elif char == "-" and not negative:
                negative, seen = True, False
            elif char in ":)" and (seen or not negative):
                if char == ":":
                    self._push_level(0)
                self.flags = _Flags(values["i"], values["m"], values["s"], values["U"])
                return
            else:
                break
        raise PatternError("invalid or unsupported Perl syntax", self.text[start : self.position])

    def _close(self) -> None:
        if len(self.levels) == 1:
            raise PatternError("unexpected )", self.text)
        level = self.levels.pop()
        node = level.close()
        if level.number:
            node = Group(node, level.number, node.height + 1)
        self.flags = level.flags
        self.levels[-1].parts.append(self._checked(node))

    # -- repetitions

    def _bounds(self) -> tuple[int, int | None] | None:
        """Read ``{2}``, ``{2,}`` or ``{2,5}``; None, and nothing read, if it is none of them."""
        match = _BOUNDS.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        # What is longer than Go's limit is as wrong as what is beyond it.
        least = int(match[1][:9])
        most = least if match[2] is None else int(match[3][:9]) if match[3] else None
        if least > _MAX_REPEAT or (most is not None and not least <= most <= _MAX_REPEAT):
            raise PatternError("invalid repeat count", match[0])
        return least, most

    def _repeat(self, start: int, least: int, most: int | None, *, before: int) -> None:
        greedy = not self.flags.lazy
        if self.text.startswith("?", self.position):
            self.position += 1
            greedy = not greedy
        if before >= 0:
            excerpt = self.text[before : self.position]
            raise PatternError("invalid nested repetition operator", excerpt)
        parts = self.levels[-1].parts
        excerpt = self.text[start : self.position]
        if not parts:
            raise PatternError("missing argument to repetition operator", excerpt)
        part = parts.pop()
        node = Repeat(part, least, most, greedy, part.height + 1)
        counted = self.text[start] == "{" and (least >= 2 or (most or 0) >= 2)
        if counted and not repeats_at_most(node, _MAX_REPEAT):
            raise PatternError("invalid repeat count", excerpt)
        parts.append(self._checked(node))

    # -- escapes

    def _escape(self) -> None:
        start = self.position
        follow = self.text[start + 1 : start + 2]
        if follow in _PLACES and follow:
            self.position += 2
            self.levels[-1].parts.append(At(_PLACES[follow]))
        elif follow == "C":
            raise PatternError("invalid escape sequence", "\\C")
        elif follow == "Q":
            literal, _, rest = self.text[start + 2 :].partition("\\E")
            self.position = len(self.text) - len(rest)
            for char in literal:
                self._literal(char)
        elif (term := self._class_escape()) is not None:
            self.levels[-1].parts.append(One(Charset((term,), fold=self.flags.fold)))
        else:
            self._literal(self._char_escape())

    def _class_escape(self) -> Term | None:
        r"""Read ``\d``, ``\pL``, ``\P{Lu}``; None, and nothing read, if it is none of them."""
        letter = self.text[self.position + 1 : self.position + 2]
        if letter and letter in "dswDSW":
            self.position += 2
            return Term(PERL[letter.lower()], negated=letter.isupper())
        if not letter or letter not in "pP":
            return None
        start = self.position
        end = start + 3
        if self.text.startswith("{", start + 2):
            end = self.text.find("}", start) + 1
            if not end:
                raise PatternError("invalid character class range", self.text[start:])
        name = self.text[start + 2 : end].removeprefix("{").removesuffix("}")
        term = category(name.removeprefix("^"))
        if term is None:
            raise PatternError("invalid character class range", self.text[start:end])
        self.position = end
        inverted = (letter == "P") != name.startswith("^")
        return Term(term.ranges, term.category, term.negated != inverted)

    def _char_escape(self) -> str:
        """Read an escape that means one character."""
        start = self.position
        self.position += 1
        if self.position == len(self.text):
            raise PatternError("trailing backslash at end of expression", "")
        char = self.text[self.position]
        self.position += 1
        if char.isascii() and not char.isalnum():
            return char
        if char in _LETTER_ESCAPES:
            return _LETTER_ESCAPES[char]
        if char == "0" or (char in "1234567" and self._octal_follows()):
            while self.position - start < 4 and self._octal_follows():
                self.position += 1
            return chr(int(self.text[start + 1 : self.position], 8))
        if char == "x" and (hexadecimal := self._hexadecimal()) is not None:
            return hexadecimal
        raise PatternError("invalid escape sequence", self.text[start : self.position])

    def _octal_follows(self) -> bool:
        follow = self.text[self.position : self.position + 1]
        return bool(follow) and follow in "01234567"

    def _hexadecimal(self) -> str | None:
        r"""Read what follows ``\x``; after a mistake the position is behind it."""
        digits = ""
        braces = self.text.startswith("{", self.position)
        self.position += braces
        while self.position < len(self.text) and (braces or len(digits) < 2):
            char = self.text[self.position]
            self.position += 1
            if braces and char == "}":
                return chr(int(digits, 16)) if digits else None
            digits += char
            if char not in "0123456789abcdefABCDEF":
                # Go looks at both digits before it complains.
                self.position += not braces and len(digits) == 1 and self._has_more(0)
                return None
            if int(digits, 16) > 0x10FFFF:
                return None
        return chr(int(digits, 16)) if len(digits) == 2 and not braces else None

    # -- classes

    def _class(self) -> None:
        start = self.position
        self.position += 1
        negated = self.text.startswith("^", self.position)
        self.position += negated
        terms = [self._class_term(start)]
        while not self.text.startswith("]", self.position):
            terms.append(self._class_term(start))
        self.position += 1
        chars = Charset(tuple(terms), negated=negated, fold=self.flags.fold)
        self.levels[-1].parts.append(One(chars))

    def _class_term(self, start: int) -> Term:
        if self.text.startswith("[:", self.position):
            end = self.text.find(":]", self.position + 2)
            if end >= 0:
                return self._posix(end)
        if self.text.startswith("\\", self.position):
            term = self._class_escape()
            if term is not None:
                return term
        first = self.position
        low = high = self._class_char(start)
        if self.text.startswith("-", self.position) and self.text[self.position + 1 :][:1] not in (
            "",
            "]",
        ):
            self.position += 1
            high = self._class_char(start)
        if high < low:
            excerpt = self.text[first : self.position]
            raise PatternError("invalid character class range", excerpt)
        return Term(((ord(low), ord(high)),))

    def _posix(self, end: int) -> Term:
        name = self.text[self.position + 2 : end]
        ranges = POSIX.get(name.removeprefix("^"))
        if ranges is None:
            excerpt = self.text[self.position : end + 2]
            raise PatternError("invalid character class range", excerpt)
        self.position = end + 2
        return Term(ranges, negated=name.startswith("^"))

    def _class_char(self, start: int) -> str:
        if self.position == len(self.text):
            raise PatternError("missing closing ]", self.text[start:])
        if self.text[self.position] == "\\":
            return self._char_escape()
        self.position += 1
        return self.text[self.position - 1]
