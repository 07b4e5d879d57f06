"""Reads the metrics of the control plane before a run, every few seconds in it, and at its end.

A reading that fails ends no run: it is a gap in the picture, and the log says once that it begins
and once that it is over.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from pyload.harness.istiod_sources import Auto, Embedded, hint
from pyload.tasks import clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.harness.istiod_sources import Source
    from pyload.report.istiods import Istiods

READ_EVERY: Final = 5.0

log = logging.getLogger("pyload")


class IstiodReader:
    """Reads the istiods of one run.

    Args:
        source: Where they are read.
        istiods: Adds up what they say.
        learn_version: Called with the version that all istiods have before the run, if it is one.
    """

    def __init__(
        self,
        source: Source,
        istiods: Istiods,
        *,
        learn_version: Callable[[str], None] | None = None,
    ) -> None:
        self._source = source
        self._learn_version = learn_version
        self._istiods = istiods
        self._now = clock()
        istiods.began = self._now()
        # How many readings have failed since the last good one.
        self._failed = 0
        self._has_read = False
        self._warned = False
        self._lock = asyncio.Lock()

    async def first(self) -> None:
        """Read what there was before the run."""
        await self.read()
        versions = self._istiods.figures.versions
        # An embedded control plane has a version of pyload's own.
        if self._learn_version and len(versions) == 1 and not isinstance(self._source, Embedded):
            self._learn_version(versions[0])

    async def run(self) -> None:
        """Read every few seconds until cancelled, or while there is an istiod to be found."""
        due = self._now()
        if not self._has_read and not self._failed:
            # There was no time for the first reading.
            await self.read()
        while self._has_read or not isinstance(self._source, Auto):
            due = max(due + READ_EVERY, self._now())
            await asyncio.sleep(due - self._now())
            await self.read()

    async def last(self) -> None:
        """Read the figures of the whole run."""
        if self._has_read:
            await self.read()

    async def read(self) -> bool:
        """Read now; return whether any istiod answered."""
        async with self._lock:
            reading = await self._source.read()
            at = self._now()
            if not reading.pages:
                self._on_failure(reading.problems)
                return False
            self._istiods.read(
                reading.pages, at=at, source=self._source.name, missing=bool(reading.problems)
            )
            self._on_success(reading.problems)
            return True

    def _on_failure(self, problems: tuple[str, ...]) -> None:
        searched = isinstance(self._source, Auto) and not self._has_read
        if not searched:
            self._istiods.missed()
        self._failed += 1
        if self._failed > 1:
            return
        why = "; ".join(problems) or "no address and no API server"
        if searched:
            log.info("the result is without istiod's own metrics (%s): %s", why, hint(problems))
        else:
            log.warning("istiod's metrics cannot be read (%s); the run goes on without them", why)

    def _on_success(self, problems: tuple[str, ...]) -> None:
        if not self._has_read and not isinstance(self._source, Embedded):
            log.info("reading the control plane's metrics: %s", self._source.name)
        elif self._failed:
            log.info("istiod's metrics can be read again after %d gaps", self._failed)
        self._has_read = True
        self._failed = 0
        if problems and not self._warned:
            self._warned = True
            log.warning("some istiods cannot be read: %s", "; ".join(problems))
        if self._istiods.take_turns and not self._warned:
            self._warned = True
            log.warning(
                "several istiods answer in turn at %s: each reading shows one of them",
                self._source.name,
            )
