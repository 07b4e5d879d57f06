"""What stands on standard error is JSON where the log is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pyload.cli.program import program

if TYPE_CHECKING:
    from pathlib import Path

JSON = "--log_as_json"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["cluster", JSON, "--dry-run", "--pilot-address", "nowhere"], "nowhere"),
        (
            [JSON, "cluster", "--dry-run", "-c", "absent.yaml"],
            "absent.yaml: failed to read config file",
        ),
        (["latency", "--count=-1", JSON], "--count -1 is below 0; give 0 or more"),
        (["cluster", "--duration", "-5s", JSON], "'-5s'"),
        (["cluster", "mesh.yaml", JSON], "'mesh.yaml' belongs to no flag"),
        ([JSON, "clutser"], "no such command 'clutser'"),
    ],
)
def test_the_last_error_of_a_json_log_is_json(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A collector choked on the one line that it was there for: why the run failed (B3)."""
    code = program("pyload", arguments)
    written = capsys.readouterr()
    line = json.loads(written.err)

    assert code == line["exit_code"] == 2
    assert line["level"] == "error"
    assert text in line["msg"]
    assert not line["msg"].startswith("Error")


def test_a_run_that_fails_ends_with_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log, the summary and the error are one stream for those who collect both outputs (B3)."""
    monkeypatch.setenv("PYLOAD_LOG_AS_JSON", "true")
    absent = str(tmp_path / "kubeconfig")
    code = program("pyload", ["cleanup", "--list", "--kubeconfig", absent])
    written = capsys.readouterr()

    assert code > 0
    lines = [json.loads(line) for line in (written.out + written.err).splitlines()]
    assert lines[-1]["level"] == "error"
    assert "kubeconfig" in lines[-1]["msg"]


def test_a_warning_is_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    """It comes before the log is set up, and would be its first broken line (B3)."""
    code = program("pilot-load", ["cluster", "surplus", JSON, "--dry-run", "-c", "absent.yaml"])
    first, last = map(json.loads, capsys.readouterr().err.splitlines())

    assert code == 2
    assert (first["level"], last["level"]) == ("warn", "error")
    assert "'surplus' belongs to no flag" in first["msg"]


def test_without_the_flag_errors_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """An earlier call in the same process must not decide for this one."""
    program("pyload", ["latency", "--count=-1", JSON])
    capsys.readouterr()
    assert program("pyload", ["latency", "--count=-1"]) == 2

    assert capsys.readouterr().err.startswith("Error: --count -1 is below 0")
