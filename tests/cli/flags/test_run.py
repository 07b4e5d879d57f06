"""The flags of runs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from pyload.cli.adsc import command
from pyload.cli.flags.run import RunOption, run_flags
from pyload.cli.program import ROOT
from pyload.harness.run_options import RunOptions


def test_flags_become_fields() -> None:
    """A flag of another name would end every command with a TypeError."""
    with command.make_context("adsc", ["--out", "r.json"]) as context:
        assert RunOptions(**run_flags(context)) == RunOptions(out=Path("r.json"))
    with command.make_context("adsc", []) as context:
        assert RunOptions(**run_flags(context)) == RunOptions()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("pilot-load", True), ("pyload", False), ("python -m pyload", False)],
)
def test_runs_know_by_which_name_the_program_was_called(name: str, *, expected: bool) -> None:
    """Scripts of pilot-load would not find the lines that they look for."""
    root = ROOT.make_context(name, ["adsc"])
    with command.make_context("adsc", [], parent=root) as context:
        assert RunOptions(**run_flags(context)).as_pilot_load is expected


@pytest.mark.parametrize(
    "name", ["adsc", "cluster", "impersonate", "latency", "prober", "reproduce", "startup"]
)
def test_every_run_has_the_flags(name: str) -> None:
    """A new flag of all runs would be missing from one of them."""
    found = ROOT.get_command(ROOT.make_context("pyload", [name]), name)
    assert found is not None

    names = {one.name for one in found.params if isinstance(one, RunOption)}
    assert names == {field.name for field in fields(RunOptions)} - {"connection", "as_pilot_load"}
