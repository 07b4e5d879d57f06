"""How a command ended, for the program that prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyload.errors import Interrupted

if TYPE_CHECKING:
    from pyload.errors import PyloadError
    from pyload.kube.resources import Obj
    from pyload.report.result import Result


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run.

    Attributes:
        result: The figures.
        error: Why the run failed, or None; it decides the exit code.
        listing: Text to show in place of the result's, such as the plan of a dry run.
        warning: Line about what would have failed the run under another name; empty for none.
        plan: What a dry run has found, as JSON in place of the result; None after a run.
    """

    result: Result
    error: PyloadError | None = None
    listing: str = ""
    warning: str = ""
    plan: Obj | None = None


def document_of(outcome: Outcome) -> Obj:
    """Return the JSON of ``--out``: the result, or the plan of a dry run."""
    return outcome.result.to_json() if outcome.plan is None else outcome.plan


def interrupted() -> Interrupted:
    """Return the error of a run that was stopped before its start-up was complete."""
    return Interrupted("interrupted before start-up was complete")
