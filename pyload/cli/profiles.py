"""The flags for profiles, of the commands that had them in pilot-load."""

from __future__ import annotations

from typing import Final

import click

OPTIONS: Final = (
    click.Option(["--cpuprofile"], default="", metavar="FILE", help="Write pstats."),
    click.Option(["--memprofile"], default="", metavar="FILE", help="Write tracemalloc."),
)


def with_profile_options(command: click.Command) -> None:
    """Add the flags to a command."""
    command.params.extend(OPTIONS)
