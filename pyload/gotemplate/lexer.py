"""The lexer, which cuts a template into tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from pyload.gotemplate.quoting import quote

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACES: Final = " \t\r\n"
_NUMBER: Final = re.compile(
    r"[+-]?(?:"
    r"0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?"
    r"|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?"
    r")i?"
)
_QUOTED: Final = re.compile(r'"(?:[^"\\\n]|\\[^\n])*"')
_CHARACTER: Final = re.compile(r"'(?:[^'\\\n]|\\[^\n])*'")


class TokenKind(Enum):
    """What a token is."""

    TEXT = auto()
    LEFT = auto()
    RIGHT = auto()
    SPACE = auto()
    ASSIGN = auto()
    DECLARE = auto()
    PIPE = auto()
    LEFT_PAREN = auto()
    RIGHT_PAREN = auto()
    STRING = auto()
    RAW_STRING = auto()
    CHARACTER = auto()
    NUMBER = auto()
    COMPLEX = auto()
    BOOL = auto()
    IDENTIFIER = auto()
    FIELD = auto()
    VARIABLE = auto()
    OTHER = auto()
    ERROR = auto()
    EOF = auto()
    DOT = "."
    BLOCK = "block"
    BREAK = "break"
    CONTINUE = "continue"
    DEFINE = "define"
    ELSE = "else"
    END = "end"
    IF = "if"
    NIL = "nil"
    RANGE = "range"
    TEMPLATE = "template"
    WITH = "with"


_KEYWORDS: Final = {kind.value: kind for kind in TokenKind if isinstance(kind.value, str)}
_MARKS: Final = {
    "=": TokenKind.ASSIGN,
    "|": TokenKind.PIPE,
    "(": TokenKind.LEFT_PAREN,
    ")": TokenKind.RIGHT_PAREN,
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a template.

    Attributes:
        kind: What it is.
        pos: Index of its first character in the template.
        text: Its text; of an error, what is wrong.
        line: The line that it starts in, from 1.
    """

    kind: TokenKind
    pos: int
    text: str
    line: int

    def __str__(self) -> str:
        if self.kind is TokenKind.ERROR:
            return self.text
        if isinstance(self.kind.value, str):
            return f"<{self.text}>"
        if len(self.text.encode("utf-8", "surrogatepass")) > 10:
            return f"{quote(self.text[:10])}..."
        return quote(self.text)


class _LexError(Exception):
    """What is wrong with the text from a position on."""

    def __init__(self, pos: int, what: str) -> None:
        super().__init__(what)
        self.pos = pos


