"""Go's view of the characters of a text: space, case and letters, one character at a time."""

from __future__ import annotations

import unicodedata
from typing import Final

from pyload.gotemplate.sprig.bounds import check_work

SPACE: Final = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_INVALID: Final = "\ufffd"


def runes(text: str) -> str:
    """Return the text with U+FFFD for each byte that is not UTF-8, as Go's runes of a string.

    Raises:
        Failure: The text is too long.
    """
    check_work(len(text))
    if text.isascii():
        return text
    return "".join(_INVALID if "\ud800" <= char <= "\udfff" else char for char in text)


def upper(char: str) -> str:
    """Return the one capital letter for a letter; Go does not map one letter to several."""
    large = char.upper()
    return large if len(large) == 1 else title(char)


def lower(char: str) -> str:
    """Return the one small letter for a letter."""
    return char.lower()[0]


def title(char: str) -> str:
    """Return the form of a letter at the beginning of a word."""
    large = char.title()
    return large if len(large) == 1 else char


def is_upper(char: str) -> bool:
    """Return whether a character is a capital letter."""
    return unicodedata.category(char) == "Lu"


def is_lower(char: str) -> bool:
    """Return whether a character is a small letter."""
    return unicodedata.category(char) == "Ll"


def is_title(char: str) -> bool:
    """Return whether a character is one of the few letters with a form of their own for titles."""
    return unicodedata.category(char) == "Lt"


def is_letter(char: str) -> bool:
    """Return whether a character is a letter."""
    return unicodedata.category(char).startswith("L")


def is_number(char: str) -> bool:
    """Return whether a character is a digit, a fraction or another sign for a number."""
    return unicodedata.category(char).startswith("N")


def is_punctuation(char: str) -> bool:
    """Return whether a character is punctuation."""
    return unicodedata.category(char).startswith("P")
