"""The commands as a user calls them: their names, flags and help."""

from __future__ import annotations

import json
import os
import pstats
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from pyload.cli.program import ALIASES, COMMANDS, ROOT, program

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


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_help_fits_a_screen_and_ends_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody scrolls back for the flag that they need."""
    assert program("pyload", [name, "--help"]) == 0
    lines = capsys.readouterr().out.rstrip().splitlines()

    assert len(lines) <= 40
    example = "\n".join(lines).rpartition("\nExample")[2]
    assert f"pyload {ALIASES.get(name, name)}" in example
    assert example.count("\n") <= 3


def test_the_list_of_commands_fits_a_screen_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The first page that anybody sees; it names every command, and ends with one to try."""
    assert program("pyload", ["--help"]) == 0
    lines = capsys.readouterr().out.rstrip().splitlines()

    assert len(lines) <= 45
    assert {line.split()[0] for line in lines if line.split()} >= set(COMMANDS)
    assert "pyload cluster --embedded" in lines[-1]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_and_the_flags_of_aliases(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A script for each shell, and answers for a command whatever name it is called by."""
    assert program("pyload", ["completion", shell]) == 0
    assert "_PYLOAD_COMPLETE" in capsys.readouterr().out
    kind = get_completion_class(shell)
    assert kind is not None
    completion = kind(ROOT, {}, "pyload", "_PYLOAD_COMPLETE")

    commands = {one.value for one in completion.get_completions([], "")}
    assert commands >= set(COMMANDS)
    for name in (*COMMANDS, *ALIASES):
        flags = {one.value for one in completion.get_completions([name], "--")}
        assert "--log_output_level" in flags, name
    found = completion.get_completions(["in-memory-istiod"], "--short")
    assert [one.value for one in found] == ["--shortCircuit"]


def test_the_page_of_flags_is_what_the_commands_say() -> None:
    """docs/cli.md is written by docs/cli.py; whoever changes a flag runs that again."""
    script = Path(__file__).parents[2] / "docs" / "cli.py"
    assert script.with_suffix(".md").read_text() == runpy.run_path(str(script))["page"]()


def test_every_flag_of_pilot_load_has_its_row() -> None:
    """A user who moves looks their flags up in one table."""
    table = (Path(__file__).parents[2] / "docs" / "compatibility.md").read_text()
    for flag in ("--vklog", "--log_caller", "dump --out", "isolated -s", "latency --inject"):
        assert f"| `{flag}`" in table
    for name in (*COMMANDS, *ALIASES):
        assert f"`{name}`" in table, name


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
        (("dump", "--pod", "a"), "--namespace required"),
        (("dump",), "--pod required"),
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
        (("adsc", "-p", "meshconfig.googleapis.com:443"), "Google's authentication"),
        (("adsc", "--auth", "google"), "Google's authentication"),
        (("isolated", "--listen", "nowhere"), "--listen 'nowhere' is not an address"),
        (("isolated", "--cpuprofile", "/nonexistent/p"), "give --cpuprofile another file"),
        (("diff", "/nonexistent/a", "/nonexistent/b"), "holds no dump"),
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


def test_a_mesh_in_one_process_with_its_profiles(tmp_path: Path) -> None:
    """The flags of classic pilot-load, on a mesh that ends once synced."""
    done = pyload(
        *("isolated", "-s", "--listen", "127.0.0.1:0", "--metrics-addr="),
        *("--cpuprofile", tmp_path / "cpu", "--kubeconfig-out", tmp_path / "k"),
    )

    assert done.returncode == 0, done.stderr
    assert "\tIstiod is ready (" in done.stdout
    assert "is not istiod" in done.stdout
    assert len(vars(pstats.Stats(str(tmp_path / "cpu")))["stats"]) > 100
    assert "server: http://127.0.0.1:" in (tmp_path / "k").read_text()
