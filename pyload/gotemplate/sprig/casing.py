"""Words in a text: snake_case, kebab-case, CamelCase, and case by case."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from pyload.gotemplate.functions import Function
from pyload.gotemplate.sprig import runes
from pyload.gotemplate.sprig.bounds import check_work
from pyload.gotemplate.values import utf8

if TYPE_CHECKING:
    from collections.abc import Callable

_CONNECTORS: Final = frozenset("-_" + runes.SPACE)


class _Sort(Enum):
    """What a run of characters is; the runs are the words of `_words`."""

    NONE = auto()
    NUMBER = auto()
    CAPITALS = auto()
    LETTERS = auto()
    CONNECTOR = auto()
    PUNCTUATION = auto()
    OTHER = auto()


def _is_word_letter(char: str) -> bool:
    """Whether words of it are told apart by case; those of Chinese characters are not."""
    ideograph = "\u4e00" <= char <= "\u9fcc" or "\u3400" <= char <= "\u4d85"
    rare = "\U00020000" <= char <= "\U0002b81d"
    return runes.is_letter(char) and not ideograph and not rare


def _is_lower_letter(char: str) -> bool:
    return _is_word_letter(char) and not runes.is_upper(char)


def _run(text: str, start: int, inside: Callable[[str], bool]) -> int:
    end = start
    while end < len(text) and inside(text[end]):
        end += 1
    return end


def _is_other(char: str) -> bool:
    return not (
        char in _CONNECTORS
        or _is_word_letter(char)
        or runes.is_number(char)
        or runes.is_punctuation(char)
    )


def _capitals(text: str, start: int) -> int:
    """End of a word that begins with a capital: the capitals of HTTPServer, or all of Server."""
    end = _run(text, start, runes.is_upper)
    if end == start + 1:
        return _run(text, end, _is_lower_letter)
    if end < len(text) and _is_word_letter(text[end]):
        return end - 1  # the last capital begins the next word
    return end


def _words(text: str) -> list[tuple[_Sort, str]]:
    words: list[tuple[_Sort, str]] = []
    start = 0
    while start < len(text):
        char = text[start]
        if char in _CONNECTORS:
            sort, end = _Sort.CONNECTOR, _run(text, start, _CONNECTORS.__contains__)
        elif runes.is_punctuation(char):
            sort, end = _Sort.PUNCTUATION, _run(text, start, runes.is_punctuation)
        elif runes.is_upper(char):
            sort, end = _Sort.CAPITALS, _capitals(text, start)
        elif _is_word_letter(char):
            sort, end = _Sort.LETTERS, _run(text, start, _is_lower_letter)
        elif runes.is_number(char):
            sort, end = _Sort.NUMBER, _run(text, start, runes.is_number)
        else:
            sort, end = _Sort.OTHER, _run(text, start, _is_other)
        words.append((sort, text[start:end]))
        start = end
    return words


class _Joiner:
    """Joins words in small letters; numbers stay with the word in front of them or behind."""

    def __init__(self, text: str, connector: str) -> None:
        check_work(len(text))
        self._words = _words(text)
        self._connector = connector
        self._next = 0
        self._pieces: list[str] = []

    def _take(self) -> tuple[_Sort, str]:
        if self._next == len(self._words):
            return _Sort.NONE, ""
        self._next += 1
        return self._words[self._next - 1]

    def _more(self) -> bool:
        return self._next < len(self._words)

    def _write(self, sort: _Sort, word: str) -> None:
        if sort is _Sort.CAPITALS:
            word = "".join(runes.lower(char) if runes.is_upper(char) else char for char in word)
        elif sort is _Sort.CONNECTOR:
            word = self._connector * len(word)
        self._pieces.append(word)

    def _connect(self, following: _Sort) -> None:
        if following not in (_Sort.NONE, _Sort.CONNECTOR, _Sort.PUNCTUATION):
            self._pieces.append(self._connector)

    def _write_run(self, sort: _Sort, word: str) -> tuple[_Sort, str]:
        """Write small letters and numbers as they come; returns the word behind them."""
        while sort in (_Sort.LETTERS, _Sort.NUMBER):
            self._write(sort, word)
            sort, word = self._take()
        self._connect(sort)
        return sort, word

    def _number_behind(self, number: str) -> tuple[_Sort, str]:
        sort, word = self._take()
        if sort is not _Sort.LETTERS:
            self._write(_Sort.NUMBER, number)
            if sort not in (_Sort.CONNECTOR, _Sort.PUNCTUATION):
                self._pieces.append(self._connector)
            return sort, word
        self._pieces.append(self._connector)
        self._write(_Sort.NUMBER, number)
        return self._write_run(sort, word)

    def join(self) -> str:
        sort, word = self._take()
        while self._more():
            before, last = sort, word
            if before is not _Sort.CONNECTOR:
                self._write(before, last)
            sort, word = self._take()
            if before is _Sort.NUMBER:
                sort, word = self._write_run(sort, word)
            elif before is _Sort.CONNECTOR:
                self._write(before, last)
            elif before is _Sort.PUNCTUATION:
                pass
            elif sort is not _Sort.NUMBER:
                self._connect(sort)
            elif self._more():
                sort, word = self._number_behind(word)
        self._write(sort, word)
        return "".join(self._pieces)


def _camel(text: str) -> str:
    """Upper camel case: connectors between words vanish; doubled and outer ones stay."""
    text = runes.runes(text)
    start = _run(text, 0, _CONNECTORS.__contains__)
    if start == len(text):
        return text + text[-1:]  # sprig's library writes the last one twice
    if start == len(text) - 1:
        return text[:start] + runes.upper(text[start])
    pieces = [text[:start]]
    capitals = runes.is_upper(text[start])
    previous = runes.upper(text[start])
    for char in text[start + 1 :]:
        current = char
        if previous in _CONNECTORS and char in _CONNECTORS:
            pieces.append(previous)
        elif previous in _CONNECTORS:
            capitals = runes.is_upper(char)
            current = runes.upper(char)
        else:
            if capitals and runes.is_upper(char):
                current = runes.lower(char)
            else:
                capitals = False
            pieces.append(previous)
        previous = current
    return "".join([*pieces, previous])


def _swap(text: str) -> str:
    pieces = []
    behind_space = True
    for char in runes.runes(text):
        if runes.is_upper(char) or runes.is_title(char):
            pieces.append(runes.lower(char))
            behind_space = False
        elif runes.is_lower(char):
            pieces.append(runes.title(char) if behind_space else runes.upper(char))
            behind_space = False
        else:
            pieces.append(char)
            behind_space = char in runes.SPACE
    return "".join(pieces)


def _is_separator(char: str) -> bool:
    if char.isascii():
        return not (char.isalnum() or char == "_")
    return char in runes.SPACE


def _title(text: str) -> str:
    pieces, previous = [], " "
    for char in runes.runes(text):
        pieces.append(runes.title(char) if _is_separator(previous) else char)
        previous = char
    return "".join(pieces)


def _untitle(text: str) -> str:
    pieces, previous = [], " "
    for char in runes.runes(text):
        begins = previous in runes.SPACE and char not in runes.SPACE
        pieces.append(runes.lower(char) if begins else char)
        previous = char
    return "".join(pieces)


def _initials(text: str) -> str:
    """First letters of words. sprig takes bytes for letters, so beyond ASCII they come apart."""
    check_work(len(text))
    pieces, previous = [], " "
    for char in utf8(text).decode("latin-1"):
        if previous in runes.SPACE and char not in runes.SPACE:
            pieces.append(char)
        previous = char
    return "".join(pieces)


def _mapped(text: str, change: Callable[[str], str]) -> str:
    return "".join(map(change, runes.runes(text)))


FUNCTIONS: Final = (
    Function("upper", lambda text: _mapped(text, runes.upper), ("string",)),
    Function("lower", lambda text: _mapped(text, runes.lower), ("string",)),
    Function("title", _title, ("string",)),
    Function("untitle", _untitle, ("string",)),
    Function("swapcase", _swap, ("string",)),
    Function("initials", _initials, ("string",)),
    Function("snakecase", lambda text: _Joiner(text, "_").join(), ("string",)),
    Function("kebabcase", lambda text: _Joiner(text, "-").join(), ("string",)),
    Function("camelcase", _camel, ("string",)),
)
