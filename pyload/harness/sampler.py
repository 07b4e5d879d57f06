"""Keeps the history of a run: reads its figures every second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NoReturn

from pyload.report.series import SeriesReader
from pyload.tasks import clock

if TYPE_CHECKING:
    from pyload.harness.results import Results
    from pyload.report.history import History
    from pyload.report.result import Result

SECONDS: Final = 1.0
"""How often the figures are read."""


class Sampler:
    """Adds points to a history.

    Args:
        results: Makes results of the run's figures.
        history: Receives the points.
    """

    def __init__(self, results: Results, history: History) -> None:
        self._results = results
        self._history = history
        self._reader = SeriesReader()

    async def run(self) -> NoReturn:
        """Add a point every second, until cancelled; seconds that the loop missed are one point."""
        now = clock()
        due = now()
        while True:
            due += SECONDS
            if due <= now():
                due = now() + SECONDS
            await asyncio.sleep(due - now())
            self.sample(self._results.last())

    async def last(self) -> None:
        """Add a point for what is left of the last second, and for all that workers kept back."""
        self.sample(await self._results.current())

    def sample(self, result: Result) -> None:
        """Add a point for the time since the last one."""
        self._history.add(result.duration, self._reader.read(result))
