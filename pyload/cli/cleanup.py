"""``pyload cleanup``."""

from __future__ import annotations

import sys
from functools import partial

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.run import dry_run_option
from pyload.cli.run import run_and_report


@click.command(
    cls=Command,
    epilog="Examples:\n  pyload cleanup --list\n  pyload cleanup --run-id qmzkwtha",
)
@click.option("--list", "list_runs", is_flag=True, help="List the runs that have objects.")
@click.option("--run-id", default="", metavar="ID", help="Remove the objects of this run.")
@click.option("--all", "everything", is_flag=True, help="Remove those of all runs that ended.")
@click.option("--force", is_flag=True, help="With --all, of runs that are under way too.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before --all removes anything.")
@dry_run_option
@pass_settings
def command(
    settings: Settings,
    *,
    list_runs: bool,
    run_id: str,
    everything: bool,
    force: bool,
    yes: bool,
    dry_run: bool,
) -> int:
    """Remove what runs have left in the cluster, by the label pyload.dev/run."""
    from pyload.commands.cleanup.command import (  # noqa: PLC0415 - fast help
        CleanupOptions,
        run_cleanup,
    )

    options = CleanupOptions(
        run_id=run_id,
        everything=everything,
        list_runs=list_runs,
        dry_run=dry_run,
        force=force,
        confirm=_confirm if _is_terminal() else None,
        yes=yes,
        connection=settings.connection,
    )
    return run_and_report(partial(run_cleanup, options), settings.log)


def _is_terminal() -> bool:
    return all(one is not None and one.isatty() for one in (sys.stdin, sys.stderr))


def _confirm(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        return False
