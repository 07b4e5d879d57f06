"""What became of a threshold in a run: part of the result, and of its text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.report.quantity import quantity_text

if TYPE_CHECKING:
    from pyload.report.quantity import Unit

PASSED: Final = "✓"
FAILED: Final = "✗"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A threshold with the figure that it was compared with.

    Attributes:
        expr: The threshold, such as ``first_config.p99 < 2s``.
        figure: Path of the figure.
        unit: Unit of the figure.
        value: The figure; None if it was not measured.
        passed: Whether the threshold holds.
        default: Whether it holds for every run, and the user did not write it.
    """

    expr: str
    figure: str
    unit: Unit
    value: float | None
    passed: bool
    default: bool = False

    @property
    def measured(self) -> str:
        """The figure as text."""
        return quantity_text(self.value, self.unit)

    def line(self) -> str:
        """Return the line of the summary."""
        return f"{PASSED if self.passed else FAILED} {self.expr}: {self.measured}"


def failure_text(failed: tuple[Verdict, ...]) -> str:
    """Return in one line which thresholds failed, and what the figures were."""
    texts = ", ".join(f"{one.expr} (it is {one.measured})" for one in failed)
    if len(failed) == 1:
        return f"threshold failed: {texts}"
    return f"{len(failed)} thresholds failed: {texts}"
