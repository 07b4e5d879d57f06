"""``pyload render``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from pyload.cli.command import Command
from pyload.cli.flags.globals import Settings, pass_settings
from pyload.cli.flags.mesh import cluster_type_option, config_option, lenient_option
from pyload.cli.flags.run import seed_option
from pyload.errors import UsageError


@click.command(
    cls=Command,
    epilog=(
        "Examples:\n"
        "  pyload render -c mesh.yaml --namespace mesh --app web\n"
        "  pyload render -c mesh.yaml --set color=blue --set 'gateways=[infra/main]'"
    ),
)
@config_option
@cluster_type_option
@click.option(
    "-n",
    "--namespace",
    default="",
    metavar="NAME",
    help="Print only the objects of this namespace.",
)
@click.option(
    "--app", default="", metavar="NAME", help="Print only the objects of this application."
)
@click.option(
    "--set",
    "values",
    multiple=True,
    metavar="KEY=VALUE",
    help="Set a value of the templates, as YAML.  Repeatable.",
)
@seed_option
@lenient_option
@pass_settings
def command(
    settings: Settings,
    *,
    config: str,
    cluster_type: str,
    namespace: str,
    app: str,
    values: tuple[str, ...],
    seed: int | None,
    lenient: bool,
) -> None:
    """Print the objects that a run of a config would make, without a cluster."""
    from pyload.commands.render import (  # noqa: PLC0415 - fast help
        RenderOptions,
        parse_values,
        render,
    )
    from pyload.config.file import load_config  # noqa: PLC0415
    from pyload.mesh.cluster_types import cluster_type_of  # noqa: PLC0415

    if not config:
        raise UsageError("--config required", fix="name a config file")
    loaded = load_config(config, lenient=lenient, environ=settings.environ)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    options = RenderOptions(
        loaded=loaded,
        cluster_type=cluster_type_of(cluster_type),
        namespace=namespace,
        app=app,
        values=parse_values(values),
        seed=1 if seed is None else seed,
    )
    for document in render(options, now=datetime.now(UTC)):
        click.echo(document, nl=False)
