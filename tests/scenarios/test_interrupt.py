"""Ctrl-C before a command has begun to listen for it."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import pytest

_IMPATIENT: Final = """
import os, signal, sys

class Impatient:
    def find_spec(self, name, *_):
        if name == "pyload.cli.program":
            os.kill(os.getpid(), signal.SIGINT)

from pyload.cli import main
sys.meta_path.insert(0, Impatient())
main(["--version"])
"""


@pytest.mark.process
def test_an_interrupt_while_the_program_is_being_loaded_leaves_no_traceback() -> None:
    """Starting takes half a second; twenty lines of importlib tell the user nothing."""
    ended = subprocess.run(
        [sys.executable, "-c", _IMPATIENT], capture_output=True, check=False, text=True
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")
