"""``pyload dump``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.flags.go import GoDuration
from pyload.cli.program import Command
from pyload.cli.run import run_and_report
from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.commands.dump.envoy_files import Format
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog=("Example:\n  pyload dump --pod web-0 --namespace shop --out web -p localhost:15012"),
)
@click.option("--pod", default="", metavar="NAME", help="Whose configuration.")
@click.option("--namespace", default="", metavar="NAME", help="The pod's.")
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="",
    metavar="DIR",
    help="Write files.  [default: print them]",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["yaml", "json"]),
    default="yaml",
    show_default=True,
    help="What to write.",
)
@click.option(
    "--timeout",
    type=GoDuration(),
    default="30s",
    metavar="TIME",
    show_default=True,
    help="Wait at most so long.",
)
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(
    context: click.Context, *, pod: str, namespace: str, out: str, kind: Format, timeout: Duration
) -> int:
    """Write the xDS configuration of a pod's proxy, for Envoy to start from or to be compared."""
    settings = settings_of(context)
    for flag, given in (("--pod", pod), ("--namespace", namespace)):
        if not given:
            raise UsageError(f"{flag} required")
    log = settings.log
    if not out and tuple(log.targets) == ("stdout",):
        # Standard output is for the files.
        log = replace(log, targets=("stderr",))

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.dump.command import DumpOptions, run_dump  # noqa: PLC0415 - fast help

        options = DumpOptions(
            pod=pod,
            namespace=namespace,
            out=out,
            format=kind,
            timeout=timeout.seconds,
            connection=settings.connection(),
        )
        return await run_dump(
            options, write=lambda text: click.echo(text, nl=False), shutdown=shutdown
        )

    return run_and_report(main, log, err=True)


with_global_options(command)
