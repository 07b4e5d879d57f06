"""The command line: flags in, exit code out. Each command's module is imported when it is used."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        argv: Arguments after the program's name; by default those of the process.
    """
    # Until a command listens for it, ctrl-C ends the process without a traceback.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        from pyload.cli.program import program  # noqa: PLC0415 - `import pyload.cli` stays cheap

        sys.exit(program(sys.argv[0], list(sys.argv[1:] if argv is None else argv)))
    finally:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
