"""Shows a run as a panel on the terminal, and hears the keys that steer it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from pyload.cli.panel.layout import as_ascii, layout
from pyload.cli.panel.screen import Screen
from pyload.report.frame import Frame, Scene
from pyload.report.phases import Phases
from pyload.tasks import cancel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from typing import TextIO

    from pyload.cli.panel.lines import Line, Lines
    from pyload.cli.panel.terminal import Terminal
    from pyload.harness.live_run import LiveRun
    from pyload.report.frame import Servers
    from pyload.report.result import Result
    from pyload.tasks import Shutdown

DRAW_SECONDS: Final = 0.25
"""How often the panel changes."""

READ_SECONDS: Final = 1.0
"""How often the figures are read for it; how far the run is, it shows each time."""

PATIENCE_SECONDS: Final = 0.5
"""How long the panel waits for a run before it shows that there is none yet."""

_END: Final = ("q", "end")
_STYLES: Final = {logging.DEBUG: "dim", logging.WARNING: "yellow", logging.ERROR: "red"}

MAX_SHARE: Final = 0.02
"""Share of its time that this process may spend on the panel; drawing waits for as long."""

log = logging.getLogger("pyload")


class Panel:
    """A panel on a terminal.

    Args:
        stream: What the terminal is, for its colours and characters.
        terminal: The terminal.
        lines: The log lines to show above it.
        shutdown: Ends the run.
        command: Name of the command.
        servers: Which servers the run is for.
        now: Returns the time, in seconds.

    Attributes:
        lines: As above.
    """

    def __init__(
        self,
        stream: TextIO,
        terminal: Terminal,
        lines: Lines,
        shutdown: Shutdown,
        *,
        command: str,
        servers: Servers,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = Console(file=stream, force_terminal=True, legacy_windows=False)
        self._is_ascii = "utf" not in (stream.encoding or "").lower()
        self._terminal = terminal
        self._terminal.on_key, self._terminal.before_stop = self.on_key, self._remove
        self.lines = lines
        self._shutdown = shutdown
        self._servers = servers
        self._command = command
        self._opened_at = 0.0
        self._now = now
        self._screen = Screen()
        self._run: LiveRun | None = None
        self._phases = Phases()
        self._figures: Result | None = None
        self._read_at = 0.0
        self._phases_read = 0

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have the terminal while the context lasts, or until the user wants out at once."""
        self.lines.has_panel = True
        self._opened_at = self._now()
        task = asyncio.create_task(self._draw_often(), name="panel")
        forced = asyncio.create_task(self._close_when_forced(), name="panel-forced")
        try:
            yield
        finally:
            await cancel([task, forced])
            self._close()

    async def show(self, run: LiveRun) -> None:
        """Show a run, until cancelled."""
        self._run, self._figures, self._phases = run, None, Phases()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._run = None

    def on_key(self, key: str) -> None:
        """Do what a key stands for."""
        run = self._run
        match key:
            case "q" if not self._shutdown.requested.is_set():
                log.info("ended by a key")
                self._shutdown.signal()
            case "v":
                self.lines.toggle()
            case "c" if run is not None and run.pause is not None:
                run.pause.toggle()
                log.info("churn %s by a key", "paused" if run.pause.is_on else "resumed")
            case "p" if run is not None and run.probe_now is not None:
                run.probe_now()
            case _:
                return
        self._read_at = 0.0

    async def _draw_often(self) -> None:
        while self.lines.has_panel:
            began = self._now()
            try:
                self._draw()
            except Exception:
                # A bug in what only shows the run must not cost the user the run.
                self._close()
                log.exception("the panel has failed")
                return
            took = self._now() - began
            await asyncio.sleep(max(DRAW_SECONDS, took / MAX_SHARE))

    def _draw(self) -> None:
        if not self._terminal.hold() or not self._terminal.is_ready:
            return
        width, height = self._terminal.size
        above = self.lines.taken()
        panel = self._panel(width, height)
        if not panel and not above:
            return
        self._update(panel, above, width)

    def _update(self, panel: Sequence[Text], above: Sequence[Line], width: int) -> None:
        lines = [Text(line.text.expandtabs(), _STYLES.get(line.level, "")) for line in above]
        text = self._screen.update(
            self._rendered(panel),
            [line.cell_len for line in panel],
            width=width,
            above=self._rendered(lines),
        )
        self._terminal.write(text.encode(errors="replace"))

    def _panel(self, width: int, height: int) -> list[Text]:
        run = self._run
        if run is None:
            if self._figures is not None or self._now() - self._opened_at < PATIENCE_SECONDS:
                # What was there last stays until the end, which is near.
                return []
            elapsed = self._now() - self._opened_at
            keys = (_END,) if self._terminal.has_keys else ()
            return layout(Frame.before(self._command, elapsed, keys), width=width, height=height)
        status, expected = run.status(), run.expected()
        phases = self._phases.observe(status, expected=expected, duration=run.duration)
        figures = self._figures
        is_old = len(phases) != self._phases_read or self._now() - self._read_at >= READ_SECONDS
        if figures is None or is_old:
            self._figures = figures = run.figures()
            self._read_at, self._phases_read = self._now(), len(phases)
        scene = Scene(
            status=status,
            phases=phases,
            servers=self._servers,
            page=run.page,
            expected=expected,
            logged=self.lines.counts,
            is_paused=run.pause is not None and run.pause.is_on,
            is_ending=self._shutdown.requested.is_set(),
            keys=self._keys(run) if self._terminal.has_keys else (),
        )
        return layout(Frame.of(figures, scene), width=width, height=height)

    def _keys(self, run: LiveRun) -> tuple[tuple[str, str], ...]:
        lines = "only warnings" if self.lines.shows_all else "log lines"
        keys = {"v": lines}
        if run.probe_now is not None:
            keys["p"] = "probe now"
        if run.pause is not None:
            keys["c"] = "resume churn" if run.pause.is_on else "pause churn"
        return (*(() if self._shutdown.requested.is_set() else (_END,)), *reversed(keys.items()))

    def _rendered(self, lines: Sequence[Text]) -> list[str]:
        if not lines:
            return []
        with self._console.capture() as capture:
            self._console.print(Text("\n").join(lines), end="", soft_wrap=True, highlight=False)
        rendered = capture.get().split("\n")
        return [as_ascii(line) for line in rendered] if self._is_ascii else rendered

    def _remove(self) -> None:
        """Remove the panel, and write the lines that wait."""
        self._update((), self.lines.taken(), self._terminal.size[0])

    async def _close_when_forced(self) -> None:
        # The next signal ends the process as it is.
        await self._shutdown.forced.wait()
        self._close()

    def _close(self) -> None:
        if self.lines.has_panel:
            self._remove()
            self.lines.has_panel = False
            self._terminal.close()
