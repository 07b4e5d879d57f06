"""``pyload init``."""

from __future__ import annotations

from typing import Final

import click

from pyload.cli.command import Command
from pyload.cli.examples import find, force_option, save
from pyload.cli.flags.globals import words
from pyload.errors import UsageError

KINDS: Final = {
    "basic": "basic",
    "ambient": "ambient-current",
    "gateways": "gateway",
    "kwok": "kwok-bookinfo",
    "churn": "churn",
}
"""The examples that one would start from, by the word for it."""


@click.command(
    cls=Command,
    epilog="Examples:\n  pyload init churn mesh.yaml\n  pyload cluster --embedded -c mesh.yaml",
)
@click.argument("kind", default="basic", metavar="[KIND]", shell_complete=words(*KINDS))
@click.argument("file", default="-", type=click.Path(), metavar="[FILE]")
@force_option
def command(*, kind: str, file: str, force: bool) -> None:
    """Write a config to start from: basic, ambient, gateways, kwok or churn.

    Any name that `pyload examples` lists will do too. Without FILE, it is printed.
    """
    if file == "-" and kind.endswith((".yaml", ".yml")):
        raise UsageError(f"{kind} is no KIND", fix=f"write `pyload init basic {kind}`")
    example = find(KINDS.get(kind, kind), also=KINDS)
    if file == "-":
        click.echo(example.text, nl=False)
        return
    save(file, example.text, force=force)
    click.echo(f"{file}: {example.summary}", err=True)
