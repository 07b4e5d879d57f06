"""``pyload adsc``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyload.cli.flags import fleet
from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.flags.go import GoDuration, GoInt
from pyload.cli.program import Command
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog="Example:\n  pyload adsc --pilot-address localhost:15010 --count 100 --delay 10ms",
)
@click.option("--count", type=GoInt(), default=1, show_default=True, help="Connections to open.")
@click.option(
    "--delay",
    type=GoDuration(),
    default="10ms",
    show_default=True,
    help="Pause between two starts.",
)
@click.option("--namespace", default="default", show_default=True, help="Namespace of the proxies.")
@click.option(
    "--duration", type=GoDuration(), metavar="TIME", help="End after this time.  [default: never]"
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Result as JSON.")
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(
    context: click.Context,
    *,
    count: int,
    delay: Duration,
    namespace: str,
    duration: Duration | None,
    out: Path | None,
    **values: Any,
) -> int:
    """Open xDS connections that belong to no pod, and keep them open."""
    settings = settings_of(context)

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.adsc import AdscOptions, run_adsc  # noqa: PLC0415 - fast help

        options = AdscOptions(
            count=count,
            delay=delay.seconds,
            namespace=namespace,
            duration=None if duration is None else duration.seconds,
            out=out,
            connection=settings.connection(),
            workers=fleet.workers_of(values),
            behavior=fleet.behavior_of(values),
        )
        return await run_adsc(options, shutdown=shutdown)

    return run_and_report(main, settings.log)


fleet.with_fleet_options(command)
with_global_options(command)
