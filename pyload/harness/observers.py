"""What goes on beside the work of a run: `observers` lists it.

An observer runs from before the start until the work has ended. Before, it may do something for
which the start waits a moment, such as a first reading. Afterwards, in the order of the list, each
may do once more what the figures need, such as a last reading, and all are cancelled. One that
fails is logged, and the run goes on without it: an observer neither ends a run nor keeps it from
its clean-up.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pyload.harness.istiod_reader import IstiodReader
from pyload.harness.outage_watch import watch_outages
from pyload.harness.sampler import Sampler
from pyload.tasks import cancel, first_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterable

    from pyload.harness.recorder import Recorder
    from pyload.harness.result_file import ResultFile
    from pyload.harness.results import Results
    from pyload.harness.workload import Workload

    Act = Callable[[], Coroutine[Any, Any, object]]

FIRST_SECONDS: Final = 1.0
"""How long the start of a run waits for the first acts of its observers together."""

LAST_SECONDS: Final = 10.0
"""How long the last act of an observer may take."""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Observer:
    """One thing that goes on beside the work of a run.

    Attributes:
        name: What it is called in the log.
        run: Goes on until it is cancelled, or has nothing more to do.
        first: What it does before the start, and gives up if it takes too long.
        last: What it does when the work has ended, and while `run` still goes on.
    """

    name: str
    run: Act
    last: Act | None = None
    first: Act | None = None


def observers(
    workload: Workload, recorder: Recorder, results: Results, file: ResultFile
) -> tuple[Observer, ...]:
    """Return everything that goes on beside the work of a run, in the order of the last acts.

    Args:
        workload: The command's parts.
        recorder: Records the figures.
        results: Makes results of them.
        file: The run's result file.
    """
    found = []
    fleet = workload.fleet
    if fleet is not None:
        watch = lambda: watch_outages(fleet, recorder.metrics, recorder.outages)  # noqa: E731
        found.append(Observer("outages", watch))
    probes = workload.probes
    if probes is not None:
        found.append(Observer("probes", probes.run, probes.finish))
    if recorder.istiod_source is not None:
        reader = IstiodReader(
            recorder.istiod_source,
            recorder.istiods,
            learn_version=None if fleet is None else fleet.learn_version,
        )
        recorder.read_istiods = reader.last
        found.append(Observer("istiod's metrics", reader.run, reader.last, reader.first))
    sampler = Sampler(results, recorder.history)
    found.append(Observer("history", sampler.run, sampler.last))
    found.append(Observer("result file", lambda: file.keep(results.current)))
    return tuple(found)


@contextlib.asynccontextmanager
async def observed_by(
    observers: Iterable[Observer], *, unless: asyncio.Event
) -> AsyncIterator[None]:
    """Run observers while the context lasts, and their last acts when it is left.

    Args:
        observers: The observers.
        unless: Ends the last acts early: the user does not want to wait.
    """
    observers = tuple(observers)
    firsts = [_guarded(one.name, one.first) for one in observers if one.first is not None]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FIRST_SECONDS):
            await asyncio.gather(*firsts)
    tasks = [asyncio.create_task(_guarded(one.name, one.run), name=one.name) for one in observers]
    try:
        yield
        for one in observers:
            if one.last is not None:
                act = asyncio.wait_for(_guarded(one.name, one.last), LAST_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await first_of(act, unless.wait(), name=one.name)
    finally:
        await cancel(tasks)


async def _guarded(name: str, act: Act) -> None:
    try:
        await act()
    except Exception:
        # A bug in what only looks on must not cost the user the run, nor its clean-up.
        log.exception("%s: failed, and the run goes on without it", name)
