"""The one place where dials wait: which proxy connects next, and when.

Connecting is what hurts a control plane and this process alike: each connection takes a handshake
and a place in the server's queue of connections, and istiod refuses streams beyond a rate of its
own. So a proxy that wants to dial joins a queue. The first in the queue dials as soon as fewer than
`limit` others are dialling and the rate (`pyload.proxies.dial_rate`) allows it. First come, first
served: a proxy that was disconnected goes to the end, so that none waits for ever.

A dial lasts until the stream is open, has failed or was given up, the search for a token or a
certificate included. No other part of pyload limits dials: a transport connects at once.

The scheduler also keeps the time for listeners that drain, all of them in one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyload.delay_line import DelayLine
from pyload.proxies.behavior import DIALLING
from pyload.xds.subscriptions import DRAIN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyload.proxies.dial_rate import DialRate
    from pyload.timer_heap import Timer, TimerHeap
    from pyload.xds.client import Client


class DialScheduler:
    """Lets proxies dial in their order, at a rate, and not too many at the same time.

    Args:
        rate: Decides when the next may dial.
        timers: Holds the wait until then.
        clock: Returns the time in seconds.
        limit: Proxies that may be dialling at the same time.
        held: Whether all wait for `release` first.

    Attributes:
        rate: The rate now, and how often the control plane refused it.
        timers: For the clients too.
        clock: For the clients too.
    """

    def __init__(
        self,
        rate: DialRate,
        *,
        timers: TimerHeap,
        clock: Callable[[], float],
        limit: int = DIALLING,
        held: bool = False,
    ) -> None:
        self.rate = rate
        self.timers = timers
        self.clock = clock
        self._limit = limit
        # A dict, because it forgets a client that withdraws as quickly as it finds the first.
        self._waiting: dict[Client, None] = {}
        self._dialling = 0
        # Of the wait that the rate demands.
        self._timer: Timer | None = None
        self._held = held
        self._closed = False
        self._drains: DelayLine[Client] = DelayLine(
            timers, clock, lambda client: client.drained(), seconds=DRAIN_SECONDS
        )

    @property
    def waiting(self) -> int:
        """How many clients wait for their turn."""
        return len(self._waiting)

    def enqueue(self, client: Client) -> None:
        """Call a client's `dial` when it is its turn, which may be now."""
        self._waiting[client] = None
        self._dial_next()

    def withdraw(self, client: Client) -> None:
        """Forget a client that waits; one that does not wait is ignored."""
        self._waiting.pop(client, None)

    def release(self) -> None:
        """Let those dial that were held up."""
        self._held = False
        self._dial_next()

    def dial_ended(self) -> None:
        """Record that a dial has succeeded, failed or been given up, and start the next."""
        self._dialling -= 1
        self._dial_next()

    def stream_refused(self) -> None:
        """Record that the control plane refused a stream for the rate of new ones."""
        self.rate.refused(self.clock())

    def stream_served(self) -> None:
        """Record the first response of a stream."""
        self.rate.served()

    def drain(self, client: Client) -> None:
        """Call a client's `drained` when listeners have drained that begin to do so now."""
        self._drains.add(client)

    def close(self) -> None:
        """Start no more dials."""
        self._closed = True

    def _dial_next(self) -> None:
        if self._held or self._closed:
            return
        while self._waiting and self._dialling < self._limit:
            wait = self.rate.wait(self.clock())
            if wait > 0:
                if self._timer is None:
                    self._timer = self.timers.call_later(wait, self._due)
                return
            client = next(iter(self._waiting))
            del self._waiting[client]
            self._dialling += 1
            client.dial()

    def _due(self) -> None:
        self._timer = None
        self._dial_next()
