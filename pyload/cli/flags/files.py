"""The flags of files in which a run is reported to others: to CI, colleagues and spreadsheets.

A command does nothing for them: they stand in the context's `meta`, and `pyload.cli.report_files`
writes the files when the run has ended. That they can be written is checked before it begins.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyload.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

JUNIT: Final = "pyload.junit"
HTML: Final = "pyload.html"
CSV: Final = "pyload.csv"
"""Keys of `click.Context.meta` under which the paths stand, or None."""


def _junit(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    context.meta[JUNIT] = _checked(path, "--junit")


def _html(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    if path is not None:
        from pyload.report.page.assets import (  # noqa: PLC0415 - fast help
            HOW_TO_GET_CHARTS,
            has_charts,
        )

        if not has_charts():
            raise UsageError(
                "--html draws charts, and what draws them is not installed",
                fix=f"run {HOW_TO_GET_CHARTS}, or write --out and make the page elsewhere",
            )
    context.meta[HTML] = _checked(path, "--html")


def _csv(context: click.Context, _parameter: click.Parameter, path: Path | None) -> None:
    if path is not None:
        from pyload.harness.result_file import check_folder  # noqa: PLC0415 - fast help

        check_folder(path, flag="--csv")
    context.meta[CSV] = path


def _checked(path: Path | None, flag: str) -> Path | None:
    """Return the path of a file that can be written.

    Raises:
        UsageError: It cannot.
    """
    if path is not None:
        from pyload.harness.result_file import check_writable  # noqa: PLC0415 - fast help

        check_writable(path, flag=flag)
    return path


def _file_option(
    flag: str, callback: Callable[..., None], *, text: str, metavar: str = "FILE"
) -> Decorator:
    return click.option(
        flag,
        type=click.Path(path_type=Path),
        callback=callback,
        expose_value=False,
        metavar=metavar,
        help=text,
    )


html_option: Final = _file_option(
    "--html", _html, text="Write the run to this file, as a page with charts."
)

file_options: Final = (
    html_option,
    _file_option("--csv", _csv, text="Write figures to this folder, as CSV files.", metavar="DIR"),
    _file_option("--junit", _junit, text="Write thresholds to this file, as JUnit test cases."),
)