def lex(text: str) -> Iterator[Token]:
    """Yield the tokens of a template; an error is the last one, and so is the end."""
    line, counted = 1, 0
    try:
        for kind, start, end in _Lexer(text).tokens():
            line += text.count("\n", counted, start)
            counted = start
            yield Token(kind, start, text[start:end], line)
    except _LexError as error:
        line += text.count("\n", counted, error.pos)
        yield Token(TokenKind.ERROR, error.pos, str(error), line)
    else:
        yield Token(TokenKind.EOF, len(text), "EOF", line + text.count("\n", counted))


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._parens = 0

    def tokens(self) -> Iterator[tuple[TokenKind, int, int]]:
        """Yield kind, start and end of each token."""
        text = self._text
        pos = 0
        while True:
            left = text.find("{{", pos)
            if left < 0:
                if pos < len(text):
                    yield TokenKind.TEXT, pos, len(text)
                return
            inside = left + 2
            end = left
            if text[inside : inside + 1] == "-" and _is_space(text, inside + 1):
                inside += 2
                end = pos + len(text[pos:left].rstrip(_SPACES))
            if end > pos:
                yield TokenKind.TEXT, pos, end
            if text.startswith("/*", inside):
                pos = self._comment(inside)
                continue
            yield TokenKind.LEFT, left, left + 2
            pos = inside
            self._parens = 0
            while (right := self._right(pos)) is None:
                kind, end = self._token(pos)
                yield kind, pos, end
                pos = end
            if self._parens:
                raise _LexError(pos, "unclosed left paren")
            trim = right > pos + 2
            yield TokenKind.RIGHT, right - 2, right
            pos = self._skip_spaces(right) if trim else right

    def _skip_spaces(self, pos: int) -> int:
        while _is_space(self._text, pos):
            pos += 1
        return pos

    def _right(self, pos: int) -> int | None:
        """Return the position after the right delimiter, trim marker included, or None."""
        text = self._text
        if text.startswith("}}", pos):
            return pos + 2
        if text.startswith("-}}", pos + 1) and _is_space(text, pos):
            return pos + 4
        return None

    def _comment(self, pos: int) -> int:
        end = self._text.find("*/", pos + 2)
        if end < 0:
            raise _LexError(pos, "unclosed comment")
        right = self._right(end + 2)
        if right is None:
            raise _LexError(pos, "comment ends before closing delimiter")
        return self._skip_spaces(right) if right > end + 4 else right

    def _token(self, pos: int) -> tuple[TokenKind, int]:  # noqa: PLR0911 - one for each kind
        """Return kind and end of the token that starts inside an action."""
        text = self._text
        if pos >= len(text):
            raise _LexError(pos, "unclosed action")
        first = text[pos]
        if first in _SPACES:
            return TokenKind.SPACE, self._space(pos)
        if first in _MARKS:
            self._count(first, pos)
            return _MARKS[first], pos + 1
        if first == ":":
            if text[pos + 1 : pos + 2] != "=":
                raise _LexError(pos, "expected :=")
            return TokenKind.DECLARE, pos + 2
        if first in "\"`'":
            return self._literal(first, pos)
        following = text[pos + 1 : pos + 2]
        if first == "$" or (first == "." and not "0" <= following <= "9" and following):
            return self._field(first, pos)
        if first in "+-." or "0" <= first <= "9":
            return self._number(pos)
        if _is_alphanumeric(first):
            return self._word(pos)
        if first.isascii() and first.isprintable():
            return TokenKind.OTHER, pos + 1
        raise _LexError(pos, f"unrecognized character in action: {_unicode(first)}")

    def _space(self, pos: int) -> int:
        """Return the end of white space, of which a trim marker keeps the last character."""
        end = self._skip_spaces(pos)
        return end - 1 if end > pos + 1 and self._text.startswith("-}}", end) else end

    def _count(self, mark: str, pos: int) -> None:
        self._parens += {"(": 1, ")": -1}.get(mark, 0)
        if self._parens < 0:
            raise _LexError(pos, "unexpected right paren")

    def _literal(self, mark: str, pos: int) -> tuple[TokenKind, int]:
        if mark == "`":
            end = self._text.find("`", pos + 1)
            if end < 0:
                raise _LexError(pos, "unterminated raw quoted string")
            return TokenKind.RAW_STRING, end + 1
        kind, pattern, name = (
            (TokenKind.STRING, _QUOTED, "quoted string")
            if mark == '"'
            else (TokenKind.CHARACTER, _CHARACTER, "character constant")
        )
        match = pattern.match(self._text, pos)
        if match is None:
            raise _LexError(pos, f"unterminated {name}")
        return kind, match.end()

    def _number(self, pos: int) -> tuple[TokenKind, int]:
        end = self._scan_number(pos, pos)
        if self._text[end : end + 1] not in ("+", "-"):
            return TokenKind.NUMBER, end
        end = self._scan_number(pos, end)
        if self._text[end - 1] != "i":
            raise _LexError(pos, f"bad number syntax: {quote(self._text[pos:end])}")
        return TokenKind.COMPLEX, end

    def _scan_number(self, start: int, pos: int) -> int:
        match = _NUMBER.match(self._text, pos)
        end = match.end() if match else pos
        if end < len(self._text) and _is_alphanumeric(self._text[end]):
            raise _LexError(start, f"bad number syntax: {quote(self._text[start : end + 1])}")
        return end

    def _field(self, first: str, pos: int) -> tuple[TokenKind, int]:
        end = self._word_end(pos, pos + 1)
        if first == "$":
            return TokenKind.VARIABLE, end
        return (TokenKind.DOT if end == pos + 1 else TokenKind.FIELD), end

    def _word(self, pos: int) -> tuple[TokenKind, int]:
        end = self._word_end(pos, pos)
        word = self._text[pos:end]
        if word in _KEYWORDS:
            return _KEYWORDS[word], end
        return (TokenKind.BOOL if word in ("true", "false") else TokenKind.IDENTIFIER), end

    def _word_end(self, start: int, pos: int) -> int:
        text = self._text
        while pos < len(text) and _is_alphanumeric(text[pos]):
            pos += 1
        if not self._is_terminator(pos):
            raise _LexError(start, f"bad character {_unicode(text[pos])}")
        return pos

    def _is_terminator(self, pos: int) -> bool:
        text = self._text
        return pos >= len(text) or text[pos] in " \t\r\n.,|:)(" or text.startswith("}}", pos)


def _is_space(text: str, pos: int) -> bool:
    return pos < len(text) and text[pos] in _SPACES


def _is_alphanumeric(character: str) -> bool:
    return character == "_" or character.isalpha() or character.isdecimal()


def _unicode(character: str) -> str:
    shown = f" '{character}'" if character.isprintable() else ""
    return f"U+{ord(character):04X}{shown}"
