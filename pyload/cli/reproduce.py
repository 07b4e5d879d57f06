"""``pyload reproduce``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.flags.go import GoBool, GoDuration
from pyload.cli.program import Command
from pyload.cli.run import run_and_report
from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog=(
        "Examples:\n"
        "  kubectl get ns,svc,ep,sa,pod,vs,dr,gw,se -A -o yaml > capture.yaml\n"
        "  pyload reproduce -f capture.yaml --delay 50ms --pilot-address localhost:15010"
    ),
)
@click.option(
    "-f",
    "--file",
    type=click.Path(allow_dash=True),
    default="",
    metavar="FILE",
    help="Captured objects; - is stdin.",
)
@click.option(
    "-n",
    "--config-only",
    type=GoBool(),
    default=False,
    help="Create the pods instead of running proxies for them.",
)
@click.option(
    "--delay", type=GoDuration(), default="0s", show_default=True, help="Pause between two proxies."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--embedded", is_flag=True, help="Run against built-in servers; needs no Kubernetes.")
@click.option(
    "--duration",
    type=GoDuration(),
    metavar="TIME",
    help="End this long after start-up.  [default: never]",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Result as JSON.")
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(
    context: click.Context,
    *,
    file: str,
    config_only: bool,
    delay: Duration,
    dry_run: bool,
    embedded: bool,
    duration: Duration | None,
    out: Path | None,
) -> int:
    """Create the objects of a captured cluster, and run a proxy for each of its mesh pods."""
    settings = settings_of(context)
    if not file:
        raise UsageError("--file required", fix="give -f FILE, or -f - for standard input")

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.reproduce.command import (  # noqa: PLC0415 - fast help
            ReproduceOptions,
            run_reproduce,
        )

        options = ReproduceOptions(
            file=file,
            config_only=config_only,
            delay=delay.seconds,
            dry_run=dry_run,
            embedded=embedded,
            duration=None if duration is None else duration.seconds,
            out=out,
            connection=settings.connection(),
        )
        return await run_reproduce(options, shutdown=shutdown)

    return run_and_report(main, settings.log)


with_global_options(command)
