"""Writes the files in which a run is reported: `--html`, `--csv` and `--junit`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from pyload.cli.flags.files import CSV, HTML, JUNIT
from pyload.harness.result_file import json_bytes, unwritten, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pyload.errors import PyloadError
    from pyload.report.result import Result


def write_report_files(
    result: Result | None, error: PyloadError | None, *, is_over: bool = True
) -> PyloadError | None:
    """Write the files that the user wants, each whole or not at all.

    Args:
        result: The result; None for a run that could not begin, of which there is but a verdict.
        error: Why the run failed, or None.
        is_over: Whether there was a run, of which there are figures, and not a plan alone.

    Returns:
        The error of the first file that cannot be written; the others are written all the same.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return None
    command = context.info_name or "" if result is None else result.command
    problems = []

    def write(key: str, flag: str, into: Callable[[Path], None]) -> None:
        path = context.meta.get(key)
        if path is None:
            return
        try:
            into(path)
        except OSError as failure:
            kind = "folder" if key == CSV else "file"
            problems.append(unwritten(path, failure, flag=flag, kind=kind))

    write(JUNIT, "--junit", lambda path: write_whole(path, _junit(command, result, error)))
    if result is not None and is_over:
        write(HTML, "--html", lambda path: write_whole(path, _page(result)))
        write(CSV, "--csv", lambda path: _write_csv(path, result))
    return problems[0] if problems else None


def _junit(command: str, result: Result | None, error: PyloadError | None) -> bytes:
    from pyload.report.junit import junit_xml  # noqa: PLC0415 - few runs write it

    return junit_xml(command, result, error).encode()


def _page(result: Result) -> bytes:
    from pyload.report.page.assets import page_assets  # noqa: PLC0415 - few runs write it
    from pyload.report.page.page import page  # noqa: PLC0415

    # As it stands in a file, so that the page of a run is the same as that of its file.
    return page([orjson.loads(json_bytes(result.to_json()))], page_assets())


def _write_csv(folder: Path, result: Result) -> None:
    from pyload.report.csv_files import csv_files  # noqa: PLC0415 - few runs write it

    folder.mkdir(exist_ok=True)
    for name, text in csv_files(result).items():
        write_whole(folder / name, text.encode())
