"""Runs a command's coroutine under signals, and prints what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pyload.cli.logs import LogOptions, set_up
from pyload.tasks import Stop, handle_signals, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyload.commands.outcome import Outcome


def run_and_report(main: Callable[[Stop], Awaitable[Outcome]], log: LogOptions) -> int:
    """Run a command to its end and print its summary.

    Raises:
        PyloadError: The run failed; its summary has been printed.
    """
    set_up(log)

    async def under_signals() -> Outcome:
        async with handle_signals() as stop:
            return await main(stop)

    outcome = run(under_signals())
    click.echo(outcome.result.to_text())
    if outcome.error is not None:
        raise outcome.error
    return 0
