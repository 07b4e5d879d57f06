"""``pyload init``; that each of its configs runs is tested with the examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pyload.cli.init import KINDS
from pyload.cli.program import program

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_to_start_from_is_commented_and_valid(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first file of a new user is what they learn the keys from."""
    file = tmp_path / "mesh.yaml"
    assert program("pyload", ["init", kind, str(file)]) == 0
    lines = file.read_text().splitlines()
    type_ = ["--cluster-type", "kwok"] if kind == "kwok" else []

    assert lines[0].startswith("# yaml-language-server: $schema=")
    assert sum("#" in line for line in lines[1:]) >= 4
    assert program("pyload", ["validate", *type_, str(file)]) == 0
    assert capsys.readouterr().out.endswith("mesh.yaml: ok\n")


def test_without_arguments_a_small_mesh_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`pyload init > mesh.yaml` is what people type first."""
    assert program("pyload", ["init"]) == 0
    basic = capsys.readouterr().out
    assert program("pyload", ["examples", "basic"]) == 0

    assert capsys.readouterr().out == basic


def test_a_file_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A config that somebody has worked on would be lost."""
    file = tmp_path / "mesh.yaml"
    file.write_text("mine")

    assert program("pyload", ["init", "basic", str(file)]) == 2
    assert "is there already; name another file, or give --force" in capsys.readouterr().err
    assert file.read_text() == "mine"
    assert program("pyload", ["init", "basic", str(file), "--force"]) == 0
    assert "mine" not in file.read_text()


def test_a_file_in_the_place_of_the_kind(capsys: pytest.CaptureFixture[str]) -> None:
    """`pyload init mesh.yaml` reads as if it wrote that file."""
    assert program("pyload", ["init", "mesh.yaml"]) == 2
    assert "write `pyload init basic mesh.yaml`" in capsys.readouterr().err
    assert program("pyload", ["init", "churm"]) == 2
    assert "did you mean churn?" in capsys.readouterr().err
