"""``pyload prober``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

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
    epilog="Example:\n  pyload prober --replicas 100 --delay 1s --gateway-address localhost:8080",
)
@click.option(
    "--replicas",
    type=GoInt(),
    default=1,
    show_default=True,
    help="Routes to add, one after another.",
)
@click.option(
    "--delay", type=GoDuration(), default="1s", show_default=True, help="Pause between two routes."
)
@click.option(
    "--delay-threshold",
    type=GoDuration(),
    default="1m",
    show_default=True,
    help="For one route; exit code 4 beyond it.",
)
@click.option(
    "--gateway-address",
    default="",
    metavar="HOST:PORT",
    help="Gateway to ask.  [default: that of istio-ingressgateway]",
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
    delay_threshold: Duration,
    gateway_address: str,
    out: Path | None,
) -> int:
    """Add routes to a gateway, and print as CSV when it serves each; logs go to stderr."""
    settings = settings_of(context)
    log = settings.log
    if tuple(log.targets) == ("stdout",):
        # Standard output is for the CSV.
        log = replace(log, targets=("stderr",))

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.prober.command import ProberOptions, run_prober  # noqa: PLC0415 - fast help

        options = ProberOptions(
            replicas=replicas,
            delay=delay.seconds,
            threshold=delay_threshold.seconds,
            gateway=gateway_address,
            out=out,
            connection=settings.connection(),
        )
        return await run_prober(options, write=click.echo, shutdown=shutdown)

    return run_and_report(main, log, err=True)


with_global_options(command)
