"""The flags of runs.

`run_options` are those of every run that has a result; a command passes them on as fields of its
`RunOptions`, without a look at them. The others are decorators of a flag each, for some runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pyload.cli.flags.go import GoDuration
from pyload.cli.flags.group import GroupOption, flag_group
from pyload.report.thresholds import parse_thresholds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyload.report.thresholds import Thresholds


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


threshold_option: Final = click.option(
    "--threshold",
    "thresholds",
    cls=RunOption,
    type=ThresholdText(),
    multiple=True,
    callback=_thresholds,
    metavar="EXPR",
    help="Fail unless this holds, as 'proxies.failed <= 9'.",
)

JUNIT: Final = "pyload.junit"
"""Key of `click.Context.meta` under which the path of `--junit` stands, or None."""


def _junit(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    if path is not None:
        from pyload.harness.result_file import check_writable  # noqa: PLC0415 - fast help

        check_writable(path, flag="--junit")
    context.meta[JUNIT] = path


junit_option: Final = click.option(
    "--junit",
    type=click.Path(path_type=Path),
    callback=_junit,
    expose_value=False,
    metavar="FILE",
    help="Write each threshold to this file, as a JUnit test case.",
)

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
    threshold_option,
    junit_option,
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
