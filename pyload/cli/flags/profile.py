"""The flags for profiles, of the commands that had them in pilot-load."""

from __future__ import annotations

import click


def with_profile_options(command: click.Command, *, hidden: bool = False) -> None:
    """Add the flags to a command.

    Args:
        command: The command.
        hidden: Whether its help has no room for them; they are for who works on pyload.
    """
    command.params += [
        click.Option(
            [f"--{name}"],
            default="",
            metavar="FILE",
            hidden=hidden,
            help=f"Write a profile for Python's {reader}.",
        )
        for name, reader in (("cpuprofile", "pstats"), ("memprofile", "tracemalloc"))
    ]
