"""What a command hands to a run: its own parts, and what it expects of its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyload.harness.judge import CONVERGED, SERVED, WRITTEN
from pyload.harness.readiness import settle
from pyload.report.thresholds import NO_THRESHOLDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from pyload.errors import PyloadError
    from pyload.harness.climb import Rungs
    from pyload.harness.probes import Probes
    from pyload.harness.readiness import Source
    from pyload.mesh.pause import Pause
    from pyload.mesh.writer import Writer
    from pyload.proxies.fleet import Fleet
    from pyload.report.header import ConfigFile
    from pyload.report.result import Result
    from pyload.report.thresholds import Thresholds
    from pyload.tasks import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The parts of a run that differ from command to command.

    Attributes:
        start: Creates and connects everything that has to be there before the work. A run that is
            stopped in the meantime counts as interrupted. A run with proxies then waits for them.
        work: Goes on until it is cancelled or has nothing more to do; returns why it is over.
        fleet: The run's proxies, if it has any. They are stopped at the very end.
        source: Starts proxies by itself, beside `start`; None if nothing does.
        writer: Writes the run's objects, if it has any.
        probes: Measures how long a change takes to reach the proxies, if the run is to.
        spawn: Starts tasks that live until the clean-up is done, and whose failure ends the run.
        clean_up: Removes the objects; by default everything in the writer's ledger.
        verdict: Judges a run that came to its end by its figures; returns None if all is well.
        defaults: The command's own default thresholds. Proxies have to be connected and configured
            in every run, and objects written.
        thresholds: Those of its config.
        config: The file of its config; None without one.
        duration: Seconds of the work, if they are known before.
        expected: Returns how many proxies there are to be now; 0 if nobody knows.
        pause: Holds up the changes of the work; None without any.
        rungs: The steps of a ladder, which take the place of the work; None without.
        only_lists: Whether nothing is run, so that there is nothing to judge.
        extend: Adds the command's own figures to a result.
        listing: Returns text to show in place of the result's; empty for none.
    """

    start: Callable[[], Coroutine[Any, Any, object]]
    work: Callable[[], Coroutine[Any, Any, str]]
    fleet: Fleet | None = None
    source: Source | None = None
    writer: Writer | None = None
    probes: Probes | None = None
    spawn: Callable[[Supervisor], object] = lambda _: None
    clean_up: Callable[[], Awaitable[object]] | None = None
    verdict: Callable[[], PyloadError | None] = lambda: None
    defaults: tuple[str, ...] = ()
    thresholds: Thresholds = NO_THRESHOLDS
    config: ConfigFile | None = None
    duration: float | None = None
    expected: Callable[[], int] = lambda: 0
    pause: Pause | None = None
    rungs: Rungs | None = None
    only_lists: bool = False
    extend: Callable[[Result], Result] = lambda result: result
    listing: Callable[[Result], str] = lambda _: ""

    @property
    def by_default(self) -> tuple[str, ...]:
        """All default thresholds."""
        return (
            *self.defaults,
            *(() if self.fleet is None else SERVED),
            *(() if self.writer is None else WRITTEN),
            *(() if self.probes is None else CONVERGED),
        )

    async def settle(self) -> None:
        """Wait a moment for the last probes, and for proxies that are just not configured."""
        if self.probes is not None:
            await self.probes.settle()
        await settle(self.fleet)
