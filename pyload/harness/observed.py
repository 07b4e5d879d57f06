"""What goes on beside a run for those who look on: loop lag, progress and metrics."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from pyload.report.load import probe_load
from pyload.report.loop_lag import probe
from pyload.report.metrics_server import serve
from pyload.report.progress import show_progress
from pyload.tasks import Supervisor
from pyload.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pyload.harness.recorder import Recorder
    from pyload.harness.run_options import RunOptions
    from pyload.proxies.fleet import Fleet
    from pyload.report.result import Result


@contextlib.asynccontextmanager
async def observed(
    recorder: Recorder,
    fleet: Fleet | None,
    options: RunOptions,
    figures: Callable[[], Result],
) -> AsyncIterator[None]:
    """Probe the event loop, show progress and serve the metrics while the context lasts.

    Args:
        recorder: Records the run.
        fleet: The run's proxies, if it has any.
        options: Where the metrics are served.
        figures: Returns the result as of now, for the metrics.
    """
    async with contextlib.AsyncExitStack() as stack:
        background = await stack.enter_async_context(Supervisor())
        background.spawn(probe(recorder.metrics.loop_lag), name="loop-lag")
        waiting = None if fleet is None else lambda: fleet.pacing.waiting
        load = probe_load(recorder.metrics, waiting=waiting, machine=True)
        background.spawn(load, name="load")
        # Log lines and a live line on one terminal would write over each other.
        # There is no standard output at all under `>&-`.
        logs_shown = sys.stdout is not None and sys.stdout.isatty()
        progress = show_progress(
            lambda: recorder.status(fleet), environ=os.environ, enabled=not logs_shown
        )
        background.spawn(progress, name="progress")
        if address := options.connection.metrics_addr:
            server = serve(
                address,
                recorder.metrics,
                version=__version__,
                run={**options.tags, **recorder.labels},
                figures=figures,
                as_pilot_load=options.as_pilot_load,
            )
            await stack.enter_async_context(server)
        yield
