"""The root command: its list, the names of commands, and exit codes."""

from __future__ import annotations

import pytest

from pyload.cli.program import ALIASES, COMMANDS, program
from pyload.version import __version__
from tests.conftest import ROOT


def test_the_list_of_commands_fits_a_screen_too(capsys: pytest.CaptureFixture[str]) -> None:
    """The first page that anybody sees; it names every command, and ends with one to try.

    The flags of all commands come after the list, by topic.
    """
    assert program("pyload", ["--help"]) == 0
    lines = capsys.readouterr().out.rstrip().splitlines()

    assert len(lines) <= 50
    assert "Kubernetes:" in lines
    assert max(map(len, lines)) <= 80
    assert {line.split()[0] for line in lines if line.split()} >= set(COMMANDS)
    assert "pyload cluster --embedded" in lines[-1]


def test_every_flag_of_pilot_load_has_its_row() -> None:
    """A user who moves looks their flags up in one table."""
    table = (ROOT / "docs" / "compatibility.md").read_text()
    for flag in ("--vklog", "--log_caller", "dump --out", "isolated -s", "latency --inject"):
        assert f"| `{flag}`" in table
    for name in (*COMMANDS, *ALIASES):
        assert f"`{name}`" in table, name


def test_every_alias_is_of_a_command() -> None:
    """A script of another version of pilot-load must find its command."""
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)


@pytest.mark.parametrize(
    ("executable", "name"),
    [("/usr/bin/pilot-load", "pilot-load"), ("/a/pyload/__main__.py", "python -m pyload")],
)
def test_the_program_is_called_as_the_user_called_it(
    executable: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The usage line is what users copy."""
    assert program(executable, ["adsc", "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: {name} adsc [OPTIONS]")


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that a bug report needs."""
    assert program("pyload", ["--version"]) == 0
    assert capsys.readouterr().out == f"pyload {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["clutser"], "no such command 'clutser'; did you mean cluster?"),
        (["xds-latensy"], "no such command 'xds-latensy'; did you mean xds-latency?"),
        (["?"], "no such command '?'; use one of adsc, cleanup, "),
        (["adsc", "--cuont", "1"], "--count"),
        (["--qps", "many"], "'many' is not a whole number"),
    ],
)
def test_a_typo_names_the_nearest_word(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users would have to read the list of commands for a transposed letter."""
    assert program("pyload", arguments) == 2
    assert problem in capsys.readouterr().err


def test_a_broken_config_is_shown_without_a_prefix(capsys: pytest.CaptureFixture[str]) -> None:
    """Editors find the file and line at the start of the line."""
    assert program("pyload", ["validate", "/nonexistent.yaml"]) == 2
    assert capsys.readouterr().err.startswith("/nonexistent.yaml: ")
