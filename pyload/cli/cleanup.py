"""``pyload cleanup``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.program import Command
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown


@click.command(
    cls=Command,
    epilog=("Examples:\n  pyload cleanup --all --dry-run\n  pyload cleanup --run-id qmzkwtha"),
)
@click.option("--run-id", default="", metavar="ID", help="Remove the objects of this run.")
@click.option("--all", "everything", is_flag=True, help="Remove the objects of all runs.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(context: click.Context, *, run_id: str, everything: bool, dry_run: bool) -> int:
    """Remove what runs have left in the cluster, by the label pyload.dev/run."""
    settings = settings_of(context)

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.cleanup import CleanupOptions, run_cleanup  # noqa: PLC0415

        options = CleanupOptions(
            run_id=run_id,
            everything=everything,
            dry_run=dry_run,
            connection=settings.connection(),
        )
        return await run_cleanup(options, shutdown=shutdown)

    return run_and_report(main, settings.log)


with_global_options(command)
