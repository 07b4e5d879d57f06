"""The flags for profiles, of the commands that had them in pilot-load."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.cli.flags.group import Decorator


def profile_options(*, hidden: bool = False) -> Decorator:
    """Return the decorator that adds the flags to a command, and profiles it if they are given.

    Args:
        hidden: Leave the flags out of the command's help, where it has no room for them.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @_profile_option("--cpuprofile", "pstats", hidden=hidden)
        @_profile_option("--memprofile", "tracemalloc", hidden=hidden)
        @functools.wraps(function)
        def call(*args: Any, cpuprofile: str, memprofile: str, **values: Any) -> Any:
            from pyload.harness.profiles import profiled  # noqa: PLC0415 - fast help

            with profiled(cpu=cpuprofile, memory=memprofile):
                return function(*args, **values)

        return call

    return decorate


def _profile_option(flag: str, reader: str, *, hidden: bool) -> Decorator:
    return click.option(
        flag,
        default="",
        metavar="FILE",
        hidden=hidden,
        help=f"Write a profile for Python's {reader}.",
    )
