"""Sets of characters: what one step of a match may consume."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Final

PERL: Final = {
    "d": ((0x30, 0x39),),
    "s": ((0x9, 0xA), (0xC, 0xD), (0x20, 0x20)),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
}
POSIX: Final = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0x0, 0x7F),),
    "blank": ((0x9, 0x9), (0x20, 0x20)),
    "cntrl": ((0x0, 0x1F), (0x7F, 0x7F)),
    "digit": ((0x30, 0x39),),
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x9, 0xD), (0x20, 0x20)),
    "upper": ((0x41, 0x5A),),
    "word": PERL["w"],
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
# Unicode's long names of the general categories (PropertyValueAliases.txt), without underscores.
_LONG_NAMES: Final = {
    "other": "C",
    "control": "Cc",
    "cntrl": "Cc",
    "format": "Cf",
    "privateuse": "Co",
    "surrogate": "Cs",
    "unassigned": "Cn",
    "letter": "L",
    "casedletter": "LC",
    "lowercaseletter": "Ll",
    "modifierletter": "Lm",
    "otherletter": "Lo",
    "titlecaseletter": "Lt",
    "uppercaseletter": "Lu",
    "mark": "M",
    "combiningmark": "M",
    "spacingmark": "Mc",
    "enclosingmark": "Me",
    "nonspacingmark": "Mn",
    "number": "N",
    "decimalnumber": "Nd",
    "digit": "Nd",
    "letternumber": "Nl",
    "othernumber": "No",
    "punctuation": "P",
    "punct": "P",
    "connectorpunctuation": "Pc",
    "dashpunctuation": "Pd",
    "closepunctuation": "Pe",
    "finalpunctuation": "Pf",
    "initialpunctuation": "Pi",
    "otherpunctuation": "Po",
    "openpunctuation": "Ps",
    "symbol": "S",
    "currencysymbol": "Sc",
    "modifiersymbol": "Sk",
    "mathsymbol": "Sm",
    "othersymbol": "So",
    "separator": "Z",
    "lineseparator": "Zl",
    "paragraphseparator": "Zp",
    "spaceseparator": "Zs",
}

_CATEGORIES: Final = frozenset(_LONG_NAMES.values()) - {"LC"}

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Term:
    """One member of a class: ranges of code points, or a Unicode general category.

    Attributes:
        ranges: Code points, both ends included.
        category: A general category or its first letter; ``LC`` for cased letters, ``Any`` for all.
        negated: Whether it holds what is outside.
    """

    ranges: Ranges = ()
    category: str = ""
    negated: bool = False

    def holds(self, char: str) -> bool:
        """Whether the character is inside, before negation."""
        code = ord(char)
        if any(low <= code <= high for low, high in self.ranges):
            return True
        if not self.category:
            return False
        if self.category == "Any":
            return True
        actual = unicodedata.category(char)
        if self.category == "LC":
            return actual in ("Ll", "Lt", "Lu")
        if self.category == "C":  # Go's C leaves out what Unicode has not assigned
            return actual in ("Cc", "Cf", "Co", "Cs")
        return actual.startswith(self.category)


class Charset:
    """A set of characters, asked again and again for the same few.

    Args:
        terms: Its members.
        negated: Whether it holds everything else.
        fold: Whether upper and lower case are the same.
    """

    __slots__ = ("_answers", "fold", "negated", "terms")

    def __init__(
        self, terms: tuple[Term, ...], *, negated: bool = False, fold: bool = False
    ) -> None:
        self.terms = terms
        self.negated = negated
        self.fold = fold
        self._answers: dict[str, bool] = {}

    def __contains__(self, char: str) -> bool:
        answer = self._answers.get(char)
        if answer is None:
            if len(self._answers) > 1024:
                self._answers.clear()
            answer = self._answers[char] = self._holds(char)
        return answer

    def _holds(self, char: str) -> bool:
        chars = orbit(char) if self.fold else (char,)
        inside = any(any(term.holds(each) for each in chars) != term.negated for term in self.terms)
        return inside != self.negated


@cache
def _fold_groups() -> dict[str, tuple[str, ...]]:
    """Characters that differ in case only, by each of them; only groups of at least two."""
    groups: dict[str, list[str]] = {}
    for code in range(0x1E944):  # the last cased letter of Unicode is Adlam's, below
        char = chr(code)
        low = char.lower()
        key = low if len(low) == 1 else char
        key = key.casefold() if len(key.casefold()) == 1 else key
        if key != char:
            groups.setdefault(key, [key]).append(char)
    return {char: tuple(group) for group in groups.values() for char in group}


def orbit(char: str) -> tuple[str, ...]:
    """The character and all that differ from it in case only: ``k``, ``K`` and the kelvin sign."""
    return _fold_groups().get(char, (char,))


def category(name: str) -> Term | None:
    r"""The class that ``\p{name}`` means, or None if there is no such category.

    Case and underscores do not count in long names; scripts are not known here.
    """
    canonical = name.replace("_", "").replace("-", "").replace(" ", "")
    if not canonical.isascii():
        return None
    special = {
        "any": Term(category="Any"),
        "ascii": Term(POSIX["ascii"]),
        "assigned": Term(category="Cn", negated=True),
        "lc": Term(category="LC"),
    }
    if canonical.lower() in special:
        return special[canonical.lower()]
    short = canonical[:1].upper() + canonical[1:].lower()
    if short in _CATEGORIES:
        return Term(category=short)
    long = _LONG_NAMES.get(canonical.lower())
    return Term(category=long) if long else None
