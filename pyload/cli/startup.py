"""``pyload startup``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.flags.go import GoBool, GoDuration, GoInt
from pyload.cli.program import Command
from pyload.cli.run import run_and_report
from pyload.errors import UsageError

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog="Example:\n  pyload startup --namespace default --spec pod.yaml --concurrency 4",
)
@click.option("--namespace", default="", metavar="NAME", help="Namespace of the pods.  [required]")
@click.option(
    "--spec",
    type=click.Path(allow_dash=True),
    default="",
    metavar="FILE",
    help="Pod to start, as YAML.  [required]",
)
@click.option(
    "--concurrency", type=GoInt(), default=1, show_default=True, help="Pods to start at a time."
)
@click.option(
    "--cooldown", type=GoDuration(), default="10ms", show_default=True, help="Pause after each pod."
)
@click.option("--inject", type=GoBool(), default=False, help="Have Istio inject a sidecar.")
@click.option(
    "--embedded", is_flag=True, help="Run against a built-in API server; needs no Kubernetes."
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
    namespace: str,
    spec: str,
    concurrency: int,
    cooldown: Duration,
    inject: bool,
    embedded: bool,
    duration: Duration | None,
    out: Path | None,
) -> int:
    """Start pods one after another, and measure how long they take to become ready."""
    from pyload.commands.startup.pod_spec import read_pod_spec  # noqa: PLC0415 - fast help
    from pyload.config.file import read_bytes  # noqa: PLC0415

    settings = settings_of(context)
    for flag, value in (("--namespace", namespace), ("--spec", spec)):
        if not value:
            raise UsageError(f"{flag} required")
    # Before signals are taken care of: a read of standard input hears of none.
    pod = read_pod_spec(read_bytes(spec), source=spec)

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.startup.command import StartupOptions, run_startup  # noqa: PLC0415

        options = StartupOptions(
            pod=pod,
            namespace=namespace,
            concurrency=concurrency,
            cooldown=cooldown.seconds,
            inject=inject,
            embedded=embedded,
            duration=None if duration is None else duration.seconds,
            out=out,
            connection=settings.connection(),
        )
        return await run_startup(options, shutdown=shutdown)

    return run_and_report(main, settings.log)


with_global_options(command)
