"""The rows of the table of kubectl's verbs, and the tests that run them.

The table stands in docs/commands/isolated.md. Its first column names verbs, the second says what
works, the third what does not; what stands there between backticks is what kubectl shows then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, TypeVar

from tests.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE: Final = ROOT / "docs" / "commands" / "isolated.md"
HEAD: Final = "| verb | what works | what does not, and the answer |"

_Test = TypeVar("_Test", bound="Callable[..., object]")
_TESTED: Final[dict[str, str]] = {}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table.

    Attributes:
        verbs: What stands after ``kubectl``, such as ``create deployment``.
        answers: What kubectl shows where something does not work.
    """

    verbs: tuple[str, ...]
    answers: tuple[str, ...]


@cache
def table() -> tuple[Row, ...]:
    """Return the rows of the table."""
    found = PAGE.read_text(encoding="utf-8").partition(f"\n{HEAD}\n")[2].partition("\n\n")[0]
    cells = [line.split("|")[1:-1] for line in found.splitlines()[1:]]
    return tuple(
        Row(tuple(re.findall("`([^`]+)`", verbs)), tuple(re.findall("`([^`]+)`", answers)))
        for verbs, _, answers in cells
    )


def answers(verb: str) -> tuple[str, ...]:
    """Return what kubectl shows, by the table, where a verb does not work."""
    return next(row.answers for row in table() if verb in row.verbs)


def runs(*verbs: str) -> Callable[[_Test], _Test]:
    """Mark a test as one that runs verbs of the table."""

    def mark(test: _Test) -> _Test:
        _TESTED.update(dict.fromkeys(verbs, test.__qualname__))
        return test

    return mark


def verbs_run() -> frozenset[str]:
    """Return the verbs that tests run, of all modules that are imported."""
    return frozenset(_TESTED)
