"""Where proxies wait for their turn to dial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.proxies.behavior import DIALLING

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.proxies.dial_rate import DialRate
    from pyload.timer_heap import Timer, Timers
    from pyload.xds.client import Client


class Gate:
    """Lets proxies dial in their order, at a pace, and not too many at a time.

    Args:
        pace: Decides when the next may dial.
        timers: Keeps the time until then.
        clock: Gives the time in seconds.
        limit: Proxies that may be dialling at the same time.
    """

    def __init__(
        self, pace: DialRate, *, timers: Timers, clock: Callable[[], float], limit: int = DIALLING
    ) -> None:
        self._pace = pace
        self._timers = timers
        self._clock = clock
        self._limit = limit
        self._waiting: dict[Client, None] = {}
        self._dialling = 0
        self._timer: Timer | None = None
        self._closed = False

    def enter(self, client: Client) -> None:
        """Let a client dial when it is its turn."""
        self._waiting[client] = None
        self._admit()

    def leave(self, client: Client) -> None:
        """Forget a client that waits; others are unknown here anyway."""
        self._waiting.pop(client, None)

    def done(self) -> None:
        """A dial that was let in is over, well or not."""
        self._dialling -= 1
        self._admit()

    def refused(self) -> None:
        """The control plane has refused a stream for the rate of new ones."""
        self._pace.refused(self._clock())

    def served(self) -> None:
        """A new stream has got its first response."""
        self._pace.served()

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    def _admit(self) -> None:
        while self._waiting and not self._closed and self._dialling < self._limit:
            wait = self._pace.wait(self._clock())
            if wait > 0:
                if self._timer is None:
                    self._timer = self._timers.call_later(wait, self._due)
                return
            client = next(iter(self._waiting))
            del self._waiting[client]
            self._dialling += 1
            client.dial()

    def _due(self) -> None:
        self._timer = None
        self._admit()
