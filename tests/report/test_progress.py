"""Tests of what a run shows while it goes on, in virtual time."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from typing import Any

import pytest

from pyload.report.progress import Status, live_allowed, show_progress

pytestmark = pytest.mark.virtual


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True, as a terminal does."""
        return True


class Run:
    """A run whose figures grow each time they are asked for."""

    def __init__(self) -> None:
        self.asked = 0

    def status(self) -> Status:
        """Return the figures."""
        self.asked += 1
        return Status("running", self.asked, wanted=10, connected=self.asked)


async def show(seconds: float, run: Run, stream: io.StringIO, **options: Any) -> None:
    """Show progress for a while."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            show_progress(run.status, stream=stream, **{"environ": {"TERM": "xterm"}, **options}),
            name="progress",
        )
        await asyncio.sleep(seconds)
        task.cancel()


def test_a_status_is_one_line() -> None:
    """The user could not tell how far the run is."""
    assert str(Status("starting", 1.2)) == "starting 1s"
    assert str(Status("starting", 0.2, objects=1200)) == ("starting 0s, 1,200 objects")
    assert str(Status("running", 61, 5, 1000, 999, 998, 12345)) == (
        "running 1m1s, 5 objects, 999/1,000 proxies connected, 998 configured, 12,345 pushes"
    )


@pytest.mark.anyio
async def test_a_terminal_shows_a_live_line_that_goes_away() -> None:
    """A terminal would show nothing, or be left with half a line."""
    run, terminal = Run(), Terminal()
    await show(2.1, run, terminal)
    assert "running 1s, 1/10 proxies connected" in terminal.getvalue()
    assert run.asked == 10  # four times a second, and once to begin with
    assert terminal.getvalue().endswith("\x1b[2K")


@pytest.mark.anyio
async def test_the_live_line_leaves_redirected_output_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Log lines meant for a file would end up on the terminal."""
    output = io.StringIO()
    monkeypatch.setattr(sys, "stdout", output)
    async with asyncio.TaskGroup() as tasks:
        shown = tasks.create_task(show(1.0, Run(), Terminal()), name="show")
        await asyncio.sleep(0.5)
        assert sys.stdout is output
        await shown


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("terminal", "environ", "enabled"),
    [
        (False, {}, True),
        (True, {"CI": "true"}, True),
        (True, {"TERM": "dumb"}, True),
        (True, {}, False),
    ],
)
async def test_elsewhere_there_is_a_log_line_every_ten_seconds(
    caplog: pytest.LogCaptureFixture, *, terminal: bool, environ: dict[str, str], enabled: bool
) -> None:
    """The logs of a CI job would be flooded, or silent."""
    stream = Terminal() if terminal else io.StringIO()
    with caplog.at_level(logging.INFO, logger="pyload"):
        await show(25, Run(), stream, environ=environ, enabled=enabled)
    assert stream.getvalue() == ""
    assert [record.getMessage() for record in caplog.records] == [
        "running 1s, 1/10 proxies connected, 0 configured, 0 pushes",
        "running 2s, 2/10 proxies connected, 0 configured, 0 pushes",
    ]


def test_a_live_line_needs_a_terminal() -> None:
    """Files would fill with control characters."""
    assert live_allowed(Terminal(), {"TERM": "xterm"})
    assert not live_allowed(io.StringIO(), {"TERM": "xterm"})
