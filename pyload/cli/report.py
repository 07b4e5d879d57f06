"""``pyload report``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pyload.cli.command import Command
from pyload.cli.flags.files import HTML, html_option
from pyload.errors import ThresholdFailed, UsageError

if TYPE_CHECKING:
    from typing import Literal

_STDIN: Final = "-"


@click.command(
    cls=Command,
    epilog="Example:\n  pyload report before.json after.json --fail-if 'convergence.p99 > +10%'",
)
@html_option
@click.option(
    "--fail-if",
    multiple=True,
    metavar="EXPR",
    help="Exit with 4 if this has changed, as 'convergence.p99 > +10%'.  Repeatable.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.option("--text", "output", flag_value="text", help="The same as --output text.")
@click.argument("files", type=click.Path(allow_dash=True), nargs=-1, metavar="FILE...")
def command(
    *,
    fail_if: tuple[str, ...],
    output: Literal["text", "json"],
    files: tuple[str, ...],
) -> int:
    """Show the result of a run again, or compare those of several.

    Two files are compared: what has got better or worse, beyond the noise. More become a table.
    """
    from pyload.cli.run import encodable  # noqa: PLC0415 - fast help
    from pyload.commands.report import Report, parse_recorded  # noqa: PLC0415
    from pyload.harness.result_file import (  # noqa: PLC0415
        json_bytes,
        unwritten,
        write_whole,
    )
    from pyload.report.conditions import failures_text, parse_condition  # noqa: PLC0415

    if not files:
        raise UsageError("FILE required", fix="name a file that --out has written")
    if files.count(_STDIN) > 1:
        raise UsageError("standard input can be read once", fix="name - once")
    conditions = [parse_condition(text) for text in fail_if]
    recorded = [parse_recorded(path, _read(path)) for path in files]
    report = Report.of(recorded, conditions)
    if output == "json":
        click.echo(json_bytes(report.to_json()), nl=False)
    else:
        click.echo(encodable(report.text(), sys.stdout))
    html = click.get_current_context().meta.get(HTML)
    if html is not None:
        try:
            write_whole(html, report.page())
        except OSError as error:
            raise unwritten(html, error, flag="--html") from error
    if report.failed:
        raise ThresholdFailed(failures_text(report.failed))
    return 0


def _read(path: str) -> bytes:
    try:
        if path == _STDIN:
            return b"" if sys.stdin is None else sys.stdin.buffer.read()
        return Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
