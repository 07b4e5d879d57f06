"""How a command ended, for the program that prints it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyload.errors import Interrupted, PyloadError
from pyload.tasks import first_error

if TYPE_CHECKING:
    from pyload.kube.resources import Obj
    from pyload.report.result import Result


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended.

    Attributes:
        reason: Why, as the result says it.
        error: The error that ended it, or None; it decides the exit code.
    """

    reason: str
    error: PyloadError | None = None

    def with_error(self, error: PyloadError | None) -> Ending:
        """Return the ending with an error, unless it has one already."""
        return replace(self, error=self.error or error)


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


def internal_error(bug: Exception) -> PyloadError:
    """Return the error of a run that a bug has ended."""
    if isinstance(bug, ExceptionGroup):
        bug = first_error(bug)
    if isinstance(bug, PyloadError):
        return bug
    fix = "report it with the log, which says where it happened"
    return PyloadError(f"internal error: {bug!r}", fix=fix)
