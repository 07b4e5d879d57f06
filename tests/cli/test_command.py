"""The help of commands, whose flags stand in groups."""

from __future__ import annotations

import click
import pytest

from pyload.cli.command import Command
from pyload.cli.flags.globals import GLOBAL
from pyload.cli.program import ALIASES, COMMANDS, program


@pytest.mark.parametrize("name", [*COMMANDS, *ALIASES])
def test_help_fits_a_screen_and_ends_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user would have to scroll back for the flag that they need."""
    assert program("pyload", [name, "--help"]) == 0
    lines = capsys.readouterr().out.rstrip().splitlines()

    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80
    example = "\n".join(lines).rpartition("\nExample")[2]
    assert f"pyload {ALIASES.get(name, name)}" in example
    assert example.count("\n") <= 3


def test_flags_stand_under_their_own_title(capsys: pytest.CaptureFixture[str]) -> None:
    """The flags of kwok mode have no effect on a command that follows no pods."""
    for name, kwok in (("dump", False), ("latency", False), ("cluster", True)):
        assert program("pyload", [name, "--help"]) == 0
        assert ("For --cluster-type kwok" in capsys.readouterr().out) is kwok, name


def test_a_function_gets_the_flags_of_its_own() -> None:
    """Each new global flag would have to be added to every command, as an argument."""
    seen: list[dict[str, object]] = []

    @click.command(cls=Command)
    @click.option("--own")
    def command(**values: object) -> None:
        seen.append(values)

    command.main(["--own", "1", "--qps", "2"], standalone_mode=False)

    assert seen == [{"own": "1"}]
    assert {one.name for one in command.params} >= GLOBAL


def test_groups_without_room_are_named_and_explained_on_demand(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A command with many flags would scroll its own ones off the screen, or lose some."""
    assert program("pyload", ["cluster", "--help"]) == 0
    brief = capsys.readouterr().out
    assert "More, see `pyload help --all cluster`:\n" in brief
    assert "  Global options " in brief
    assert "--qps INT" not in brief
    assert program("pyload", ["help", "--all", "cluster"]) == 0
    whole = capsys.readouterr().out
    assert "--qps INT" in whole
    assert "--address-map FROM=TO" in whole


def test_the_help_shows_how_a_boolean_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """`--insecure BOOL` invites `--insecure false`, which is not what Go's flags take (A2)."""
    assert program("pyload", ["help", "--all", "isolated"]) == 0
    shown = capsys.readouterr().out
    assert "--insecure[=BOOL]" in shown
    assert "--shortCircuit[=BOOL]" in shown
