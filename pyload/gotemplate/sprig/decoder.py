"""A reader of JSON like Go's encoding/json: numbers are float64, and errors have Go's words."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, NoReturn

from pyload.gotemplate.quoting import quote
from pyload.gotemplate.sprig.runes import runes
from pyload.gotemplate.values import utf8

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_HEX: Final = frozenset("0123456789abcdefABCDEF")
_MAX_DEPTH: Final = 500


class Malformed(ValueError):  # noqa: N818 - reads as a state
    """Raised when a text is not JSON, with Go's words."""


def decode(text: str) -> Any:
    """Read a JSON text.

    Raises:
        Malformed: It is none, or a number in it does not fit a float64.
    """
    text = runes(text)
    try:
        value = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        # Go looks at one byte at a time.
        _Checker(utf8(text).decode("latin-1")).check()
        if isinstance(error, Malformed):
            raise
        raise Malformed("exceeded max depth") from None
    return _paired(value) if _SURROGATE.search(text) else value


def _number(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise Malformed(f"json: cannot unmarshal number {digits} into Go value of type float64")
    return number


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _paired(value: Any) -> Any:
    """Replace escaped halves of surrogate pairs that stand alone."""
    if isinstance(value, str):
        return runes(value)
    if isinstance(value, list):
        return [_paired(item) for item in value]
    if isinstance(value, dict):
        return {runes(key): _paired(item) for key, item in value.items()}
    return value


class _Checker:
    """Finds the first mistake in a text that is not JSON."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def check(self) -> None:
        """Raise the mistake, if there is one."""
        stack: list[str] = []
        while True:
            self._space()
            if self._opens(stack):
                continue
            if self._closes(stack):
                continue
            if self.position < len(self.text):
                self._fail("after top-level value")
            return

    def _opens(self, stack: list[str]) -> bool:
        """Read a value; true if it is a list or map that is now open and wants its first value."""
        char = self._peek()
        if char not in "{[":
            self._scalar(char)
            return False
        stack.append(char)
        if len(stack) > _MAX_DEPTH:
            raise Malformed("exceeded max depth")
        self.position += 1
        self._space()
        if self._peek() == ("}" if char == "{" else "]"):
            return False
        if char == "{":
            self._key()
        return True

    def _closes(self, stack: list[str]) -> bool:
        """Read what follows a value; true if that wants another one, false after the last."""
        while stack:
            self._space()
            char = self._peek()
            mapping = stack[-1] == "{"
            if char == ",":
                self.position += 1
                if mapping:
                    self._space()
                    self._key()
                return True
            if char != ("}" if mapping else "]"):
                self._fail("after object key:value pair" if mapping else "after array element")
            self.position += 1
            stack.pop()
        self._space()
        return False

    def _space(self) -> None:
        match = _SPACE.match(self.text, self.position)
        assert match is not None
        self.position = match.end()

    def _peek(self) -> str:
        if self.position >= len(self.text):
            raise Malformed("unexpected end of JSON input")
        return self.text[self.position]

    def _fail(self, context: str) -> NoReturn:
        raise Malformed(f"invalid character {_quoted(self._within())} {context}")

    def _within(self) -> str:
        """The next character inside a word or number, where Go takes the end for a space."""
        return self.text[self.position : self.position + 1] or " "

    def _key(self) -> None:
        if self._peek() != '"':
            self._fail("looking for beginning of object key string")
        self._string()
        self._space()
        if self._peek() != ":":
            self._fail("after object key")
        self.position += 1

    def _scalar(self, char: str) -> None:
        if char == '"':
            self._string()
        elif char == "-" or (char.isascii() and char.isdigit()):
            self._digits()
        elif char in "tfn":
            self._word({"t": "true", "f": "false", "n": "null"}[char])
        else:
            self._fail("looking for beginning of value")

    def _word(self, word: str) -> None:
        for letter in word:
            if self._within() != letter:
                self._fail(f"in literal {word} (expecting {_quoted(letter)})")
            self.position += 1

    def _string(self) -> None:
        self.position += 1
        while (char := self._peek()) != '"':
            if char < " ":
                self._fail("in string literal")
            self.position += 1
            if char == "\\":
                self._escape()
        self.position += 1

    def _escape(self) -> None:
        char = self._within()
        if char not in '"\\/bfnrtu':
            self._fail("in string escape code")
        self.position += 1
        for _ in range(4 if char == "u" else 0):
            if self._within() not in _HEX:
                self._fail("in \\u hexadecimal character escape")
            self.position += 1

    def _digits(self) -> None:
        if self._peek() == "-":
            self.position += 1
        if self._within() == "0":
            self.position += 1
        else:
            self._run("in numeric literal")
        if self._at("."):
            self.position += 1
            self._run("after decimal point in numeric literal")
        if self._at("e") or self._at("E"):
            self.position += 1
            if self._within() in "+-":
                self.position += 1
            self._run("in exponent of numeric literal")

    def _at(self, char: str) -> bool:
        return self.text.startswith(char, self.position)

    def _run(self, context: str) -> None:
        start = self.position
        while self.position < len(self.text) and self.text[self.position] in "0123456789":
            self.position += 1
        if self.position == start:
            self._fail(context)


def _quoted(char: str) -> str:
    if char in "'\"":
        return {"'": "'\\''", '"': "'\"'"}[char]
    return f"'{quote(char)[1:-1]}'"
