"""The flags of runs.

`run_options` are those of every run that has a result; a command passes them on as fields of its
`RunOptions`, without a look at them. The others are decorators of a flag each, for some runs.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pyload.cli.called_as import is_pilot_load
from pyload.cli.flags.files import file_options
from pyload.cli.flags.go import GoDuration, GoInt, GoMap, PositiveDuration, merged
from pyload.cli.flags.group import GroupOption, flag_group
from pyload.cli.view import RunView
from pyload.report.command_line import command_line
from pyload.report.thresholds import parse_thresholds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyload.report.thresholds import Thresholds

STDOUT: Final = Path("-")
_TAG: Final = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")
_TAKEN: Final = frozenset({"run_id", "command"})


class RunOption(GroupOption):
    """A flag of every run that has a result. Its name is that of the field of `RunOptions`."""

    title = "Options"


def run_flags(context: click.Context, *, has_panel: bool = True) -> dict[str, Any]:
    """Return the values of the flags by name, how the program was called, and how the run is shown.

    A result for standard output goes there with the summary, not into a file.

    Args:
        context: The command.
        has_panel: Whether a terminal gets a panel.
    """
    values = {
        str(one.name): context.params[str(one.name)]
        for one in context.command.params
        if isinstance(one, RunOption)
    }
    if values["out"] == STDOUT:
        values["out"] = None
    context.meta[VIEW] = view = RunView(context if has_panel else None)
    return {
        **values,
        "view": view.show,
        "as_pilot_load": is_pilot_load(context),
        "command_line": command_line(context.find_root().obj or ()),
    }


def result_on_stdout(context: click.Context) -> bool:
    """Return whether the user wants the result on standard output."""
    mine = any(isinstance(one, RunOption) for one in context.command.params)
    return mine and context.params.get("out") == STDOUT


def read_tags(
    context: click.Context, parameter: click.Parameter, values: Iterable[dict[str, str]]
) -> dict[str, str]:
    """Merge the tags, and check their names.

    Raises:
        click.BadParameter: A name cannot be the label of a metric.
    """
    tags = merged(context, parameter, values)
    for name in tags:
        if not _TAG.fullmatch(name) or name in _TAKEN:
            why = "is a label of every run" if name in _TAKEN else "cannot be a metric's label"
            fix = "use letters, digits and _ for another name"
            raise click.BadParameter(f"{name!r} {why}; {fix}", context, parameter)
    return tags


class ThresholdText(click.ParamType[str]):
    """A threshold; several in an environment variable are lines of it."""

    name = "threshold"

    def split_envvar_value(self, rv: str) -> Sequence[str]:
        """Split a value of the environment into lines; a threshold has spaces."""
        return rv.splitlines()


def _thresholds(
    _context: click.Context, _parameter: click.Parameter, texts: Sequence[str]
) -> Thresholds:
    return parse_thresholds(texts)


_threshold_option: Final = click.option(
    "--threshold",
    "thresholds",
    cls=RunOption,
    type=ThresholdText(),
    multiple=True,
    callback=_thresholds,
    metavar="EXPR",
    help="Fail unless this holds, as 'proxies.failed <= 9'.",
)

VIEW: Final = "pyload.view"
"""Key of `click.Context.meta` under which the `RunView` of the run stands."""

_result_options: Final = (
    click.option(
        "--out",
        cls=RunOption,
        type=click.Path(path_type=Path, allow_dash=True),
        metavar="FILE",
        help="File for the result as JSON; - is standard output.",
    ),
    click.option(
        "--tag",
        "tags",
        cls=RunOption,
        type=GoMap(),
        multiple=True,
        callback=read_tags,
        metavar="K=V",
        help="Add this to the result and the metrics.  Repeatable.",
    ),
)
_verdict_options: Final = (_threshold_option, *file_options)

_run_options: Final = (
    *_result_options,
    click.option(
        "--embedded",
        cls=RunOption,
        is_flag=True,
        help="Run against built-in servers, without Kubernetes.",
    ),
    *_verdict_options,
)
_creating_run_options: Final = (
    *_run_options,
    click.option(
        "--cleanup-timeout",
        cls=RunOption,
        type=GoDuration(),
        default="0s",
        metavar="TIME",
        help="Time for the clean-up.  [default: no limit]",
    ),
)
_without_panel: Final = partial(run_flags, has_panel=False)

run_options: Final = flag_group("run", run_flags, *_run_options)

creating_run_options: Final = flag_group("run", run_flags, *_creating_run_options)
"""For commands that create objects."""

printing_run_options: Final = flag_group("run", _without_panel, *_creating_run_options)
"""For `prober`, which prints what it measures line by line."""

serving_run_options: Final = flag_group("run", _without_panel, *_result_options, *_verdict_options)
"""For `isolated`, which is the built-in servers, and logs where they are."""

seed_option: Final = click.option(
    "--seed", type=GoInt(), metavar="N", help="Draw the same names and changes for the same seed."
)
duration_option: Final = click.option(
    "--duration",
    type=PositiveDuration(),
    metavar="TIME",
    help="End this long after start-up.  [default: never]",
)
embedded_option: Final = click.option(
    "--embedded", is_flag=True, help="Run against built-in servers, without Kubernetes."
)
"""For a command without a result; `run_options` has it for the others."""

dry_run_option: Final = click.option(
    "--dry-run", is_flag=True, help="Only print what would be done."
)
