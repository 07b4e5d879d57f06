"""``pyload prober``."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoDuration, GoInt
from pyload.cli.flags.run import printing_run_options
from pyload.cli.run import run_and_report


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
    help="Fail (exit code 4) if a route takes longer.",
)
@click.option(
    "--gateway-address",
    default="",
    metavar="HOST:PORT",
    help="Gateway to send requests to.  [default: that of istio-ingressgateway]",
)
@click.option(
    "-n",
    "--namespace",
    default="gateway-test",
    metavar="NAME",
    show_default=True,
    help="Namespace of the routes; created if it is not there.",
)
@printing_run_options
@pass_settings
def command(
    settings: Settings,
    *,
    replicas: int,
    delay: float,
    delay_threshold: float,
    gateway_address: str,
    namespace: str,
    run: dict[str, Any],
) -> int:
    """Add routes to a gateway, and print as CSV when it serves each; logs go to stderr."""
    from pyload.commands.prober.command import (  # noqa: PLC0415 - fast help
        ProberOptions,
        run_prober,
    )

    options = ProberOptions(
        replicas=replicas,
        delay=delay,
        threshold=delay_threshold,
        gateway=gateway_address,
        namespace=namespace,
        connection=settings.connection,
        **run,
    )
    return run_and_report(
        partial(run_prober, options, write=click.echo),
        settings.log.beside_data(),
        data_on_stdout=True,
    )
