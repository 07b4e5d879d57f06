"""``pyload reproduce``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoBool, GoDuration
from pyload.cli.flags.probe import probe_options
from pyload.cli.flags.run import creating_run_options, dry_run_option, duration_option
from pyload.cli.flags.start import start_options
from pyload.cli.run import run_and_report
from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.harness.probe_options import ProbeOptions
    from pyload.harness.start_options import StartOptions


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
    help="Objects to replay; - is standard input.  [required]",
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
@dry_run_option
@duration_option
@creating_run_options
@probe_options
@start_options
@pass_settings
def command(
    settings: Settings,
    *,
    file: str,
    config_only: bool,
    delay: float,
    dry_run: bool,
    duration: float | None,
    run: dict[str, Any],
    probe: ProbeOptions,
    start: StartOptions,
) -> int:
    """Create the objects of a captured cluster, and run a proxy for each of its mesh pods."""
    from pyload.commands.reproduce.command import (  # noqa: PLC0415 - fast help
        ReproduceOptions,
        run_reproduce,
    )

    if not file:
        raise UsageError("--file required", fix="give -f FILE, or -f - for standard input")
    options = ReproduceOptions(
        file=file,
        config_only=config_only,
        delay=delay,
        dry_run=dry_run,
        duration=duration,
        connection=settings.connection,
        probe=probe,
        start=start,
        **run,
    )
    return run_and_report(partial(run_reproduce, options), settings.log)
