"""How much a command imports before it begins; numbers are limits with some air."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]

# The run itself is of no interest: it ends where the first request would be sent. What the control
# plane imports in a thread meanwhile is held up, or how much that is would be chance.
UNTIL_FIRST_REQUEST = """
import os, sys, time
from pyload.cli import main
from pyload.embedded.controlplane import generate
from pyload.kube.http import HttpTransport

def count(*_args, **_options):
    print("modules:", *sys.modules, flush=True)
    os._exit(0)

generate.preload = lambda: time.sleep(3600)
HttpTransport.request = HttpTransport.stream = count
sys.argv = ["pyload", *{arguments}]
main()
"""
HELP = """
import atexit, sys
from pyload.cli import main

atexit.register(lambda: print("modules:", *sys.modules))
sys.argv = ["pyload", "--help"]
main()
"""
WORKER = """
import sys, pyload.proxies.pool.worker, pyload.xds.lean
print("modules:", *sys.modules)
"""
EMBEDDED = ["cluster", "--embedded", "--duration", "1s"]


def imported(code: str) -> set[str]:
    """Run a program that prints what it has imported in the end; Python's own modules vary."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("modules: "))
    names = line.split()[1:]
    return {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        pytest.param(HELP, 45, id="help"),
        pytest.param(WORKER, 145, id="a worker"),
        pytest.param(UNTIL_FIRST_REQUEST.format(arguments=EMBEDDED), 615, id="embedded"),
        pytest.param(
            UNTIL_FIRST_REQUEST.format(arguments=[*EMBEDDED, "--cluster-type=kwok", "--workers=0"]),
            640,
            id="embedded kwok",
        ),
    ],
)
def test_a_command_imports_no_more_than_it_needs(code: str, limit: int) -> None:
    """Each start and each completion would take a little longer with each release."""
    names = imported(code)

    assert len(names) <= limit, sorted(names)


def test_an_embedded_run_does_not_wait_for_its_control_plane_to_be_imported() -> None:
    """The objects of a run would be written a second later than they can be."""
    names = imported(UNTIL_FIRST_REQUEST.format(arguments=EMBEDDED))

    assert "pyload.embedded.controlplane.generate" in names
    assert not {"envoy_data_plane", "pydantic", "rich", "prometheus_client", "cryptography"} & names
