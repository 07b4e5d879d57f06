"""What goes on beside a run for those who look on: loop lag, its view and metrics."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from pyload.report.load import probe_load
from pyload.report.loop_lag import probe
from pyload.report.metrics_server import serve
from pyload.tasks import Supervisor
from pyload.version import __version__

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyload.harness.live_run import LiveRun
    from pyload.harness.recorder import Recorder
    from pyload.harness.run_options import RunOptions
    from pyload.proxies.fleet import Fleet


@contextlib.asynccontextmanager
async def observed(
    recorder: Recorder,
    fleet: Fleet | None,
    options: RunOptions,
    live: LiveRun,
) -> AsyncIterator[None]:
    """Probe the event loop, show the run and serve the metrics while the context lasts.

    Args:
        recorder: Records the run.
        fleet: The run's proxies, if it has any.
        options: Where the metrics are served, and how the run is shown.
        live: The run.
    """
    async with contextlib.AsyncExitStack() as stack:
        background = await stack.enter_async_context(Supervisor())
        background.spawn(probe(recorder.metrics.loop_lag), name="loop-lag")
        waiting = None if fleet is None else lambda: fleet.pacing.waiting
        load = probe_load(recorder.metrics, waiting=waiting, machine=True)
        background.spawn(load, name="load")
        if address := options.connection.metrics_addr:
            server = serve(
                address,
                recorder.metrics,
                version=__version__,
                run={**options.tags, **recorder.labels},
                figures=live.figures,
                as_pilot_load=options.as_pilot_load,
            )
            page = await stack.enter_async_context(server)
            live = replace(live, page=page or "")
        if options.view is not None:
            background.spawn(options.view(live), name="view")
        yield
