"""The file that a run's result goes to."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import check_writable, json_bytes, write_result
from tests.report.results import measured

if TYPE_CHECKING:
    from pathlib import Path

    from pyload.report.result import Result


def result() -> Result:
    """Return the result of a run that did nothing."""
    return Recorder(command="adsc").result(exit_reason="done")


def names(folder: Path) -> list[str]:
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.anyio
async def test_a_device_or_a_link_stays_what_it_is(tmp_path: Path) -> None:
    """`--out /dev/null`, as root, must not put a file in the place of the device."""
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    link.symlink_to(target)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for path in (pipe, link):
            check_writable(path)
            assert await write_result(path, result()) is None
        sent = os.read(reader, 1 << 16)
    finally:
        os.close(reader)

    assert pipe.is_fifo()
    assert link.is_symlink()
    assert json.loads(sent)["command"] == json.loads(target.read_text())["command"] == "adsc"
    assert names(tmp_path) == ["link", "pipe", "target"]


@pytest.mark.anyio
async def test_a_result_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """Whoever reads the file of a run before never finds half of a new one."""
    out = tmp_path / "r.json"
    out.write_text("{}")
    check_writable(out)
    assert out.read_text() == "{}"

    assert await write_result(out, result()) is None
    assert json.loads(out.read_text())["exit_reason"] == "done"
    assert names(tmp_path) == ["r.json"]


@pytest.mark.anyio
async def test_a_file_that_cannot_be_written_is_an_error_to_return(tmp_path: Path) -> None:
    """It comes at the end of a run, whose objects have to be removed all the same."""
    error = await write_result(tmp_path / "no" / "r.json", result())

    assert error is not None
    assert (error.exit_code, error.what.endswith("r.json: No such file or directory")) == (1, True)


def test_a_series_is_one_line_of_the_file() -> None:
    """A number a line would make a file of megabytes that nobody can scroll through."""
    text = json_bytes(measured().to_json()).decode()

    assert '\n      "proxies.connected": [500,999]\n' in text
    assert '\n    "wanted": 1000,\n' in text
    assert json.loads(text) == measured().to_json()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is a directory"),
        ("no/r.json", "its folder does not exist"),
        ("x" * 300, "file name too long"),
    ],
)
def test_a_file_that_can_never_be_written_is_found_before_the_run(
    tmp_path: Path, name: str, problem: str
) -> None:
    """An hour's figures must not depend on a mistyped path."""
    with pytest.raises(UsageError, match=f"{problem}; give --out another file"):
        check_writable(tmp_path / name)
