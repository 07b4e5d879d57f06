"""The flags of a ladder."""

from __future__ import annotations

import pytest

from pyload.cli.adsc import command
from pyload.cli.flags.ladder import ladder_flags
from pyload.cli.program import ROOT
from pyload.errors import UsageError
from pyload.harness.ladder_options import LadderOptions


def flags(*arguments: str) -> LadderOptions | None:
    """Return the flags of a run with these arguments."""
    with command.make_context("pyload", list(arguments)) as context:
        return ladder_flags(context)


def test_flags_become_steps() -> None:
    """A run would have other steps than the user wrote."""
    assert flags() is None
    assert flags("--steps", "1,2") == LadderOptions((1, 2), 60.0)
    assert flags("--steps=1,2", "--step-duration=90s") == LadderOptions((1, 2), 90.0)


def test_flags_that_would_do_nothing_are_refused() -> None:
    """The user believes that the run has steps, or that they do not wait."""
    with pytest.raises(UsageError, match="--step-duration without --steps"):
        flags("--step-duration", "1m")
    with pytest.raises(UsageError, match="--wait none does not go with --steps"):
        flags("--steps", "1", "--wait", "none")


@pytest.mark.parametrize("name", ["adsc", "cluster"])
def test_the_commands_that_can_grow_have_the_flags(name: str) -> None:
    """The library would have steps, and the program none."""
    found = ROOT.get_command(ROOT.make_context("pyload", [name]), name)
    assert found is not None

    assert {one.name for one in found.params} >= {"steps", "step_duration"}
