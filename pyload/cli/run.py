"""Runs a command's coroutine under signals, and prints what came of it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from pyload.cli.logs import LogOptions, set_up
from pyload.tasks import Shutdown, handle_signals, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.harness.outcome import Outcome


def run_and_report(
    main: Callable[[Shutdown], Awaitable[Outcome]], log: LogOptions, *, err: bool = False
) -> int:
    """Run a command to its end and print its summary.

    Args:
        main: The command.
        log: Where its log lines go.
        err: Print the summary to standard error, because standard output holds data.

    Raises:
        PyloadError: The run failed; its summary has been printed.
    """
    # gRPC's core writes its own notes to stderr; what matters in them reaches us as a status.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    async def under_signals() -> Outcome:
        async with handle_signals() as shutdown:
            loop = asyncio.get_running_loop()
            # As SIGPIPE ends a Go program, but with its cleanup.
            set_up(log, unread=lambda: loop.call_soon_threadsafe(shutdown.requested.set))
            return await main(shutdown)

    outcome = run(under_signals())
    try:
        click.echo(outcome.listing or outcome.result.to_text(), err=err)
    except OSError:
        # What went wrong in the run says more than that nobody reads of it.
        if outcome.error is None:
            raise
    if outcome.error is not None:
        raise outcome.error
    return 0
