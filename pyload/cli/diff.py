"""``pyload diff``."""

from __future__ import annotations

from pathlib import Path

import click

from pyload.cli.flags.globals import global_values, with_global_options
from pyload.cli.program import Command


@click.command(
    cls=Command,
    epilog="Example:\n  pyload diff before after || echo the configuration has changed",
)
@click.argument("before", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("after", metavar="DIR", type=click.Path(path_type=Path))
@global_values
def command(*, before: Path, after: Path) -> int:
    """Say which resources differ between two dumps, and how; exit code 1 if any do."""
    from pyload.commands.diff import run_diff  # noqa: PLC0415 - fast help

    found = run_diff(before, after)
    for line in found.lines():
        click.echo(line)
    return 1 if found else 0


with_global_options(command)
