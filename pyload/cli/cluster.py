"""``pyload cluster``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from pyload.cli.command import Command
from pyload.cli.flags.fleet import FleetFlags, fleet_options
from pyload.cli.flags.follow import follow_options
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.ladder import ladder_options
from pyload.cli.flags.mesh import cluster_type_option, config_option, lenient_option, loaded_mesh
from pyload.cli.flags.probe import probe_options
from pyload.cli.flags.profile import profile_options
from pyload.cli.flags.run import creating_run_options, dry_run_option, duration_option, seed_option
from pyload.cli.flags.start import start_options
from pyload.cli.run import run_and_report

if TYPE_CHECKING:
    from pyload.harness.follow_options import FollowOptions
    from pyload.harness.ladder_options import LadderOptions
    from pyload.harness.probe_options import ProbeOptions
    from pyload.harness.start_options import StartOptions


@click.command(
    cls=Command,
    epilog="Example: pyload cluster -c mesh.yaml -p localhost:15010 --duration 5m",
)
@config_option
@cluster_type_option
@duration_option
@seed_option
@ladder_options
@creating_run_options
@probe_options
@start_options
@dry_run_option
@click.option(
    "--name-prefix",
    default="",
    metavar="TEXT",
    help="Prefix for the names of namespaces and nodes.",
)
@click.option("--adopt", is_flag=True, help="Take over objects that another run has written.")
@lenient_option
@profile_options(hidden=True)
@fleet_options
@follow_options
@pass_settings
def command(
    settings: Settings,
    *,
    config: str,
    cluster_type: str,
    duration: float | None,
    seed: int | None,
    run: dict[str, Any],
    probe: ProbeOptions,
    start: StartOptions,
    ladder: LadderOptions | None,
    dry_run: bool,
    name_prefix: str,
    adopt: bool,
    lenient: bool,
    fleet: FleetFlags,
    follow: FollowOptions,
) -> int:
    """Build a mesh, connect its proxies, keep it moving, and clean up."""
    from pyload.commands.cluster.command import run_cluster  # noqa: PLC0415 - fast help
    from pyload.commands.cluster.options import ClusterOptions  # noqa: PLC0415
    from pyload.mesh.cluster_types import cluster_type_of  # noqa: PLC0415

    follows_pods = cluster_type == "kwok"
    options = ClusterOptions(
        loaded=loaded_mesh(config, settings, lenient=lenient),
        cluster_type=cluster_type_of(cluster_type),
        duration=duration,
        seed=seed,
        connection=settings.pod_connection if follows_pods else settings.connection,
        workers=fleet.workers,
        behavior=fleet.behavior,
        kwok=follow,
        dry_run=dry_run and not follows_pods,
        probe=probe,
        start=start,
        ladder=ladder,
        **run,
        name_prefix=name_prefix,
        adopt=adopt,
    )
    return run_and_report(partial(run_cluster, options), settings.log)
