"""The command line: flags in, exit code out. Each command's module is imported when it is used."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        argv: Arguments after the program's name; by default those of the process.
    """
    _open_what_is_closed()
    try:
        from pyload.cli.program import program  # noqa: PLC0415 - `import pyload.cli` stays cheap
        from pyload.tasks import exit_program  # noqa: PLC0415

        exit_program(program(sys.argv[0], list(sys.argv[1:] if argv is None else argv)))
    except KeyboardInterrupt:
        # While modules are being imported; there is nothing to clean up yet.
        sys.exit(130)


def _open_what_is_closed() -> None:
    """Put something in the place of closed standard streams, as under ``pyload ... >&-``.

    The event loop would get their numbers for its own files, and aborts when it has.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is this one.
            os.open(os.devnull, os.O_RDWR)
