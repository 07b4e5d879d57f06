"""A run on a terminal: what is drawn when, and what keys do."""

from __future__ import annotations

import asyncio
import io
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pyload.cli.panel.lines import Lines
from pyload.cli.panel.panel import Panel
from pyload.harness.live_run import LiveRun
from pyload.mesh.pause import Pause
from pyload.report.frame import Servers
from pyload.report.progress import Status
from pyload.tasks import Shutdown
from tests.cli.panel.emulator import Emulator
from tests.report.results import measured

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.report.result import Result

pytestmark = [pytest.mark.anyio, pytest.mark.virtual]


class FakeTerminal:
    """A terminal in memory."""

    def __init__(self) -> None:
        self.emulator = Emulator(80, 24)
        self.on_key: Callable[[str], object] = lambda _: None
        self.before_stop: Callable[[], object] = lambda: None
        self.has_keys = True
        self.is_ready = True
        self.is_ours = True
        self.is_closed = False
        self.written = 0

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return self.emulator.width, self.emulator.height

    def hold(self) -> bool:
        """Hold it."""
        return self.is_ours

    def close(self) -> None:
        """Close it."""
        assert not self.is_closed
        self.is_closed = True

    def write(self, data: bytes) -> None:
        """Show it."""
        self.written += 1
        self.emulator.feed(data.decode())

    @property
    def text(self) -> str:
        """What is seen."""
        return "\n".join(self.emulator.screen)


class World:
    """A panel, the run that it shows, and its terminal."""

    def __init__(self) -> None:
        self.shutdown = Shutdown()
        self.terminal = FakeTerminal()
        self.written: list[str] = []
        self.lines = Lines(self.written.append)
        loop = asyncio.get_running_loop()
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        self.panel = Panel(
            stream,
            self.terminal,  # type: ignore[arg-type]
            self.lines,
            self.shutdown,
            command="cluster",
            servers=Servers(),
            now=loop.time,
        )
        self.read = 0
        self.probes = 0
        self.pause = Pause()
        logging.getLogger("pyload").addHandler(self.lines)

    def figures(self) -> Result:
        """Return the figures."""
        self.read += 1
        return replace(measured(), history=measured().history)

    def probe(self) -> None:
        """Count a probe."""
        self.probes += 1

    def run(self, **parts: Any) -> LiveRun:
        """Return a run with these parts."""
        now = asyncio.get_running_loop().time
        usual: dict[str, Any] = {
            "status": lambda: Status("running", now(), 40, 6, 6, 6),
            "figures": self.figures,
            "duration": 100.0,
            "pause": self.pause,
            "probe_now": self.probe,
        }
        return LiveRun(**usual | parts)


@pytest.fixture
async def world() -> World:
    """A panel that is not open."""
    return World()


async def test_a_run_is_drawn_until_it_is_over(world: World) -> None:
    """The panel would stand still, or stand in the way of the summary."""
    async with world.panel.opened():
        shown = asyncio.create_task(world.panel.show(world.run()), name="show")
        await asyncio.sleep(10.1)
        assert "pyload cluster, fake-node, run abcdefgh" in world.terminal.text
        assert "q end  c pause churn  p probe now  v log lines" in world.terminal.text
        assert re.search(r"running (9\.\ds|10s)", world.terminal.text)
        # Figures cost more than the status.
        assert world.read == pytest.approx(10, abs=1)
        assert world.terminal.written == pytest.approx(40, abs=25)
        shown.cancel()
        await asyncio.sleep(1)
        assert "run abcdefgh" in world.terminal.text
    assert world.terminal.text == ""
    assert world.terminal.is_closed


async def test_before_the_run_there_is_a_sign_of_life_but_not_at_once(world: World) -> None:
    """A wrong flag must not make a panel flash, and a cluster that is slow to answer shows one."""
    async with world.panel.opened():
        await asyncio.sleep(0.3)
        assert world.terminal.text == ""
        await asyncio.sleep(1.0)
        assert "getting ready" in world.terminal.text


