"""``pyload latency``."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoBool, GoDuration, GoInt, PositiveDuration
from pyload.cli.flags.run import creating_run_options
from pyload.cli.flags.start import measuring_start_options
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.harness.start_options import StartOptions
    from pyload.mesh.changes import Kind


@click.command(
    cls=Command,
    epilog="Example:\n  pyload latency --kind Service --clients 100 --count 20 --out result.json",
)
@click.option(
    "--kind",
    type=click.Choice(["ServiceEntry", "VirtualService", "Service", "EndpointSlice"]),
    default="ServiceEntry",
    metavar="KIND",
    help="Kind of the object that changes: ServiceEntry, VirtualService, Service or EndpointSlice.",
)
@click.option(
    "--count", type=GoInt(), default=0, help="How often to change it; 0 (the default) is for ever."
)
@click.option(
    "--clients",
    type=GoInt(),
    default=1,
    show_default=True,
    help="Proxies that must receive each change.",
)
@click.option(
    "--timeout",
    type=PositiveDuration(),
    default="1m",
    metavar="TIME",
    show_default=True,
    help="Fail (exit code 5) if a change takes longer.",
)
@creating_run_options
@measuring_start_options
# Other flags that pilot-load takes here by accident, and ignores.
@click.option("--inject", type=GoBool(), hidden=True, expose_value=False)
@click.option("--concurrency", type=GoInt(), hidden=True, expose_value=False)
@click.option("--namespace", hidden=True, expose_value=False)
@click.option("--cooldown", type=GoDuration(), hidden=True, expose_value=False)
@click.option("--spec", hidden=True, expose_value=False)
@pass_settings
def command(
    settings: Settings,
    *,
    kind: Kind,
    count: int,
    clients: int,
    timeout: float,
    run: dict[str, Any],
    start: StartOptions,
) -> int:
    """Time changes on their way to proxies; state of the world unless --delta is given."""
    from pyload.commands.latency.command import (  # noqa: PLC0415 - fast help
        LatencyOptions,
        run_latency,
    )

    options = LatencyOptions(
        kind=kind,
        count=count,
        clients=clients,
        timeout=timeout,
        connection=replace(settings.connection, delta=speaks_delta(settings)),
        start=start,
        **run,
    )
    return run_and_report(partial(run_latency, options), settings.log)


def speaks_delta(settings: Settings) -> bool:
    """Return whether the user asked for ``--delta``; it is not enough that it is the default.

    pilot-load's proxies speak state of the world here, whatever that flag's default.
    """
    return "delta" in settings.given and settings.connection.delta
