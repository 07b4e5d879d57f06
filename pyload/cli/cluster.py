"""``pyload cluster``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pyload.cli.flags import fleet, follow
from pyload.cli.flags.globals import global_values, settings_of, with_global_options
from pyload.cli.flags.go import GoDuration
from pyload.cli.flags.mesh import cluster_type_option, config_option
from pyload.cli.flags.profile import with_profile_options
from pyload.cli.program import Command
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.harness.outcome import Outcome
    from pyload.tasks import Shutdown
    from pyload.units import Duration


@click.command(
    cls=Command,
    epilog="Example: pyload cluster -c mesh.yaml -p localhost:15010 --duration 5m",
)
@config_option("Mesh to build; - is stdin.")
@cluster_type_option()
@click.option(
    "--embedded",
    is_flag=True,
    help="Use built-in servers; needs no Kubernetes.",
)
@click.option(
    "--duration",
    type=GoDuration(),
    metavar="TIME",
    help="End this long after start-up.  [default: never]",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Result as JSON.")
@click.option("--dry-run", is_flag=True, help="Only say what would be created, or with kwok run.")
@click.option("--lenient", is_flag=True, help="Warn of unknown keys instead of refusing them.")
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(
    context: click.Context,
    *,
    config: str,
    cluster_type: str,
    embedded: bool,
    duration: Duration | None,
    out: Path | None,
    lenient: bool,
    dry_run: bool,
    cpuprofile: str,
    memprofile: str,
    **values: Any,
) -> int:
    """Build a mesh, connect its proxies, keep it moving, and clean up."""
    from pyload.config.file import load_config  # noqa: PLC0415 - fast help

    settings = settings_of(context)
    if cluster_type != "kwok":
        follow.refuse(context)
    # Before signals are taken care of: a read of standard input hears of none.
    loaded = load_config(config, lenient=lenient) if config else None

    async def main(shutdown: Shutdown) -> Outcome:
        from pyload.commands.cluster.command import run_cluster  # noqa: PLC0415
        from pyload.commands.cluster.options import ClusterOptions  # noqa: PLC0415
        from pyload.mesh.cluster_types import cluster_type_of  # noqa: PLC0415 - fast help

        connection = settings.connection()
        if cluster_type == "kwok":
            # There each pod says where its control plane is, unless the user does.
            connection = replace(connection, pilot_address=settings.pilot_address)
        options = ClusterOptions(
            loaded=loaded,
            cluster_type=cluster_type_of(cluster_type),
            embedded=embedded,
            duration=None if duration is None else duration.seconds,
            out=out,
            connection=connection,
            workers=fleet.workers_of(values),
            behavior=fleet.behavior_of(values),
            kwok=follow.flags_of(values, dry_run=dry_run),
            dry_run=dry_run and cluster_type != "kwok",
        )
        return await run_cluster(options, shutdown=shutdown)

    from pyload.harness.profiles import profiled  # noqa: PLC0415 - fast help

    with profiled(cpu=cpuprofile, memory=memprofile):
        return run_and_report(main, settings.log)


with_profile_options(command, hidden=True)
fleet.with_fleet_options(command)
follow.with_kwok_options(command)
with_global_options(command)
