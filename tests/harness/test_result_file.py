"""The file that a run's result goes to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pyload.errors import UsageError
from pyload.harness.recorder import Recorder
from pyload.harness.result_file import (
    SAVE_SECONDS,
    ResultFile,
    check_writable,
    json_bytes,
    write_result,
)
from tests.few_files import no_more_files
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


class Disk:
    """A run whose result file is kept, and what is found in it."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.file = ResultFile(out)
        self.recorder = Recorder(command="adsc")

    async def figures(self) -> Result:
        """Return the figures as they are."""
        return self.recorder.result(exit_reason="still running")

    async def keep(self, seconds: float) -> None:
        """Keep the file for some time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.file.keep(self.figures)

    def pushes(self) -> int:
        """Return the pushes in the file."""
        found: int = json.loads(self.out.read_text())["pushes"]["cds"]
        return found


@pytest.mark.anyio
@pytest.mark.virtual
async def test_the_result_of_a_run_that_goes_on_is_written_again_and_again(tmp_path: Path) -> None:
    """A run of an hour that the kernel kills for its memory would leave nothing."""
    disk = Disk(tmp_path / "r.json")
    loop = asyncio.get_running_loop()
    loop.call_later(SAVE_SECONDS / 2, disk.recorder.metrics.cells_of("sidecar")["cds"].push, 1)
    loop.call_later(SAVE_SECONDS * 1.5, disk.recorder.metrics.cells_of("sidecar")["cds"].push, 1)

    await disk.keep(SAVE_SECONDS - 1)
    assert not disk.out.exists()
    await disk.keep(SAVE_SECONDS + 0.5)
    assert disk.pushes() == 2
    assert json.loads(disk.out.read_text())["exit_reason"] == "still running"


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_result_is_written_though_no_more_files_can_be_opened(tmp_path: Path) -> None:
    """The result is missed most where too many proxies have taken all descriptors."""
    disk = Disk(tmp_path / "r.json")
    await disk.keep(SAVE_SECONDS + 0.5)
    disk.recorder.metrics.cells_of("sidecar")["cds"].push(1)
    with no_more_files():
        await disk.keep(SAVE_SECONDS + 0.5)
        assert await disk.file.write(await disk.figures()) is None
    assert disk.pushes() == 1
    disk.file.close()


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_pipe_gets_nothing_but_the_last_result(tmp_path: Path) -> None:
    """`--out >(jq .proxies)` would read a result every ten seconds."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    disk = Disk(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        await disk.keep(5 * SAVE_SECONDS)
        await disk.file.write(await disk.figures(), is_last=False)
        await disk.file.write(replace(await disk.figures(), exit_reason="done"))
        sent = os.read(reader, 1 << 16)
    finally:
        os.close(reader)

    assert json.loads(sent)["exit_reason"] == "done"


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_full_disk_is_warned_of_once_and_ends_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An hour of the same warning, six times a minute, hides everything else."""
    disk = Disk(tmp_path / "no" / "r.json")
    await disk.keep(10 * SAVE_SECONDS)

    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.anyio
async def test_a_slow_disk_delays_neither_the_loop_nor_the_order_of_results(
    tmp_path: Path,
) -> None:
    """Proxies would miss their pings, and the last result be lost to the one before it."""
    disk = Disk(tmp_path / "r.json")
    can_go = threading.Event()
    disk.file._thread.submit(can_go.wait)
    first = asyncio.create_task(disk.file.write(await disk.figures(), is_last=False))
    await asyncio.sleep(0.01)
    first.cancel()
    last = asyncio.create_task(disk.file.write(replace(await disk.figures(), exit_reason="done")))
    await asyncio.sleep(0.01)
    assert not disk.out.exists()
    can_go.set()

    assert await last is None
    assert json.loads(disk.out.read_text())["exit_reason"] == "done"
    disk.file.close()


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
