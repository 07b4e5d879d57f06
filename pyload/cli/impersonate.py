"""``pyload impersonate``."""

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
    from pyload.commands.impersonate.command import Selector
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog="Example:\n  pyload impersonate --selector both --replicas 2 --delay 10ms",
)
@click.option(
    "--replicas", type=GoInt(), default=1, show_default=True, help="Connections for each pod."
)
@click.option(
    "--delay", type=GoDuration(), default="0", show_default=True, help="Pause between two starts."
)
@click.option(
    "--selector",
    type=click.Choice(["sidecar", "external", "both"]),
    default="sidecar",
    metavar="WHICH",
    show_default=True,
    help="sidecar, external (without) or both.",
)
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
    replicas: int,
    delay: Duration,
    selector: Selector,
    duration: Duration | None,
    out: Path | None,
    **values: Any,
) -> int:
    """Open the xDS connections of a cluster's pods, for as long as the pods live."""
    settings = settings_of(context)

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.impersonate.command import (  # noqa: PLC0415 - fast help
            ImpersonateOptions,
            run_impersonate,
        )

        options = ImpersonateOptions(
            selector=selector,
            replicas=replicas,
            delay=delay.seconds,
            duration=None if duration is None else duration.seconds,
            out=out,
            connection=settings.connection(),
            workers=fleet.workers_of(values),
            behavior=fleet.behavior_of(values),
        )
        return await run_impersonate(options, shutdown=shutdown)

    return run_and_report(main, settings.log)


fleet.with_fleet_options(command)
with_global_options(command)
