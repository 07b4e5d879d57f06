"""The flags of ``pyload report``."""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING

import pytest

from pyload.cli.program import program
from tests.report.recorded import path_of

if TYPE_CHECKING:
    from pathlib import Path

BEFORE, EQUAL, SLOW = (str(path_of(name)) for name in ("equal-1", "equal-2", "slow"))
CONDITION = ("--fail-if", "convergence.p99 > +10%")


def test_a_slower_control_plane_is_exit_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    """CI sees the code, and people the line."""
    assert program("pyload", ["report", BEFORE, SLOW, *CONDITION]) == 4
    out, err = capsys.readouterr()

    assert "✗ convergence.p99 > +10%: +83%, 602ms to 1.1s, noise ±5.0%" in out
    assert err == (
        "Error: condition failed: convergence.p99 > +10%: +83%, 602ms to 1.1s, noise ±5.0%\n"
    )


def test_equal_runs_are_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    """Without an error, and with the comparison."""
    assert program("pyload", ["report", BEFORE, EQUAL, *CONDITION]) == 0

    assert capsys.readouterr().err == ""


def test_a_page_is_written_beside_the_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is what goes to a colleague."""
    page = tmp_path / "page.html"
    assert program("pyload", ["report", BEFORE, "--html", str(page)]) == 0

    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out.startswith("cluster, fake-node, run ")


def test_text_may_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Scripts say what they want, whatever the default becomes."""
    assert program("pyload", ["report", BEFORE]) == 0
    by_default = capsys.readouterr().out
    assert program("pyload", ["report", BEFORE, "--text"]) == 0
    assert capsys.readouterr().out == by_default


def test_standard_input_is_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Results come out of archives and from other machines."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path_of("slow").read_bytes())))
    assert program("pyload", ["report", BEFORE, "-", "-o", "json"]) == 0

    found = json.loads(capsys.readouterr().out)
    assert [one["file"] for one in found["runs"]] == [BEFORE, "-"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "FILE required; name a file that --out has written"),
        (("-", "-"), "standard input can be read once; name - once"),
        (("none.json",), "cannot read none.json: No such file or directory"),
        ((BEFORE, *CONDITION), "--fail-if compares two results, and there is one; "),
        ((BEFORE, EQUAL, "--fail-if", "x"), "`x` is no condition; "),
    ],
)
def test_mistakes_are_exit_code_2(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They must not look like a regression, which is 4."""
    assert program("pyload", ["report", *arguments]) == 2

    assert capsys.readouterr().err.startswith(f"Error: {problem}")
