"""The phases that a run has gone through, and how far it is in the present one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyload.report.progress import Status

STARTING: Final = "starting"
RUNNING: Final = "running"
CLEANING_UP: Final = "cleaning up"


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase of a run.

    Attributes:
        name: Its name, such as ``starting``.
        seconds: How long it took, or has taken so far.
        share: How much of it is done, from 0 to 1; None if nobody knows.
        is_over: Whether the run has gone on to the next.
    """

    name: str
    seconds: float
    share: float | None
    is_over: bool = False


class Phases:
    """Follows a run through its phases, by its status."""

    def __init__(self) -> None:
        self._ended: list[Phase] = []
        # A start may be over before anybody looks.
        self._name = STARTING
        self._began = 0.0
        self._objects = 0

    def observe(
        self, status: Status, *, expected: int = 0, duration: float | None = None
    ) -> tuple[Phase, ...]:
        """Return all phases as of a status; the last of them is the present one.

        Args:
            status: How far the run is; not earlier than the last.
            expected: How many proxies there are to be; 0 if nobody knows.
            duration: Seconds that its work takes, or a step of it; None if nobody knows.
        """
        if status.phase != self._name:
            seconds = status.elapsed - self._began
            self._ended.append(Phase(self._name, seconds, 1.0, is_over=True))
            self._began = status.elapsed
            self._name = status.phase
            self._objects = status.objects
        share = self._share(status, expected, duration)
        return (*self._ended, Phase(self._name, status.elapsed - self._began, share))

    def _share(self, status: Status, expected: int, duration: float | None) -> float | None:
        if status.phase == CLEANING_UP:
            return (
                None if not self._objects else _share(self._objects - status.objects, self._objects)
            )
        is_work = status.phase == RUNNING or (
            status.phase.startswith("step ") and "," not in status.phase
        )
        if is_work:
            return None if duration is None else _share(status.elapsed - self._began, duration)
        wanted = max(expected, status.wanted)
        return _share(status.configured, wanted) if wanted else None


def _share(part: float, whole: float) -> float:
    return max(0.0, min(1.0, part / whole)) if whole else 1.0
