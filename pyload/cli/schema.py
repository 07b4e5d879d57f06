"""``pyload schema``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pyload.cli.command import Command

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
    help="Dialect of pilot-load's configs.  [default: either]",
)
def command(dialect: Dialect | None) -> None:
    """Print the JSON Schema of config files, for editors."""
    from pyload.config.jsonschema import json_schema  # noqa: PLC0415 - fast help

    click.echo(json.dumps(json_schema(dialect), indent=2))
