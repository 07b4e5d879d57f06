"""Whether the peers of idle connections are still there, asked as Istio's agent and ztunnel ask.

Where something between the two goes on accepting bytes (a port-forward, a load balancer), nothing
but an HTTP/2 PING notices that the control plane behind it is gone. The agent and ztunnel send one
after 30 s without a byte from the control plane, and give the connection up after 10 s more.

No connection has a timer. A sweep of each event loop passes by its connections, and each of them
holds a number: how often the sweep has passed since the last byte, which sets it to 0. Passes are
counted rather than seconds, so that a process that was stopped for a while does not give up all
connections at once, whose answers it has not read yet. The connections are dealt out to lists, and
each turn of the sweep passes by those of one: after a push to all of them they would send their
PINGs all at once otherwise.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

PING_SECONDS: Final = 30.0
"""Silence after which a peer is asked; it may be `PASS_SECONDS` more."""
ANSWER_SECONDS: Final = 10.0
"""Silence after that with which the connection is given up."""
PASS_SECONDS: Final = 2.0
"""Seconds from one pass by a connection to the next."""
TURNS: Final = 20
"""Turns in which the sweep passes by all connections."""
ENDED: Final = 1 << 30
"""The passes of a connection that has ended, which the sweep forgets."""


class Idle(Protocol):
    """A connection that may fall silent.

    Attributes:
        passes: How often the sweep has passed since the last byte of the peer.
    """

    passes: int

    def ask(self) -> None:
        """Ask the peer for a sign of life."""

    def give_up(self) -> None:
        """End the connection, as the peer gives no sign of life; sets `passes` to `ENDED`."""


class Keepalive:
    """Sweeps the open connections of the running loop."""

    def __init__(self) -> None:
        self._turns: list[list[Idle]] = [[] for _ in range(TURNS)]
        # The number of the list whose turn it was last, and of the one that grew last.
        self._at = 0
        self._dealt = 0
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return self._count

    def add(self, connection: Idle) -> None:
        """Watch a connection until its `passes` are `ENDED`."""
        self._dealt = (self._dealt + 1) % TURNS
        self._turns[self._dealt].append(connection)
        self._count += 1
        if self._timer is None:
            self._wait()

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(PASS_SECONDS / TURNS, self._sweep)

    def _sweep(self) -> None:
        """Pass by the connections whose turn it is."""
        self._timer = None
        self._at = (self._at + 1) % TURNS
        turn = self._turns[self._at]
        try:
            if _pass_by(turn):
                left = [one for one in turn if one.passes < ENDED]
                self._count -= len(turn) - len(left)
                self._turns[self._at] = left
        finally:
            if self._count:
                self._wait()


def _pass_by(connections: list[Idle]) -> bool:
    """Ask or give up those that are silent; return whether any has ended."""
    ask_at = round(PING_SECONDS / PASS_SECONDS) + 1
    give_up_at = ask_at + round(ANSWER_SECONDS / PASS_SECONDS)
    ended = False
    for connection in connections:
        connection.passes = passes = connection.passes + 1
        if passes < ask_at:
            continue
        if passes == ask_at:
            connection.ask()
        elif passes >= give_up_at:
            if passes < ENDED:
                connection.give_up()
            ended = True
    return ended
