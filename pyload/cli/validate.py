"""``pyload validate``."""

from __future__ import annotations

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.mesh import cluster_type_option, lenient_option
from pyload.errors import ConfigError, UsageError


@click.command(
    cls=Command,
    epilog="Example:\n  pyload validate meshes/*.yaml",
)
@cluster_type_option
@lenient_option
@click.argument("files", type=click.Path(allow_dash=True), nargs=-1, metavar="FILE...")
@pass_settings
def command(settings: Settings, *, cluster_type: str, lenient: bool, files: tuple[str, ...]) -> int:
    """Check configs as far as that is possible without a cluster; - is stdin."""
    from pyload.commands.validate import check_file  # noqa: PLC0415 - fast help
    from pyload.mesh.cluster_types import cluster_type_of  # noqa: PLC0415

    if not files:
        raise UsageError("FILE required", fix="name the configs to check")
    type_, code = cluster_type_of(cluster_type), 0
    for path in files:
        verdict = check_file(path, cluster_type=type_, lenient=lenient, environ=settings.environ)
        for warning in verdict.warnings:
            click.echo(f"warning: {warning}", err=True)
        for problem in verdict.problems:
            click.echo(problem, err=True)
            code = ConfigError.exit_code
        if not verdict.problems:
            click.echo(f"{path}: ok")
    return code
