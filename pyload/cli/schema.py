"""``pyload schema``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from pyload.cli.command import Command
from pyload.errors import UsageError

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
@click.option("--result", is_flag=True, help="Print the schema of results instead.")
def command(dialect: Dialect | None, *, result: bool) -> None:
    """Print the JSON Schema of config files, for editors."""
    from pyload.config.jsonschema import json_schema  # noqa: PLC0415 - fast help
    from pyload.report.result_schema import result_schema  # noqa: PLC0415

    if result and dialect is not None:
        raise UsageError("--result and --dialect are of different schemas", fix="remove one")
    click.echo(json.dumps(result_schema() if result else json_schema(dialect), indent=2))
