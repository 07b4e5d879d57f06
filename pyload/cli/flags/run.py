"""The flags of runs that several commands have, each a decorator."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from pyload.cli.flags.go import GoDuration

out_option: Final = click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the result to this file, as JSON.",
)
duration_option: Final = click.option(
    "--duration",
    type=GoDuration(),
    metavar="TIME",
    help="End this long after start-up.  [default: never]",
)
embedded_option: Final = click.option(
    "--embedded", is_flag=True, help="Run against built-in servers, without Kubernetes."
)
dry_run_option: Final = click.option(
    "--dry-run", is_flag=True, help="Only print what would be done."
)
