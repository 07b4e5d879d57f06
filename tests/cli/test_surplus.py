"""Words that belong to no flag: mistakes, unless the program is called as pilot-load."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyload.cli.program import program

MESH = str(Path(__file__).parents[2] / "docs" / "examples" / "basic.yaml")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["cluster", MESH, "--embedded"], f"'{MESH}' belongs to no flag; did you mean -c {MESH}?"),
        (["reproduce", "gone.yaml"], "did you mean -f gone.yaml?"),
        (["startup", "pod.yaml"], "did you mean --spec pod.yaml?"),
        (["cluster", "--delta", "false"], "'false' belongs to no flag; write --delta=false"),
        (["cluster", "--insecure", "false"], "write --insecure=false"),
        (["adsc", "--csr-per-pod", "T"], "write --csr-per-pod=T"),
        (["isolated", "-s", "true"], "write --shortCircuit=true"),
        (["latency", "--namespace", "false", "--delta", "false"], "write --delta=false"),
        (["cluster", "--dry-run", "false"], "--dry-run has no value"),
        (["--delta", "false", "cluster"], "write the value of a boolean after `=`"),
        (["cluster", "embedded"], "did you mean --embedded?"),
        (["cluster", "embeded"], "did you mean --embedded?"),  # codespell:ignore embeded
        (["cluster", "duration=5s"], "did you mean --duration=5s?"),
        (["cluster", "5s"], "did you mean --duration 5s?"),
        (["cluster", "latency"], "it is a command, and one command runs at a time"),
        (["cleanup", "-", "&"], "cleanup --help` lists the flags"),
        (["cluster", "--", "-c"], "'-c' belongs to no flag"),
    ],
)
def test_a_word_without_a_flag_is_an_error_that_guesses(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One would measure the default mesh instead of one's own, or the wrong protocol (A2)."""
    assert program("pyload", arguments) == 2
    shown = capsys.readouterr()
    assert problem in shown.err
    assert not shown.out


def test_pilot_load_warns_of_the_words_that_it_ignores(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Scripts of the Go tool go on working, and their authors learn what they do (A2)."""
    words = ["--delta", "false", "--insecure", "false", "mesh.yaml", "--embedded", "--dry-run"]
    assert program("/usr/bin/pilot-load", ["cluster", *words]) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert [line.partition(" (")[0] for line in warnings] == [
        "warning: 'false' belongs to no flag; write --delta=false",
        "warning: 'false' belongs to no flag; write --insecure=false",
        "warning: 'mesh.yaml' belongs to no flag; did you mean -c mesh.yaml?",
    ]


def test_help_comes_before_the_search_for_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever is unsure of a word asks for help with it still on the line."""
    assert program("pyload", ["cluster", "mesh.yaml", "--help"]) == 0
    assert not capsys.readouterr().err
