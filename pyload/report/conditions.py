"""Conditions on which a comparison of two runs fails: ``convergence.p99 > +10%``.

A condition names a figure, as a threshold does, and the change that is too much: a percentage of
the earlier figure, or a difference in the figure's unit, always with its sign. It fails only if the
change is beyond the bound and beyond the noise of the two runs. Where the noise is larger, or
nothing is known of it, the condition is undecided, which fails nothing and is said. A figure that
was not measured in both runs fails it, as it fails a threshold.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.report.estimates import unit_at
from pyload.report.quantity import HOW_TO_WRITE, parse_quantity, quantity_text
from pyload.report.verdict import FAILED, PASSED

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.report.comparison import Change

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXPR: Final = re.compile(r"([^<>=!]+)([<>=!]+)\s*([+-]?)\s*([^<>=!+-][^<>=!]*)")
_PERCENT: Final = re.compile(r"\d+(\.\d+)?")
UNDECIDED: Final = "?"
"""Mark of a condition that the noise does not let decide."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A change that is too much.

    Attributes:
        expr: The condition as it was written.
        figure: Path of the figure.
        op: How the change is compared: ``<``, ``<=``, ``>`` or ``>=``.
        bound: The change that it is compared with.
        is_relative: Whether that is a part of the earlier figure, and not in its unit.
    """

    expr: str
    figure: str
    op: str
    bound: float
    is_relative: bool

    def judge(self, change: Change) -> Judgement:
        """Compare a change of its figure."""
        return Judgement(self, change, *self._judge(change))

    def _judge(self, change: Change) -> tuple[bool | None, str]:
        by = change.relative if self.is_relative else change.difference
        if by is None:
            return False, _not_measured(change)
        if not _OPERATORS[self.op](by, self.bound):
            return True, ""
        if change.verdict == "unknown":
            return None, f"undecided, its noise is not known: {change.why}"
        if change.verdict == "same":
            return None, "undecided, as that is within the noise"
        return False, ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a condition.

    Attributes:
        condition: The condition.
        change: The change of its figure.
        passed: Whether the change is not too much; None if the noise does not let decide.
        why: What there is to say of that; may be empty.
    """

    condition: Condition
    change: Change
    passed: bool | None
    why: str

    def text(self) -> str:
        """Return the condition with what was found."""
        change = self.change
        found = [change_text(change), values_text(change), noise_text(change)]
        if change.difference is None:
            found = []
        return f"{self.condition.expr}: {', '.join(filter(None, (*found, self.why)))}"

    def line(self) -> str:
        """Return the line of the comparison."""
        mark = UNDECIDED if self.passed is None else PASSED if self.passed else FAILED
        return f"{mark} {self.text()}"


def failures_text(failed: list[Judgement]) -> str:
    """Return in one line which conditions failed, and by what."""
    texts = "; ".join(one.text() for one in failed)
    if len(failed) == 1:
        return f"condition failed: {texts}"
    return f"{len(failed)} conditions failed: {texts}"


def parse_condition(text: str) -> Condition:
    """Parse ``FIGURE OP CHANGE``, as ``convergence.p99 > +10%``.

    Raises:
        UsageError: The text is no condition, or there is no such figure.
    """
    expr = " ".join(text.split())
    match = _EXPR.fullmatch(expr)
    if match is None or match[2] not in _OPERATORS:
        fix = "write FIGURE OP CHANGE, as `convergence.p99 > +10%`, with one of <, <=, >, >="
        raise UsageError(f"`{expr}` is no condition", fix=fix)
    figure, op, sign, size = (part.strip() for part in match.groups())
    try:
        unit = unit_at(figure)
    except UsageError as error:
        raise UsageError(f"condition `{expr}`: {error.what}", fix=error.fix) from None
    is_relative = size.endswith("%")
    try:
        value = _percentage(size) if is_relative else parse_quantity(size, unit)
    except ValueError:
        what = f"condition `{expr}`: `{size}` is no change of `{figure}`"
        raise UsageError(what, fix=f"write `+10%`, or + and {HOW_TO_WRITE[unit]}") from None
    if not sign and value:
        fix = f"write `+{size}` if more is too much, or `-{size}`"
        raise UsageError(f"condition `{expr}`: the change has no sign", fix=fix)
    return Condition(expr, figure, op, -value if sign == "-" else value, is_relative)


def change_text(change: Change) -> str:
    """Format by how much a figure has changed: as a percentage, or in its unit after a 0."""
    difference, relative = change.difference, change.relative
    if difference is None or relative is None:
        return ""
    if not difference:
        return "+0%" if change.is_ratio else "+0"
    if change.before.value:
        return percent_text(relative)
    return ("+" if difference > 0 else "-") + quantity_text(abs(difference), change.unit)


def noise_text(change: Change) -> str:
    """Format the noise of a change; empty for none, or where it is not known."""
    noise = change.noise
    if not noise:
        return ""
    size = percent_text(noise) if change.is_ratio else "+" + quantity_text(noise, change.unit)
    return f"noise ±{size[1:]}"


def values_text(change: Change) -> str:
    """Format a figure of both runs."""
    one, other = (quantity_text(each.value, change.unit) for each in (change.before, change.after))
    return f"{one} to {other}"


def percent_text(part: float) -> str:
    """Format a change as a percentage with its sign, to two digits."""
    percent = 100 * part
    if abs(percent) >= 1000:
        return f"{percent:+,.0f}%"
    return f"{percent:+.0f}%" if abs(percent) >= 9.95 else f"{percent:+.1f}%"


def _percentage(text: str) -> float:
    digits = text[:-1].strip()
    if not _PERCENT.fullmatch(digits):
        raise ValueError(text)
    return float(digits) / 100


def _not_measured(change: Change) -> str:
    missing = [
        name
        for name, one in (("first", change.before), ("second", change.after))
        if one.value is None
    ]
    return f"not measured in the {' and the '.join(missing)} run"
