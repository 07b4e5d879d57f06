"""``pyload help``."""

from __future__ import annotations

import click

from pyload.cli.command import WHOLE_HELP, Command
from pyload.cli.flags.globals import words
from pyload.cli.program import ALIASES, COMMANDS, ROOT


@click.command(cls=Command, epilog="Example:\n  pyload help cluster")
@click.argument(
    "topic", nargs=-1, metavar="[COMMAND]", shell_complete=words(*sorted((*COMMANDS, *ALIASES)))
)
@click.option("--all", "whole", is_flag=True, help="Explain every flag, however many there are.")
@click.pass_context
def command(context: click.Context, topic: tuple[str, ...], *, whole: bool) -> None:
    """Show the help of a command, or the list of commands."""
    root = context.find_root()
    if not topic:
        root.meta[WHOLE_HELP] = whole
        click.echo(root.get_help())
        return
    name, found, _ = ROOT.resolve_command(root, list(topic))
    assert found is not None
    inner = found.make_context(name, [], parent=root, resilient_parsing=True)
    inner.meta[WHOLE_HELP] = whole
    click.echo(found.get_help(inner))
