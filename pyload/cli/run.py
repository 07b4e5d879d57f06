"""Runs a command's coroutine under signals, and prints its summary."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, Protocol, TextIO

import click

from pyload.cli.flags.run import VIEW, result_on_stdout
from pyload.cli.json_lines import json_line
from pyload.cli.notices import warn
from pyload.cli.report_files import write_report_files
from pyload.cli.view import RunView
from pyload.errors import PyloadError, UsageError
from pyload.harness.host import require_files
from pyload.harness.outcome import document_of
from pyload.harness.result_file import json_bytes
from pyload.report.result_json import BULKY
from pyload.report.verdict import FAILED, PASSED
from pyload.tasks import Shutdown, handle_signals, run

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from pyload.cli.logs import LogOptions
    from pyload.harness.outcome import Outcome

_ASCII: Final = str.maketrans({PASSED: "+", FAILED: "x", "µ": "u", "±": "~", "…": "~"})
"""What stands for the characters of a summary that are not in ASCII."""


class Run(Protocol):
    """A command with its options, such as ``partial(run_adsc, options)``."""

    def __call__(self, *, shutdown: Shutdown) -> Coroutine[object, object, Outcome]:
        """Run the command, until `shutdown` if it has no end of its own."""


def run_and_report(main: Run, log: LogOptions, *, data_on_stdout: bool = False) -> int:
    """Run a command to its end and print its summary.

    Args:
        main: The command.
        log: Where its log lines go.
        data_on_stdout: Print the summary to standard error, because standard output holds data.

    Raises:
        UsageError: Standard output is to hold both data and the result, or the process may open too
            few files.
        PyloadError: The run failed; its summary has been printed.
    """
    context = click.get_current_context(silent=True)
    with_result = context is not None and result_on_stdout(context)
    if with_result and data_on_stdout:
        raise UsageError(
            "--out - and what this command prints would be mixed up", fix="give --out a file"
        )
    if with_result:
        log = log.beside_data()
    # gRPC's core writes its own notes to stderr; what matters in them reaches us as a status.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")

    require_files()
    view = RunView() if context is None else context.meta.get(VIEW, RunView())

    async def under_signals() -> Outcome:
        async with handle_signals() as shutdown, view.opened(log, shutdown):
            return await main(shutdown=shutdown)

    try:
        outcome = run(under_signals())
    except PyloadError as error:
        write_report_files(None, error)
        raise
    summary = outcome.listing or outcome.result.to_text()
    if log.as_json:
        title = outcome.listing or summary.partition("\n")[0]
        key = "result" if outcome.plan is None else "plan"
        brief = {name: each for name, each in document_of(outcome).items() if name not in BULKY}
        summary = json_line("info", title, **{key: brief})
    stream = sys.stderr if data_on_stdout or with_result else sys.stdout
    try:
        click.echo(encodable(summary, stream), err=stream is sys.stderr)
        if with_result:
            click.echo(json_bytes(document_of(outcome)), nl=False)
    except OSError:
        # The error of the run says more than that its summary has no reader.
        if outcome.error is None:
            raise
    problem = write_report_files(outcome.result, outcome.error, is_over=outcome.plan is None)
    if outcome.warning:
        warn(outcome.warning)
    failure = outcome.error or problem
    if failure is not None:
        raise failure
    return 0


def encodable(text: str, stream: TextIO) -> str:
    """Return a text without the characters that a stream cannot write."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_ASCII).encode(encoding, "replace").decode(encoding)
    return text
