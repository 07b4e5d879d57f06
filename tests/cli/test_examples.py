"""``pyload examples``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pyload.cli.program import program
from tests.conftest import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_list_has_a_line_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    """A list that wraps is not a list."""
    assert program("pyload", ["examples"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == len(list((ROOT / "docs" / "examples").rglob("*.yaml")))
    assert max(map(len, lines)) <= 80


def test_one_is_printed_as_a_config(capsys: pytest.CaptureFixture[str]) -> None:
    """`pyload examples NAME | pyload cluster -c -` would fail."""
    assert program("pyload", ["examples", "thousand.yaml"]) == 0

    assert "replicas: 10" in capsys.readouterr().out


def test_all_are_written_with_the_schema_that_they_name(tmp_path: Path) -> None:
    """An editor would show nothing in the copies; a second call would destroy what was edited."""
    folder = tmp_path / "new" / "meshes"
    assert program("pyload", ["examples", "--write", str(folder)]) == 0

    first = (folder / "basic.yaml").read_text().splitlines()[0]
    schema = folder / first.rpartition("=")[2]
    assert json.loads(schema.read_text())["$schema"]
    assert (folder / "startup" / "simple.yaml").exists()
    (folder / "basic.yaml").write_text("mine")
    assert program("pyload", ["examples", "--write", str(folder)]) == 2
    assert (folder / "basic.yaml").read_text() == "mine"
    assert program("pyload", ["examples", "--write", str(folder), "--force"]) == 0
    assert (folder / "basic.yaml").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["basik"], "there is no example basik; did you mean basic?"),
        (["qqq"], "there is no example qqq; see `pyload examples`"),
        (["basic", "--write", "d"], "NAME and --write do not go together"),
        (["--write", "/dev/null/d"], "cannot write"),
    ],
)
def test_a_mistake_is_one_sentence(
    arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users would get a traceback, or nothing."""
    assert program("pyload", ["examples", *arguments]) == 2
    assert problem in capsys.readouterr().err
