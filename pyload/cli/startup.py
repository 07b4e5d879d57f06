"""``pyload startup``."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.go import GoBool, GoDuration, GoInt
from pyload.cli.flags.run import creating_run_options, duration_option
from pyload.cli.run import run_and_report
from pyload.errors import UsageError


@click.command(
    cls=Command,
    epilog="Example:\n  pyload startup --namespace default --spec pod.yaml --concurrency 4",
)
@click.option(
    "-n", "--namespace", default="", metavar="NAME", help="Namespace of the pods.  [the context's]"
)
@click.option(
    "--spec",
    type=click.Path(allow_dash=True),
    default="",
    metavar="FILE",
    help="Pod to start, as YAML; - is standard input.  [required]",
)
@click.option(
    "--concurrency", type=GoInt(), default=1, show_default=True, help="Pods to start at a time."
)
@click.option(
    "--cooldown", type=GoDuration(), default="10ms", show_default=True, help="Pause after each pod."
)
@click.option("--inject", type=GoBool(), default=False, help="Have Istio inject a sidecar.")
@duration_option
@creating_run_options
@pass_settings
def command(
    settings: Settings,
    *,
    namespace: str,
    spec: str,
    concurrency: int,
    cooldown: float,
    inject: bool,
    duration: float | None,
    run: dict[str, Any],
) -> int:
    """Start pods one after another, and measure how long they take to become ready."""
    from pyload.commands.startup.command import (  # noqa: PLC0415 - fast help
        StartupOptions,
        run_startup,
    )
    from pyload.commands.startup.pod_spec import read_pod_spec  # noqa: PLC0415
    from pyload.config.file import read_bytes  # noqa: PLC0415
    from pyload.harness.servers import own_namespace  # noqa: PLC0415

    if spec and not namespace:
        namespace = own_namespace(settings.connection)
    for flag, value in (("--namespace", namespace), ("--spec", spec)):
        if not value:
            raise UsageError(f"{flag} required")
    options = StartupOptions(
        # Read before signals are handled, so that Ctrl-C interrupts a read of standard input.
        pod=read_pod_spec(read_bytes(spec), source=spec),
        namespace=namespace,
        concurrency=concurrency,
        cooldown=cooldown,
        inject=inject,
        duration=duration,
        connection=settings.connection,
        **run,
    )
    return run_and_report(partial(run_startup, options), settings.log)
