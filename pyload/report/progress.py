"""How far a run is: one live line on a terminal, and elsewhere a log line every few seconds."""

from __future__ import annotations

import asyncio
import logging
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

from pyload.units import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REFRESH_SECONDS: Final = 0.25
"""How often the line on a terminal changes."""

LOG_SECONDS: Final = 10.0
"""How often a log line is written where there is no terminal."""

log = logging.getLogger("pyload")


@dataclass(frozen=True, slots=True)
class Status:
    """How far a run is.

    Attributes:
        phase: Name of the present phase, such as ``starting``.
        elapsed: Seconds since the start.
        objects: Objects in the API server now.
        wanted: Proxies that should run.
        connected: Wanted proxies that have a stream.
        configured: Connected proxies that have all their config.
        pushes: Pushes received so far.
    """

    phase: str
    elapsed: float
    objects: int = 0
    wanted: int = 0
    connected: int = 0
    configured: int = 0
    pushes: int = 0

    def __str__(self) -> str:
        elapsed = Duration(round(self.elapsed) * 1_000_000_000)
        parts = [f"{self.phase} {elapsed}"]
        if self.objects:
            parts.append(f"{self.objects:,} objects")
        if self.wanted:
            parts.append(f"{self.connected:,}/{self.wanted:,} proxies connected")
            parts.append(f"{self.configured:,} configured")
            parts.append(f"{self.pushes:,} pushes")
        return ", ".join(parts)


def live_allowed(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Return whether a line may change in place: on a capable terminal, and not in CI."""
    return stream.isatty() and environ.get("TERM") != "dumb" and not environ.get("CI")


async def show_progress(
    status: Callable[[], Status],
    *,
    environ: Mapping[str, str],
    enabled: bool = True,
    stream: TextIO | None = None,
) -> NoReturn:
    """Show how far a run is, until cancelled; then the live line is gone.

    Args:
        status: Returns the current figures; called at most four times a second.
        environ: The environment variables.
        enabled: Whether a live line is wanted at all.
        stream: Where the live line goes; standard error by default.
    """
    stream = stream or sys.stderr
    if enabled and live_allowed(stream, environ):
        await _show_live(status, stream)
    while True:
        await asyncio.sleep(LOG_SECONDS)
        log.info("%s", status())


async def _show_live(status: Callable[[], Status], stream: TextIO) -> NoReturn:
    # Never loaded where there is no terminal.
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    def line() -> Text:
        return Text(str(status()), no_wrap=True, overflow="ellipsis")

    # Log lines go to standard output. On the same terminal they must pass above the live line;
    # anywhere else they must not be touched.
    live = Live(
        line(),
        console=Console(file=stream),
        auto_refresh=False,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    with live:
        while True:
            live.update(line(), refresh=True)
            await asyncio.sleep(REFRESH_SECONDS)
