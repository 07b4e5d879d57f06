"""The script that makes a table of capacities, with the installed program and built-in servers."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.e2e.test_program import BIN, ENVIRONMENT, EXAMPLES

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def table(*arguments: str, threshold: str = "convergence.p99 < 30s") -> list[list[str]]:
    """Run the script with short steps, and return the cells of what it prints."""
    done = subprocess.run(
        ["sh", EXAMPLES / "capacity.sh", *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT
        | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "FLAGS": "--embedded --metrics-addr 127.0.0.1:0",
            "STEP_DURATION": "2s",
            "PROBE": "500ms",
            "THRESHOLD": threshold,
        },
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return [re.split(r"  +", line.strip()) for line in done.stdout.splitlines()]


def test_the_table_has_a_ladder_in_each_cell() -> None:
    """A limit is what the table is made for, and no error of the script."""
    assert table("2,4", "1,2", "0s", threshold="proxies.wanted < 3") == [
        ["services", "no churn"],
        ["1", "2"],
        ["2", "2"],
    ]


def test_a_cell_in_which_all_steps_held_says_so() -> None:
    """The highest step would be taken for the limit."""
    assert table("4", "2", "1s") == [["services", "every 1s"], ["2", ">= 4"]]
