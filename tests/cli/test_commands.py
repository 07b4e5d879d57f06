"""The commands as a user calls them: their names, flags and help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pyload.cli.program import ALIASES, COMMANDS, program

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if name not in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST") and not name.startswith("PYLOAD_")
} | {"HOME": "/nonexistent"}

CAPTURE = """
kind: List
items:
- {apiVersion: v1, kind: Namespace, metadata: {name: mesh}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: c, namespace: mesh}}
"""
POD = "spec: {containers: [{name: app, image: a}]}"


def pyload(*arguments: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pyload", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=18,
        env=ENVIRONMENT,
        check=False,
    )


@pytest.mark.parametrize("name", ["prober", "reproduce", "startup", "victoriapush", *ALIASES])
def test_help_fits_a_screen_and_ends_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody scrolls back for the flag that they need."""
    assert program("pyload", [name, "--help"]) == 0
    lines = capsys.readouterr().out.rstrip().splitlines()

    assert len(lines) <= 40
    assert f"pyload {ALIASES.get(name, name)}" in lines[-1]


def test_every_alias_is_of_a_command() -> None:
    """A script of another version of pilot-load must find its command."""
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("startup",), "--namespace required"),
        (("pod-startup", "--namespace", "a"), "--spec required"),
        (("reproduce",), "--file required"),
    ],
)
def test_a_flag_that_is_missing_is_named(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """pilot-load's words, which scripts may look for."""
    assert program("pyload", list(arguments)) == 2
    assert capsys.readouterr().err.startswith(f"Error: {problem}")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("startup", "--namespace", "a", "--spec", "/nonexistent/p"), "there is no such file"),
        (("reproduce-cluster", "-f", "/nonexistent/c", "-n"), "no such file or directory"),
        (("victoriapush",), "'' is not the address of VictoriaLogs"),
        (("prober", "--kubeconfig", "/nonexistent/k"), "/nonexistent/k"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], problem: str
) -> None:
    """No traceback for what a user mistyped."""
    done = pyload(*arguments)

    assert done.returncode == 2, done.stderr
    assert problem in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_startup_without_a_cluster(tmp_path: Path) -> None:
    """The lines that scripts grep, and the result file, in two seconds."""
    (tmp_path / "pod.yaml").write_text(POD)
    done = pyload(
        *("startup", "--embedded", "--namespace", "mesh", "--spec", tmp_path / "pod.yaml"),
        *("--duration", "1s", "--out", tmp_path / "r.json", "--metrics-addr=", "--inject"),
    )

    assert done.returncode == 0, done.stderr
    assert "\tReport:\tscheduled:" in done.stdout
    assert "\n\nAvg:\tscheduled:" in done.stdout
    assert "\nMax:\tscheduled:" in done.stdout
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["times"]["complete"]["count"] > 0
    assert result["objects"]["left"] == 0


def test_reproduce_from_standard_input() -> None:
    """`kubectl get ... -o yaml | pyload reproduce -f -`."""
    done = pyload(
        *("reproduce", "-f", "-", "--embedded", "--duration", "100ms", "--metrics-addr="),
        stdin=CAPTURE,
    )

    assert done.returncode == 0, done.stderr
    assert "\tcreated: ConfigMap/c.mesh\n" in done.stdout
    assert "\tAll configs create (2 total)\n" in done.stdout
    assert done.stdout.index("cleaning up ConfigMap/c.mesh") < done.stdout.index(
        "cleaning up Namespace/mesh.\n"
    )


def test_a_dry_run_of_reproduce(tmp_path: Path) -> None:
    """What a file holds, before a cluster is touched."""
    (tmp_path / "c.yaml").write_text(CAPTURE)
    done = pyload("reproduce", "--dry-run", "-f", tmp_path / "c.yaml")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "create       1 Namespace\ncreate       1 ConfigMap\n"


def test_victoriapush_reads_standard_input() -> None:
    """Lines that cannot be read are named on standard error; nothing else is."""
    done = pyload(
        *("victoriapush", "-v", "http://127.0.0.1:1"),
        stdin='{"latency": 1, "timestamp": 2, "details": "a"}\nbad\n',
    )

    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert first.startswith("Error parsing line: ")
    assert last.startswith("Error: 1 of 1 records were lost")
    assert "\twarn\tfailed to report: error posting victoria logs: " in done.stdout
