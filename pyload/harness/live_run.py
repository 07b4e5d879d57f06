"""A run that goes on, as those see it who look on; and what they may do to it.

A `View` is passed in from above, as one of the options: it shows the run on a terminal, in lines,
or not at all. Nothing here depends on what it does.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pyload.harness.recorder import Recorder
    from pyload.harness.workload import Workload
    from pyload.mesh.pause import Pause
    from pyload.report.progress import Status
    from pyload.report.result import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRun:
    """A run that goes on.

    Attributes:
        status: Returns how far it is; costs little.
        figures: Returns all figures as they were last reported, judged by the thresholds.
        duration: Seconds that its work takes, or a step of it; None if nobody knows.
        expected: Returns how many proxies there are to be; 0 if nobody knows.
        pause: Holds up the changes of the mesh; None without any.
        page: Address that its live page is served at; empty without one.
        probe_now: Writes a probe at once; None in a run without probes.
    """

    status: Callable[[], Status]
    figures: Callable[[], Result]
    duration: float | None = None
    expected: Callable[[], int] = lambda: 0
    pause: Pause | None = None
    probe_now: Callable[[], None] | None = None
    page: str = ""

    @classmethod
    def of(cls, workload: Workload, recorder: Recorder, figures: Callable[[], Result]) -> LiveRun:
        """Return the run of a workload.

        Args:
            workload: The command's parts.
            recorder: Records the figures.
            figures: Returns all of them.
        """
        rungs = workload.rungs
        return cls(
            status=lambda: recorder.status(workload.fleet),
            figures=figures,
            duration=workload.duration if rungs is None else rungs.options.seconds,
            expected=workload.expected,
            pause=workload.pause,
            probe_now=None if workload.probes is None else workload.probes.probe_now,
        )


View: TypeAlias = Callable[[LiveRun], Coroutine[Any, Any, object]]
"""Shows a run until it is cancelled."""
