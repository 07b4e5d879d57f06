"""The steps of a ladder as part of a result: what each measured, and how many proxies hold.

A ladder runs a number of proxies for a while, then more of them, until a threshold fails. The
sentence that it ends with is made here of its steps alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.report.latency import time_text
from pyload.report.limits import NOTHING
from pyload.report.verdict import FAILED, PASSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.report.result import Result
    from pyload.report.verdict import Verdict

_NAMED: Final = 3
"""Thresholds up to which a sentence names each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A number of proxies, and what was measured while they were held.

    Attributes:
        target: Number of proxies.
        passed: Whether every threshold held; None where the run was stopped before the step's end.
        ended: Why it could not be held, such as ``could not be configured in 5m0s``; empty where
            that is not so.
        figures: What was measured from when its proxies were configured. Only `first_config`,
            `connect` and `objects` are from when the first of them was added.
    """

    target: int
    passed: bool | None
    ended: str = ""
    figures: Result

    @property
    def name(self) -> str:
        """The step as a sentence names it."""
        return f"{self.target:,} {'proxy' if self.target == 1 else 'proxies'}"

    @property
    def holds(self) -> str:
        """The verb for what it does."""
        return "holds" if self.target == 1 else "hold"

    @property
    def does_not(self) -> str:
        """The verb for what it does not."""
        return "does not" if self.target == 1 else "do not"

    @property
    def failed(self) -> list[Verdict]:
        """The thresholds that failed."""
        return [one for one in self.figures.thresholds if not one.passed]

    def line(self) -> str:
        """Return the step as a line of the log."""
        if self.passed:
            return f"{self.name}: {', '.join(map(_measured, _own(self))) or 'held'}"
        if self.ended:
            return f"{self.name} {self.ended}"
        return f"{self.name}: " + ", ".join(one.line() for one in self.failed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """How far up a ladder a run came.

    Attributes:
        holds: The most proxies for which every threshold held; 0 if there was no such step.
        breaks: Proxies of the step that failed; None if none did.
        sentence: The same for people, with what failed and what the step was limited by.
    """

    holds: int = 0
    breaks: int | None = None
    sentence: str

    @classmethod
    def of(cls, steps: Sequence[Step]) -> Ladder:
        """Sum up steps, of which each but the last one has passed."""
        held = [step for step in steps if step.passed]
        last = steps[-1] if steps else None
        return cls(
            holds=held[-1].target if held else 0,
            breaks=None if last is None or last.passed in (True, None) else last.target,
            sentence=_sentence(held[-1] if held else None, last),
        )


def _sentence(best: Step | None, last: Step | None) -> str:
    if last is None:
        return "the first step was not reached"
    if last.passed:
        return _all_hold(last)
    if last.passed is None:
        before = f"; {best.name} {best.holds}{_what(_own(best))}" if best else ""
        return f"stopped during the step of {last.name}{before}"
    if last.ended:
        failed, verb, short = _own(last), last.ended, last.ended
    else:
        failed = last.failed
        values = ", ".join(one.measured for one in failed[:_NAMED])
        verb = f"{last.does_not} hold{_what(failed)} ({values})"
        short = f"{last.does_not} ({values})"
    why = _why(last)
    if best is None:
        return f"{last.name} {verb}{why}"
    return f"{best.name} {best.holds}{_what(failed)}; {last.target:,} {short}{why}"


def _why(step: Step) -> str:
    """Return what a step was limited by; nothing if its figures do not show it."""
    limit = step.figures.limit
    return "" if limit is None or limit.by == NOTHING else f": limited {limit.verdict}"


def _all_hold(last: Step) -> str:
    own = _own(last)
    if not own:
        return f"up to {last.name} served; a --threshold says what else a step has to hold"
    if len(own) > _NAMED:
        return f"{last.name} {last.holds}{_what(own)}"
    return f"{last.name} {last.holds} {' and '.join(map(_measured, own))}"


def _own(step: Step) -> list[Verdict]:
    """Return the thresholds that the user wrote."""
    return [one for one in step.figures.thresholds if not one.default]


def _what(verdicts: Sequence[Verdict]) -> str:
    """Return the object of *hold*."""
    if not verdicts:
        return ""
    if len(verdicts) > _NAMED:
        return f" all {len(verdicts)} thresholds"
    return " " + " and ".join(one.expr for one in verdicts)


def _measured(verdict: Verdict) -> str:
    return f"{verdict.expr} ({verdict.measured})"


def ladder_rows(steps: Sequence[Step]) -> list[tuple[str, str]]:
    """Return the steps as lines of the summary: a table of what was measured in all of them."""
    if not steps:
        return []
    columns = [
        ["proxies", *(f"{step.target:,}" for step in steps)],
        ["", *(_mark(step) for step in steps)],
        ["config p99", *(_time(step.figures.first_config.p99) for step in steps)],
        ["change p99", *(_change(step) for step in steps)],
        ["pushes/s", *(_rate(step) for step in steps)],
        ["istiod", *(_cores(step) for step in steps)],
        ["pyload", *(_own_cores(step) for step in steps)],
    ]
    columns = [column for column in columns if not set(column[1:]) <= {""}]
    widths = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True))
        for line in zip(*columns, strict=True)
    ]
    return [("" if index else "steps", line) for index, line in enumerate(lines)]


def _mark(step: Step) -> str:
    return "?" if step.passed is None else PASSED if step.passed else FAILED


def _time(seconds: float | None) -> str:
    return "" if seconds is None else time_text(seconds)


def _change(step: Step) -> str:
    convergence = step.figures.convergence
    return "" if convergence is None else _time(convergence.p99)


def _rate(step: Step) -> str:
    figures = step.figures
    return f"{sum(figures.pushes.values()) / figures.duration:,.1f}" if figures.duration else ""


def _cores(step: Step) -> str:
    control_plane = step.figures.control_plane
    if control_plane is None or control_plane.cpu_cores is None:
        return ""
    return f"{control_plane.cpu_cores:.1f} CPU"


def _own_cores(step: Step) -> str:
    figures = step.figures
    if not figures.duration:
        return ""
    return f"{figures.generator.cpu_seconds / figures.duration:.1f} CPU"
