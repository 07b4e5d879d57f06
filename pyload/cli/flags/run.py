"""The flags of runs.

`run_options` are those of every run that has a result; a command passes them on as fields of its
`RunOptions`, without a look at them. The others are decorators of a flag each, for some runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from pyload.cli.flags.go import GoDuration
from pyload.cli.flags.group import GroupOption, flag_group


class RunOption(GroupOption):
    """A flag of every run that has a result. Its name is that of the field of `RunOptions`."""

    title = "Options"


def run_flags(context: click.Context) -> dict[str, Any]:
    """Return the values of the flags by name, and whether the program has pilot-load's."""
    values = {
        str(one.name): context.params[str(one.name)]
        for one in context.command.params
        if isinstance(one, RunOption)
    }
    return {**values, "as_pilot_load": called_as_pilot_load(context)}


def called_as_pilot_load(context: click.Context) -> bool:
    """Return whether the program was called by the name ``pilot-load``, as scripts do."""
    return Path(context.find_root().info_name or "").stem == "pilot-load"


run_options: Final = flag_group(
    "run",
    run_flags,
    click.option(
        "--out",
        cls=RunOption,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the result to this file, as JSON.",
    ),
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
