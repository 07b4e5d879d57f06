"""Thresholds: what the figures of a run have to be for the run to pass.

A threshold compares a figure of the result, by its path there, with a value in the figure's unit:
``first_config.p99 < 2s``. Some hold by default. Of the thresholds that come from several places,
those of one place replace those of an earlier place for the same figure: the config's replace the
defaults, and the command line's both; two for one figure from one place both hold.

A figure that was not measured fails a threshold of the user's, who has asked about it. A default
lets it pass, as others say that there should have been something to measure.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.report.figures import unit_of, value_of
from pyload.report.quantity import HOW_TO_WRITE, parse_quantity
from pyload.report.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyload.report.quantity import Unit
    from pyload.report.result import Result

NONE: Final = "none"
"""In place of a threshold: without those that hold by default."""

_OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_EXPR: Final = re.compile(r"([^<>=!]+)([<>=!]+)([^<>=!]+)")
EXAMPLE: Final = "write METRIC OP VALUE, as `first_config.p99 < 2s`"
"""What to do about a text that is no threshold."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one figure has to be.

    Attributes:
        figure: Path of the figure.
        op: How it is compared: ``<``, ``<=``, ``>``, ``>=``, ``==`` or ``!=``.
        limit: What it is compared with, as written.
        value: The same as a number in the figure's unit.
        unit: That unit.
        abort: Whether the run ends as soon as it fails.
        after: Seconds of the run in which it does not end it.
        default: Whether it holds for every run, and the user did not write it.
    """

    figure: str
    op: str
    limit: str
    value: float
    unit: Unit
    abort: bool = False
    after: float = 0.0
    default: bool = False

    @property
    def expr(self) -> str:
        """The threshold as text."""
        return f"{self.figure} {self.op} {self.limit}"

    def judge(self, result: Result) -> Verdict:
        """Compare the figure of a result.

        Raises:
            UsageError: Runs of this command have no such figure.
        """
        value = value_of(result, self.figure)
        passed = self.default if value is None else _OPERATORS[self.op](value, self.value)
        return Verdict(self.expr, self.figure, self.unit, value, passed, self.default)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The thresholds of one place: a config, a command line.

    Attributes:
        items: The thresholds.
        without_defaults: Whether those that hold by default do not.
    """

    items: tuple[Threshold, ...] = ()
    without_defaults: bool = False

    def replaced_by(self, later: Thresholds) -> Thresholds:
        """Return these thresholds with those of a later place, which replace some."""
        figures = {one.figure for one in later.items}
        kept = (
            one
            for one in self.items
            if one.figure not in figures and not (one.default and later.without_defaults)
        )
        return Thresholds(
            (*kept, *later.items),
            self.without_defaults or later.without_defaults,
        )


NO_THRESHOLDS: Final = Thresholds()


def parse_threshold(text: str, *, abort: bool = False, after: float = 0.0) -> Threshold:
    """Parse ``METRIC OP VALUE``.

    Args:
        text: The threshold.
        abort: Whether the run ends as soon as it fails.
        after: Seconds of the run in which it does not end it.

    Raises:
        UsageError: The text is no threshold, or there is no such figure.
    """
    match = _EXPR.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"`{text}` is no threshold", fix=EXAMPLE)
    figure, op, limit = (part.strip() for part in match.groups())
    if op not in _OPERATORS:
        ops = ", ".join(_OPERATORS)
        fix = "did you mean `==`?" if op in ("=", "===") else f"use one of {ops}"
        raise UsageError(f"`{op}` in `{text}` is no comparison", fix=fix)
    try:
        unit = unit_of(figure)
    except UsageError as error:
        raise UsageError(f"threshold `{text.strip()}`: {error.what}", fix=error.fix) from None
    try:
        value = parse_quantity(limit, unit)
    except ValueError:
        what = f"threshold `{text.strip()}`: `{limit}` does not fit `{figure}`"
        raise UsageError(what, fix=f"write {HOW_TO_WRITE[unit]}") from None
    return Threshold(figure, op, limit, value, unit, abort, after)


def parse_thresholds(texts: Iterable[str]) -> Thresholds:
    """Parse the thresholds of a command line, ``none`` among them.

    Raises:
        UsageError: A text is no threshold, or there is no such figure.
    """
    texts = tuple(texts)
    return Thresholds(
        tuple(parse_threshold(text) for text in texts if text.strip() != NONE),
        any(text.strip() == NONE for text in texts),
    )


def defaults(*texts: str) -> Thresholds:
    """Return thresholds as those that hold by default."""
    return Thresholds(tuple(replace(parse_threshold(text), default=True) for text in texts))
