"""``pyload cleanup``."""

from __future__ import annotations

from functools import partial

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.run import dry_run_option
from pyload.cli.run import run_and_report


@click.command(
    cls=Command,
    epilog="Examples:\n  pyload cleanup --all --dry-run\n  pyload cleanup --run-id qmzkwtha",
)
@click.option("--run-id", default="", metavar="ID", help="Remove the objects of this run.")
@click.option("--all", "everything", is_flag=True, help="Remove the objects of all runs.")
@dry_run_option
@pass_settings
def command(settings: Settings, *, run_id: str, everything: bool, dry_run: bool) -> int:
    """Remove what runs have left in the cluster, by the label pyload.dev/run."""
    from pyload.commands.cleanup import CleanupOptions, run_cleanup  # noqa: PLC0415 - fast help

    options = CleanupOptions(
        run_id=run_id, everything=everything, dry_run=dry_run, connection=settings.connection
    )
    return run_and_report(partial(run_cleanup, options), settings.log)
