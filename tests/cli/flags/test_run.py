"""The flags of runs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
from click import BadParameter

from pyload.cli.adsc import command
from pyload.cli.flags.run import RunOption, result_on_stdout, run_flags
from pyload.cli.program import ROOT
from pyload.errors import UsageError
from pyload.harness.run_options import RunOptions


def test_flags_become_fields() -> None:
    """A flag of another name would end every command with a TypeError."""
    with command.make_context("adsc", ["--out", "r.json"]) as context:
        assert RunOptions(**run_flags(context) | {"view": None}) == RunOptions(out=Path("r.json"))
    with command.make_context("adsc", ["--threshold", "duration < 1h"]) as context:
        (threshold,) = run_flags(context)["thresholds"].items
        assert threshold.expr == "duration < 1h"
    with command.make_context("adsc", []) as context:
        assert RunOptions(**run_flags(context) | {"view": None}) == RunOptions()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("pilot-load", True), ("pyload", False), ("python -m pyload", False)],
)
def test_runs_know_by_which_name_the_program_was_called(name: str, *, expected: bool) -> None:
    """Scripts of pilot-load would not find the lines that they look for."""
    root = ROOT.make_context(name, ["adsc"])
    with command.make_context("adsc", [], parent=root) as context:
        assert RunOptions(**run_flags(context)).as_pilot_load is expected


def test_the_result_has_the_command_as_it_was_typed() -> None:
    """Nobody could repeat the run; and with its secrets in, nobody could show the result."""
    root = ROOT.make_context("pyload", ["adsc"], obj=("pyload", "-m", "TOKEN=x", "adsc"))
    with command.make_context("adsc", [], parent=root) as context:
        assert RunOptions(**run_flags(context)).command_line == "pyload -m 'TOKEN=***' adsc"


@pytest.mark.parametrize(
    "name", ["adsc", "cluster", "impersonate", "latency", "prober", "reproduce", "startup"]
)
def test_every_run_has_the_flags(name: str) -> None:
    """A new flag of all runs would be missing from one of them."""
    found = ROOT.get_command(ROOT.make_context("pyload", [name]), name)
    assert found is not None

    names = {one.name for one in found.params if isinstance(one, RunOption)}
    others = {"connection", "as_pilot_load", "start", "command_line", "called", "view"}
    if name == "adsc":
        # It creates no objects.
        others.add("cleanup_timeout")
    assert names == {field.name for field in fields(RunOptions)} - others


def test_tags_have_names_that_a_metric_can_have_as_labels() -> None:
    """They become labels of `pyload_run_info`; a scrape with a bad one has no metrics at all."""
    with command.make_context("adsc", ["--tag", "branch=main", "--tag", "istio=1.28"]) as context:
        assert RunOptions(**run_flags(context)).tags == {"branch": "main", "istio": "1.28"}
    for tag, why in (("a-b=1", "cannot be"), ("__x=1", "cannot be"), ("run_id=1", "of every run")):
        with pytest.raises(BadParameter, match=why):
            command.make_context("adsc", ["--tag", tag])


def test_a_dash_is_standard_output_and_no_file() -> None:
    """`--out -` made a file called `-` (B6)."""
    with command.make_context("adsc", ["--out", "-"]) as context:
        assert RunOptions(**run_flags(context)).out is None
        assert result_on_stdout(context)
    with command.make_context("adsc", ["--out", "r.json"]) as context:
        assert not result_on_stdout(context)


def test_a_threshold_that_makes_no_sense_is_found_out_at_once() -> None:
    """The mesh would be built before the user hears of a typing mistake."""
    with pytest.raises(UsageError, match=r"did you mean `proxies\.failed`"):
        command.make_context("adsc", ["--threshold", "proxy.failed == 0"])


def test_thresholds_of_the_environment_are_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """They have spaces and commas in them."""
    monkeypatch.setenv("PYLOAD_THRESHOLDS", "duration < 1h\nproxies.wanted >= 1,000")
    with command.make_context("adsc", [], auto_envvar_prefix="PYLOAD") as context:
        exprs = [one.expr for one in run_flags(context)["thresholds"].items]

    assert exprs == ["duration < 1h", "proxies.wanted >= 1,000"]
