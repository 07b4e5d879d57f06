"""The flags of a run's start-up, for commands that run proxies."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import click

from pyload.cli.called_as import is_pilot_load
from pyload.cli.flags.go import GoDuration
from pyload.cli.flags.group import GroupOption, flag_group
from pyload.harness.start_options import (
    NO_WAIT,
    PATIENT,
    STARTUP_TIMEOUT,
    StartCondition,
    StartOptions,
)

if TYPE_CHECKING:
    from pyload.cli.flags.group import Decorator


class StartOption(GroupOption):
    """A flag of the start-up."""

    title = "Start-up"


def start_flags(context: click.Context, *, as_pilot_load: StartOptions = NO_WAIT) -> StartOptions:
    """Read the flags.

    Args:
        context: Their values.
        as_pilot_load: What a run waits for that is called as ``pilot-load``, and not told to wait.

    Raises:
        UsageError: A value makes no sense.
    """
    text, timeout = context.params["wait"], context.params["startup_timeout"]
    default = StartOptions()
    if is_pilot_load(context):
        default = as_pilot_load
        source = context.get_parameter_source("startup_timeout")
        if not text and source is not None and source.name == "DEFAULT":
            return default
    wait = default.wait
    if text:
        wait = None if text == "none" else StartCondition.parse(text)
    return StartOptions(wait, timeout or None)


def _group(*, as_pilot_load: StartOptions = NO_WAIT, timeout: str = STARTUP_TIMEOUT) -> Decorator:
    return flag_group(
        "start",
        partial(start_flags, as_pilot_load=as_pilot_load),
        click.option(
            "--wait",
            cls=StartOption,
            default="",
            metavar="STATE=N|all",
            help="Proxies to wait for: connected=, configured= or none.  [default: configured=all]",
        ),
        click.option(
            "--startup-timeout",
            cls=StartOption,
            type=GoDuration(),
            default=timeout,
            show_default=True,
            metavar="TIME",
            help="Fail (exit code 5) if start-up takes longer; 0 for no limit.",
        ),
    )


start_options: Final = _group()

measuring_start_options: Final = _group(as_pilot_load=PATIENT)
"""For a command that waits for its proxies under every name, because it measures them."""

serving_start_options: Final = _group(timeout="0")
"""For a command that serves others however long its own proxies take."""
