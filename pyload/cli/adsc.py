"""``pyload adsc``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pyload.cli.command import Command
from pyload.cli.flags.fleet import FleetFlags, fleet_options
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoDuration, GoInt
from pyload.cli.flags.ladder import ladder_options
from pyload.cli.flags.mesh import embedded_config_option, loaded_mesh
from pyload.cli.flags.probe import no_probes
from pyload.cli.flags.run import duration_option, run_options
from pyload.cli.flags.start import start_options
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.harness.ladder_options import LadderOptions
    from pyload.harness.start_options import StartOptions


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
@click.option(
    "-n", "--namespace", default="default", show_default=True, help="Namespace of the proxies."
)
@embedded_config_option
@duration_option
@ladder_options
@run_options
@no_probes("adsc writes nothing to an API server")
@start_options
@fleet_options
@pass_settings
def command(
    settings: Settings,
    *,
    count: int,
    delay: float,
    namespace: str,
    config: str,
    duration: float | None,
    run: dict[str, Any],
    start: StartOptions,
    ladder: LadderOptions | None,
    fleet: FleetFlags,
) -> int:
    """Open xDS connections that belong to no pod, and keep them open."""
    from pyload.commands.adsc import AdscOptions, run_adsc  # noqa: PLC0415 - fast help

    options = AdscOptions(
        count=count,
        delay=delay,
        namespace=namespace,
        duration=duration,
        loaded=loaded_mesh(config, settings),
        connection=settings.connection,
        workers=fleet.workers,
        behavior=fleet.behavior,
        start=start,
        ladder=ladder,
        **run,
    )
    return run_and_report(partial(run_adsc, options), settings.log)
