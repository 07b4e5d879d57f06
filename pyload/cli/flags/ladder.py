"""The flags of a ladder, for commands that can add proxies while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from pyload.cli.flags.go import PositiveDuration
from pyload.cli.flags.group import GroupOption, flag_group
from pyload.errors import UsageError
from pyload.harness.ladder_options import STEP_DURATION, LadderOptions

if TYPE_CHECKING:
    from click.core import ParameterSource


class LadderOption(GroupOption):
    """A flag of a ladder."""

    title = "Options"


def ladder_flags(context: click.Context) -> LadderOptions | None:
    """Read the flags; None without steps.

    Raises:
        UsageError: A value makes no sense, or does not go with steps.
    """
    text, seconds = context.params["steps"], context.params["step_duration"]
    if text is None:
        if _is_given(context, "step_duration"):
            raise UsageError("--step-duration without --steps", fix="give --steps 100,500,1000")
        return None
    if context.params.get("wait") == "none":
        raise UsageError(
            "--wait none does not go with --steps, each of which waits for its proxies",
            fix="leave --wait out",
        )
    return LadderOptions.parse(text, seconds)


def _is_given(context: click.Context, name: str) -> bool:
    source: ParameterSource | None = context.get_parameter_source(name)
    return source is not None and source.name != "DEFAULT"


ladder_options: Final = flag_group(
    "ladder",
    ladder_flags,
    click.option(
        "--steps",
        cls=LadderOption,
        metavar="N,N,...",
        help="Run these numbers of proxies, until one fails.",
    ),
    click.option(
        "--step-duration",
        cls=LadderOption,
        type=PositiveDuration(),
        default=STEP_DURATION,
        show_default=True,
        metavar="TIME",
        help="How long each step is measured.",
    ),
)
