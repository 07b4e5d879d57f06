"""Waits for the proxies of a run, and names those that are late when that takes too long."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from itertools import islice
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from pyload.errors import StartTimeout
from pyload.proxies.late import MAX_LATE
from pyload.report.latency import time_text
from pyload.report.unserved import by_lack
from pyload.tasks import clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    from pyload.harness.start_options import StartOptions
    from pyload.proxies.fleet import Fleet
    from pyload.proxies.late import Late

SETTLE_SECONDS: Final = 1.0
"""How long the end of a run, or of a step of it, waits for proxies that connect again just now."""

_POLL_SECONDS: Final = 0.05
_SETTLE_POLL_SECONDS: Final = 0.02

log = logging.getLogger("pyload")


class Source(Protocol):
    """Starts proxies of a run by itself, such as those of pods."""

    def missing(self, *, with_pods: bool) -> str:
        """Return what has to come before all proxies are started; empty for nothing.

        Args:
            with_pods: Whether pods that wait for something before they get a proxy count.
        """
        ...

    def late(self) -> Iterable[Late]:
        """Return the pods that wait for something before they get a proxy."""
        ...


class Readiness:
    """Waits until a run is ready.

    Args:
        options: What for, and how long.
        fleet: The run's proxies.
        source: Starts proxies beside the run; None without one.
    """

    def __init__(self, options: StartOptions, fleet: Fleet, source: Source | None = None) -> None:
        self._options = options
        self._fleet = fleet
        self._source = source

    async def after(self, start: Awaitable[object], *, what: str = "start-up") -> None:
        """Start, and wait for the proxies.

        Args:
            start: Starts proxies.
            what: What that is called in the log.

        Raises:
            StartTimeout: Both together took too long.
        """
        now = clock()
        began = now()
        try:
            async with asyncio.timeout(self._options.timeout) as limit:
                await start
                if self._options.wait is None:
                    return
                # Many proxies make up what it waits for; none of them is the last.
                while not self._ready():  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            if not limit.expired():
                raise
            await self._raise_late()
        counts, took = self._fleet.counts, time_text(now() - began)
        states = f"{counts.connected_now:,} connected, {counts.configured_now:,} configured"
        log.info("%s took %s: %s of %s proxies", what, took, states, f"{len(self._fleet):,}")

    def missed(self) -> str:
        """Return what proxies that were not ready in time could not be, and how many were."""
        assert self._options.timeout is not None, "nothing was too late"
        reached, state = self._reached()
        within = time_text(self._options.timeout)
        return f"could not be {state} in {within} ({reached:,} were)"

    def _reached(self) -> tuple[int, str]:
        """Return how many proxies are as they should be, and what that is."""
        wait, counts = self._options.wait, self._fleet.counts
        if wait is None:
            return counts.configured_now, "configured"
        return wait.reached(counts), wait.state

    def _ready(self) -> bool:
        wait, source = self._options.wait, self._source
        assert wait is not None
        return wait.holds(
            self._fleet.counts,
            wanted=len(self._fleet),
            complete=source is None or not source.missing(with_pods=wait.strict),
        )

    async def _raise_late(self) -> NoReturn:
        fleet, wait, timeout = self._fleet, self._options.wait, self._options.timeout
        assert timeout is not None
        await fleet.refresh()
        reached, state = self._reached()
        target = "start-up" if wait is None else wait
        parts = [f"{reached:,} of {len(fleet):,} proxies are {state}"]
        late = fleet.late()
        if self._source is not None:
            parts += filter(None, [self._source.missing(with_pods=True)])
            late = [*islice(self._source.late(), MAX_LATE // 2), *late]
        parts += [one.text() for one in by_lack(late[:MAX_LATE])]
        raise StartTimeout(
            f"waited {time_text(timeout)} for {target}: {'; '.join(parts)}",
            fix="raise --startup-timeout, or wait for less with --wait",
        ) from None


async def settle(fleet: Fleet | None) -> None:
    """Wait a moment for proxies that are not configured just now."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLE_SECONDS):
            while fleet is not None and fleet.counts.configured_now < len(fleet):  # noqa: ASYNC110
                await asyncio.sleep(_SETTLE_POLL_SECONDS)
