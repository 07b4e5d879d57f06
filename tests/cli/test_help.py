"""Help as a command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.cli.program import program

if TYPE_CHECKING:
    import pytest


def test_help_without_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    """`pyload`, `pyload help` and `pyload help COMMAND` do what they do in pilot-load."""
    for arguments in ([], ["help"]):
        assert program("pyload", arguments) == 0
        assert "Commands:" in capsys.readouterr().out
    assert program("pyload", ["help", "pod-startup"]) == 0
    assert "pod-startup [OPTIONS]" in capsys.readouterr().out
    assert program("pyload", ["help", "startupp"]) == 2
    assert "did you mean startup?" in capsys.readouterr().err