async def test_keys_do_what_the_panel_says(world: World) -> None:
    """A key that does nothing, or ends a clean-up, costs the user's trust or objects."""
    async with world.panel.opened():
        shown = asyncio.create_task(world.panel.show(world.run()), name="show")
        await asyncio.sleep(1)
        for key in "pcpx\n":
            world.panel.on_key(key)
        assert (world.probes, world.pause.is_on) == (2, True)
        await asyncio.sleep(1)
        assert "c resume churn" in world.terminal.text
        assert "churn paused" in world.terminal.text
        world.panel.on_key("c")
        assert not world.pause.is_on
        world.panel.on_key("q")
        world.panel.on_key("q")
        assert world.shutdown.requested.is_set()
        assert not world.shutdown.forced.is_set()
        await asyncio.sleep(1)
        assert "q end" not in world.terminal.text
        shown.cancel()


async def test_a_run_without_churn_and_probes_has_no_such_keys(world: World) -> None:
    """`adsc` has neither."""
    async with world.panel.opened():
        run = world.run(pause=None, probe_now=None)
        shown = asyncio.create_task(world.panel.show(run), name="show")
        await asyncio.sleep(1)
        world.panel.on_key("c")
        world.panel.on_key("p")
        assert "── q end  v log lines ─" in world.terminal.text
        shown.cancel()


async def test_log_lines_pass_above(world: World) -> None:
    """Warnings would be lost, and `v` show nothing."""
    log = logging.getLogger("pyload")
    log.setLevel(logging.INFO)
    async with world.panel.opened():
        shown = asyncio.create_task(world.panel.show(world.run()), name="show")
        log.info("nothing special")
        log.warning("something bad")
        await asyncio.sleep(1)
        assert "warning something bad" in world.terminal.emulator.screen[0]
        assert "nothing special" not in world.terminal.text
        world.panel.on_key("v")
        await asyncio.sleep(1)
        assert "nothing special" in world.terminal.emulator.screen[1]
        assert "v only warnings" in world.terminal.text
        shown.cancel()
        log.error("the end")
    assert world.terminal.emulator.screen[-2].endswith("error the end")


async def test_a_second_signal_gives_the_terminal_back_at_once(world: World) -> None:
    """The third ends the process, and would leave the terminal without echo."""
    async with world.panel.opened():
        shown = asyncio.create_task(world.panel.show(world.run()), name="show")
        await asyncio.sleep(1)
        world.shutdown.signal()
        world.shutdown.signal()
        await asyncio.sleep(0.01)
        assert world.terminal.is_closed
        logging.getLogger("pyload").error("left behind")
        await asyncio.sleep(10)
        shown.cancel()
    assert [line[9:] for line in world.written] == ["error left behind"]


async def test_a_panel_that_fails_does_not_end_the_run(world: World) -> None:
    """A bug in what only shows the run would cost the run."""

    def broken() -> Result:
        raise ZeroDivisionError("a bug")

    async with world.panel.opened():
        shown = asyncio.create_task(world.panel.show(world.run(figures=broken)), name="show")
        await asyncio.sleep(5)
        assert world.terminal.is_closed
        assert not shown.done()
        shown.cancel()
    assert "the panel has failed" in world.written[0]
    assert "ZeroDivisionError: a bug" in world.written[0]


async def test_another_jobs_terminal_is_left_alone(world: World) -> None:
    """`pyload ... &` would draw over what the user does meanwhile."""
    async with world.panel.opened():
        shown = asyncio.create_task(world.panel.show(world.run()), name="show")
        world.terminal.is_ours = False
        await asyncio.sleep(5)
        assert not world.terminal.written
        world.terminal.is_ours = True
        world.terminal.is_ready = False
        await asyncio.sleep(5)
        assert not world.terminal.written
        world.terminal.is_ready = True
        await asyncio.sleep(1)
        assert "run abcdefgh" in world.terminal.text
        shown.cancel()
