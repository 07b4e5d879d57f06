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
    """`dump --timeout` has nothing to do with kwok's flag of that name."""
    for name, kwok in (("dump", False), ("latency", False), ("cluster", True)):
        assert program("pyload", [name, "--help"]) == 0
        assert ("kwok:" in capsys.readouterr().out) is kwok, name


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


def test_arguments_of_a_command_without_any_are_ignored() -> None:
    """pilot-load ignores them too, so that its users' scripts may have them."""

    @click.command(cls=Command)
    def command() -> int:
        return 3

    assert command.main(["and", "so", "on"], standalone_mode=False) == 3
