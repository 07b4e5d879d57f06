"""``pyload impersonate``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pyload.cli.command import Command
from pyload.cli.flags.fleet import FleetFlags, fleet_options
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoDuration, GoInt
from pyload.cli.flags.mesh import embedded_config_option, loaded_mesh
from pyload.cli.flags.probe import probe_options
from pyload.cli.flags.run import creating_run_options, duration_option
from pyload.cli.flags.start import start_options
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.commands.impersonate.command import Selector
    from pyload.harness.probe_options import ProbeOptions
    from pyload.harness.start_options import StartOptions


@click.command(
    cls=Command,
    epilog="Example:\n  pyload impersonate --selector both --replicas 2 --delay 10ms",
)
@click.option(
    "--replicas",
    type=GoInt(),
    default=1,
    show_default=True,
    help="Connections to open for each pod.",
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
    help="Pods with a sidecar, external ones (without) or both.",
)
@click.option(
    "-n",
    "--namespace",
    default="",
    metavar="NAME",
    help="Namespace of the pods.  [default: all namespaces]",
)
@embedded_config_option
@duration_option
@creating_run_options
@probe_options
@start_options
@fleet_options
@pass_settings
def command(
    settings: Settings,
    *,
    replicas: int,
    delay: float,
    selector: Selector,
    namespace: str,
    config: str,
    duration: float | None,
    run: dict[str, Any],
    probe: ProbeOptions,
    start: StartOptions,
    fleet: FleetFlags,
) -> int:
    """Open the xDS connections of a cluster's pods, for as long as the pods live."""
    from pyload.commands.impersonate.command import (  # noqa: PLC0415 - fast help
        ImpersonateOptions,
        run_impersonate,
    )

    options = ImpersonateOptions(
        selector=selector,
        namespace=namespace,
        replicas=replicas,
        delay=delay,
        duration=duration,
        loaded=loaded_mesh(config, settings),
        connection=settings.connection,
        workers=fleet.workers,
        behavior=fleet.behavior,
        probe=probe,
        start=start,
        **run,
    )
    return run_and_report(partial(run_impersonate, options), settings.log)
