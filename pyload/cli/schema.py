"""``pyload schema``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pyload.cli.flags.globals import global_values, with_global_options
from pyload.cli.program import Command

if TYPE_CHECKING:
    from pyload.config.model import Dialect


@click.command(
    cls=Command,
    epilog=(
        "Example:\n"
        "  pyload schema --dialect current > mesh.schema.json\n"
        "and as the first line of a config:\n"
        "  # yaml-language-server: $schema=mesh.schema.json"
    ),
)
@click.option(
    "--dialect",
    type=click.Choice(["classic", "current"]),
    help="Of the configs of which pilot-load.  [default: either]",
)
@click.argument("ignored", nargs=-1, expose_value=False, metavar="")
@click.pass_context
@global_values
def command(_: click.Context, dialect: Dialect | None) -> None:
    """Print the JSON Schema of config files, for editors."""
    from pyload.config.jsonschema import json_schema  # noqa: PLC0415 - fast help

    click.echo(json.dumps(json_schema(dialect), indent=2))


with_global_options(command)
