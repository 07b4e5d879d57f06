"""The steps of a ladder: how many proxies run, one number after the other, and for how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from pyload.errors import UsageError
from pyload.harness.start_options import StartCondition

if TYPE_CHECKING:
    from pyload.harness.start_options import StartOptions

STEP_DURATION: Final = "1m"
"""How long each step lasts, unless the user says so."""

_FIX: Final = "write numbers of proxies that increase, as --steps 100,500,1000"


@dataclass(frozen=True, slots=True)
class LadderOptions:
    """The steps of a run.

    Attributes:
        steps: Numbers of proxies, which increase.
        seconds: How long each is held once its proxies are configured.
    """

    steps: tuple[int, ...]
    seconds: float = 60.0

    def __post_init__(self) -> None:
        shown = ",".join(map(str, self.steps))
        if not self.steps or self.steps[0] < 1:
            raise UsageError(f"--steps {shown} has a step without proxies", fix=_FIX)
        if any(later <= one for one, later in pairwise(self.steps)):
            raise UsageError(f"--steps {shown} does not increase", fix=_FIX)

    @classmethod
    def parse(cls, text: str, seconds: float) -> LadderOptions:
        """Read numbers with commas in between.

        Raises:
            UsageError: The text is something else, or the numbers do not increase.
        """
        numbers = [part.strip() for part in text.split(",")]
        if not all(part.isascii() and part.isdecimal() for part in numbers):
            raise UsageError(f"--steps {text} is no list of numbers", fix=_FIX)
        return cls(tuple(map(int, numbers)), seconds)

    @property
    def first(self) -> int:
        """Proxies of the first step."""
        return self.steps[0]

    @property
    def last(self) -> int:
        """Proxies of the last step."""
        return self.steps[-1]

    def check(self, *, duration: float | None, start: StartOptions) -> None:
        """Check what does not go with steps.

        Raises:
            UsageError: The duration of the run, or what it waits for, is given beside them.
        """
        if duration is not None:
            raise UsageError(
                "--duration does not go with --steps",
                fix="--step-duration says how long each step lasts",
            )
        if start.wait is not None and start.wait.count is not None:
            raise UsageError(
                f"--wait {start.wait} does not go with --steps, each of which waits for all of "
                "its proxies",
                fix=f"write --wait {replace(start.wait, count=None)}",
            )

    def waiting(self, start: StartOptions) -> StartOptions:
        """Return what each step waits for: its proxies, also where a run would wait for none."""
        if start.wait is not None:
            return start
        return replace(start, wait=StartCondition("configured", strict=False))
