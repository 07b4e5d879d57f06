"""``pyload diff``."""

from __future__ import annotations

from pathlib import Path

import click

from pyload.cli.command import Command


@click.command(
    cls=Command,
    epilog="Example:\n  pyload diff before after || echo the configuration has changed",
)
@click.argument("before", metavar="DIR", type=click.Path(path_type=Path))
@click.argument("after", metavar="DIR", type=click.Path(path_type=Path))
def command(*, before: Path, after: Path) -> int:
    """List the resources that differ between two dumps; exit code 1 if there are any."""
    from pyload.commands.diff import run_diff  # noqa: PLC0415 - fast help

    found = run_diff(before, after)
    for line in found.lines():
        click.echo(line)
    return 1 if found else 0
