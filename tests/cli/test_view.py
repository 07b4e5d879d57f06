"""Where a run is shown as a panel, and where as lines."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import sys
from typing import Any

import pytest

from pyload.cli.adsc import command
from pyload.cli.flags.globals import settings_of
from pyload.cli.logs import LogOptions, status_writer
from pyload.cli.program import ROOT
from pyload.cli.view import RunView, servers_of, show_status, wants_panel, watch_reader
from pyload.harness.live_run import LiveRun
from pyload.report.frame import Servers
from pyload.report.progress import Status
from pyload.tasks import Shutdown
from tests.report.results import measured

XTERM = {"TERM": "xterm"}


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True, as a terminal does."""
        return True


def wanted(
    *arguments: str,
    name: str = "pyload",
    before: tuple[str, ...] = (),
    environ: dict[str, str] | None = None,
) -> bool:
    """Return whether a command line gets a panel."""
    root = ROOT.make_context(name, [*before, "adsc", *arguments])
    with command.make_context("adsc", list(arguments), parent=root) as context:
        return wants_panel(context, settings_of(context).log, environ or XTERM)


def test_a_terminal_gets_a_panel_unless_the_user_wants_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Scripts and CI would get control characters; people a wall of lines."""
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert wanted()
    assert wanted("-v")
    assert wanted("--log-file", "run.log")
    assert wanted("--log_target", "run.log")
    assert wanted("--log_output_level", "all:warn")
    assert not wanted("-q")
    assert not wanted(before=("-q",))
    assert not wanted("--log_as_json", "true")
    assert not wanted("--log_target", "stdout")
    assert not wanted(name="pilot-load")
    assert not wanted(environ={"TERM": "dumb"})
    assert not wanted(environ={"TERM": "xterm", "CI": "true"})


def test_redirected_output_gets_no_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file would fill with control characters; but a panel does not need standard output."""
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not wanted()
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert wanted()
    assert wanted("--log_target", "stdout")
    monkeypatch.setattr(sys, "stderr", None)
    assert not wanted()


def test_the_panel_names_the_servers() -> None:
    """A run against the wrong cluster would be noticed at its end."""
    for arguments, servers in (
        (["--embedded"], Servers("", "embedded servers")),
        (["-p", "h:15010", "-k", "/nonexistent"], Servers("", "h:15010")),
    ):
        with command.make_context("adsc", arguments) as context:
            assert servers_of(context) == servers


async def status_of(stream: io.StringIO, log: LogOptions, monkeypatch: Any) -> str:
    """Return what is written in 25 seconds of a run."""
    monkeypatch.setattr(sys, "stderr", stream)
    run = LiveRun(status=lambda: Status("running", 10.0, wanted=10), figures=measured)
    task = asyncio.create_task(show_status(status_writer(log), run), name="status")
    await asyncio.sleep(25)
    task.cancel()
    return stream.getvalue()


@pytest.mark.anyio
@pytest.mark.virtual
async def test_without_a_panel_there_is_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The logs of a CI job would be silent for an hour, or flooded."""
    logging.getLogger("pyload").setLevel(logging.INFO)
    text = await status_of(io.StringIO(), LogOptions(), monkeypatch)

    assert [line.split("\t")[1:] for line in text.splitlines()] == 2 * [
        ["info", "running 10s, 0/10 proxies connected, 0 configured, 0 pushes"]
    ]
    as_json = await status_of(io.StringIO(), LogOptions(as_json=True), monkeypatch)
    assert json.loads(as_json.splitlines()[0])["msg"].startswith("running 10s")
    logging.getLogger("pyload").setLevel(logging.WARNING)
    assert await status_of(io.StringIO(), LogOptions(), monkeypatch) == ""


@pytest.mark.anyio
@pytest.mark.virtual
async def test_lines_go_to_standard_output_as_ever(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Scripts read pilot-load's lines there, and only these; `--log-file` has them too."""
    output, error = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", error)
    log = LogOptions(file=str(tmp_path / "run.log"))
    view = RunView(None)
    async with view.opened(log, Shutdown()):
        run = LiveRun(status=lambda: Status("running", 10.0), figures=measured)
        task = asyncio.create_task(view.show(run), name="show")
        logging.getLogger("pyload").info("a line")
        await asyncio.sleep(11)
        task.cancel()

    assert output.getvalue().endswith("\tinfo\ta line\n")
    assert output.getvalue().count("\n") == 1
    assert error.getvalue().endswith("\tinfo\trunning 10s\n")
    assert (tmp_path / "run.log").read_text() == output.getvalue()


@pytest.mark.anyio
@pytest.mark.virtual
async def test_a_reader_that_leaves_is_noticed_where_nothing_is_logged() -> None:
    """`pyload cluster | head` would go on for ever in a mesh where nothing happens any more."""
    reading, writing = os.pipe()
    gone = asyncio.Event()
    with os.fdopen(writing, "w") as stream:
        watch = asyncio.create_task(watch_reader(stream, gone.set))
        await asyncio.sleep(60)
        assert not gone.is_set()

        os.close(reading)
        await asyncio.sleep(1.1)

        assert gone.is_set()
        assert watch.done()
