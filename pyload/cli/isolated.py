"""``pyload isolated``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.flags.go import GoBool, GoDuration
from pyload.cli.flags.mesh import config_option
from pyload.cli.flags.profile import with_profile_options
from pyload.cli.program import Command
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog=(
        "Examples:\n"
        "  pyload isolated -c mesh.yaml --shortCircuit\n"
        "  pyload isolated --apiserver-only --kubeconfig-out kubeconfig"
    ),
)
@config_option("Mesh to build; - is stdin.")
@click.option(
    "-r",
    "--raw-config",
    type=click.Path(allow_dash=True),
    default="",
    metavar="FILE",
    help="Captured objects, if there is no -c.",
)
@click.option(
    "-s", "--shortCircuit", "short_circuit", type=GoBool(), default=False, help="End once synced."
)
@click.option(
    "--listen", default="", metavar="HOST:PORT", help="For xDS.  [default: 0.0.0.0:15010]"
)
@click.option("--apiserver-only", is_flag=True, help="Serve an API server only, at --listen.")
@click.option(
    "--kubeconfig-out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a kubeconfig of the API server.",
)
@click.option(
    "--duration",
    type=GoDuration(),
    metavar="TIME",
    help="End this long after start-up.  [default: never]",
)
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(
    context: click.Context,
    *,
    config: str,
    raw_config: str,
    short_circuit: bool,
    listen: str,
    apiserver_only: bool,
    kubeconfig_out: Path | None,
    duration: Duration | None,
    cpuprofile: str,
    memprofile: str,
) -> int:
    """Serve a mesh over xDS from this process, without Kubernetes; it is not istiod."""
    from pyload.config.file import load_config  # noqa: PLC0415 - fast help

    settings = settings_of(context)
    # Before signals are taken care of: a read of standard input hears of none.
    loaded = load_config(config, lenient=False) if config else None

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.isolated import IsolatedOptions, run_isolated  # noqa: PLC0415

        options = IsolatedOptions(
            loaded=loaded,
            raw=raw_config,
            short_circuit=short_circuit,
            listen=listen,
            apiserver_only=apiserver_only,
            kubeconfig_out=kubeconfig_out,
            duration=None if duration is None else duration.seconds,
            connection=settings.connection(),
        )
        return await run_isolated(options, shutdown=shutdown)

    from pyload.harness.profiles import profiled  # noqa: PLC0415 - fast help

    with profiled(cpu=cpuprofile, memory=memprofile):
        return run_and_report(main, settings.log)


with_profile_options(command)
with_global_options(command)
