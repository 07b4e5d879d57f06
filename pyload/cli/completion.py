"""``pyload completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pyload.cli.command import Command
from pyload.cli.program import ROOT


@click.command(cls=Command, epilog="Example:\n  source <(pyload completion bash)")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print a completion script for a shell."""
    name = (context.parent or context).info_name or "pyload"
    kind = get_completion_class(shell)
    assert kind is not None
    variable = f"_{name.upper().replace('-', '_')}_COMPLETE"
    click.echo(kind(ROOT, {}, name, variable).source())
