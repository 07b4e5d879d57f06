"""The flags of ``pyload latency``."""

from __future__ import annotations

import pytest

from pyload.cli.flags.globals import settings_of
from pyload.cli.latency import command, speaks_delta
from pyload.cli.program import ROOT, program


@pytest.mark.parametrize(
    ("before", "after", "given_it"),
    [
        ((), (), False),
        (("--delta", "true"), (), True),
        ((), ("--delta", "true"), True),
        (("--qps", "5"), ("--count", "1"), False),
    ],
)
def test_proxies_speak_delta_only_if_they_are_told_to(
    before: tuple[str, ...], after: tuple[str, ...], *, given_it: bool
) -> None:
    """Other commands have delta as their default; here a comparison with older runs counts."""
    with (
        ROOT.make_context("pyload", [*before, "latency"]) as parent,
        command.make_context("latency", list(after), parent=parent) as context,
    ):
        assert speaks_delta(settings_of(context)) is given_it


def test_flags_that_pilot_load_ignores_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    """Its newer dialect lists the flags of another command here, and scripts may have them."""
    ignored = ["--inject=true", "--concurrency=2", "--namespace=a", "--cooldown=1s", "--spec=f"]

    assert program("pyload", ["xds-latency", *ignored, "--count=-1"]) == 2
    assert capsys.readouterr().err.startswith("Error: --count -1 is below 0")
