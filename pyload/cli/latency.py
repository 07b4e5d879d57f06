"""``pyload latency``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.flags.go import GoBool, GoDuration, GoInt
from pyload.cli.program import Command
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.commands.latency.changes import Kind
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog="Example:\n  pyload latency --kind Service --clients 100 --count 20 --out result.json",
)
@click.option(
    "--kind",
    type=click.Choice(["ServiceEntry", "VirtualService", "Service", "EndpointSlice"]),
    default="ServiceEntry",
    metavar="KIND",
    help="ServiceEntry, VirtualService, Service or EndpointSlice.",
)
@click.option("--count", type=GoInt(), default=0, help="How often.  [default: until stopped]")
@click.option(
    "--clients", type=GoInt(), default=1, show_default=True, help="Proxies that are to see it."
)
@click.option(
    "--timeout",
    "limit",
    type=GoDuration(),
    default="1m",
    metavar="TIME",
    show_default=True,
    help="For one change; exit code 5 beyond it.",
)
@click.option(
    "--embedded",
    is_flag=True,
    help="Run against built-in servers; needs no Kubernetes.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Result as JSON.")
# Other flags that pilot-load takes here by accident, and ignores.
@click.option("--inject", type=GoBool(), hidden=True, expose_value=False)
@click.option("--concurrency", type=GoInt(), hidden=True, expose_value=False)
@click.option("--namespace", hidden=True, expose_value=False)
@click.option("--cooldown", type=GoDuration(), hidden=True, expose_value=False)
@click.option("--spec", hidden=True, expose_value=False)
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(
    context: click.Context,
    *,
    kind: Kind,
    count: int,
    clients: int,
    limit: Duration,
    embedded: bool,
    out: Path | None,
) -> int:
    """Time changes on their way to proxies; state of the world unless --delta is given."""
    settings = settings_of(context)
    delta = speaks_delta(context)

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.latency.command import LatencyOptions, run_latency  # noqa: PLC0415 - fast help

        options = LatencyOptions(
            kind=kind,
            count=count,
            clients=clients,
            timeout=limit.seconds,
            embedded=embedded,
            out=out,
            connection=replace(settings.connection(), delta=delta),
        )
        return await run_latency(options, shutdown=shutdown)

    return run_and_report(main, settings.log)


def speaks_delta(context: click.Context) -> bool:
    """Tell whether ``--delta`` was given before or after the command's name; it is the default.

    pilot-load's proxies speak state of the world here, whatever that flag's default.
    """
    given = any(
        level.get_parameter_source("delta") not in (None, ParameterSource.DEFAULT)
        for level in (context.parent, context)
        if level is not None
    )
    return given and settings_of(context).delta


with_global_options(command)
