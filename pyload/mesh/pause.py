"""A pause of the changes of a mesh, for as long as its user wants to look at it at rest."""

from __future__ import annotations

import asyncio
import contextlib


class Pause:
    """Holds up the changes of a mesh while it is on; in the beginning it is off.

    What was due meanwhile is due later by the length of the pause, so that it neither comes as a
    burst nor counts as dropped.
    """

    def __init__(self) -> None:
        self._off = asyncio.Event()
        self._off.set()
        self._began = 0.0
        self._ended_seconds = 0.0

    @property
    def is_on(self) -> bool:
        """Whether changes are held up."""
        return not self._off.is_set()

    @property
    def seconds(self) -> float:
        """How long changes were held up so far, in all."""
        now = asyncio.get_running_loop().time()
        return self._ended_seconds + (now - self._began if self.is_on else 0.0)

    def toggle(self) -> None:
        """Begin a pause, or end it."""
        if self.is_on:
            self._ended_seconds = self.seconds
            self._off.set()
        else:
            self._began = asyncio.get_running_loop().time()
            self._off.clear()

    async def wait(self, seconds: float) -> None:
        """Wait until it is off, but no longer than this."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if seconds == float("inf") else max(0.0, seconds)):
                await self._off.wait()
