"""Where a worker is in its life, and whether it dies too often.

A worker is a place for one process at a time: when its process dies, the next one takes the place.
The states, and the events that lead from one to the next::

    DOWN ──SPAWN──▶ STARTING ──READY──▶ READY
     ▲                 │  │               │ │
     └────DEATH────────┴──┼───────DEATH───┘ │
                          └──END──▶ ENDING ◀┘
                                      └──DEATH──▶ ENDED

An event that has no entry in the table for the present state is a fault of pyload, such as a worker
that reports twice that it is ready. `END` leads from every state to one that no process comes back
from, so that a process that dies while it ends is never replaced.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Final

from pyload.errors import RemoteProtocolError

MAX_DEATHS: Final = 3
"""Deaths within `DEATHS_SECONDS` after which a worker is still replaced."""

DEATHS_SECONDS: Final = 60.0

MAX_FAILED_STARTS: Final = 3
"""Processes in a row that never got ready after which a worker is still replaced.

A process that hangs in its start takes longer to be replaced than `DEATHS_SECONDS`.
"""


class State(Enum):
    """The states of a worker."""

    DOWN = auto()
    """No process: the first has not been started, or the last has died."""

    STARTING = auto()
    """The process takes no proxies yet."""

    READY = auto()
    """The process takes proxies."""

    ENDING = auto()
    """The process is to stop its proxies and exit; it may not even be ready."""

    ENDED = auto()
    """No process, and none will be started."""


class Event(Enum):
    """The events that change the state of a worker."""

    SPAWN = auto()
    READY = auto()
    END = auto()
    DEATH = auto()


TRANSITIONS: Final = {
    (State.DOWN, Event.SPAWN): State.STARTING,
    (State.DOWN, Event.END): State.ENDED,
    (State.STARTING, Event.READY): State.READY,
    (State.STARTING, Event.END): State.ENDING,
    (State.STARTING, Event.DEATH): State.DOWN,
    (State.READY, Event.END): State.ENDING,
    (State.READY, Event.DEATH): State.DOWN,
    (State.ENDING, Event.READY): State.ENDING,
    (State.ENDING, Event.END): State.ENDING,
    (State.ENDING, Event.DEATH): State.ENDED,
    (State.ENDED, Event.END): State.ENDED,
}


class Lifecycle:
    """The state of one worker over all its processes.

    Attributes:
        state: The present state.
    """

    __slots__ = ("_deaths", "_failed_starts", "state")

    def __init__(self) -> None:
        self.state = State.DOWN
        # Times of the last deaths, one more than are allowed.
        self._deaths: deque[float] = deque(maxlen=MAX_DEATHS + 1)
        self._failed_starts = 0

    def is_over(self) -> bool:
        """Return whether no further process is to be started."""
        return self.state in (State.ENDING, State.ENDED)

    def advance(self, event: Event) -> None:
        """Enter the state to which an event leads.

        Raises:
            RemoteProtocolError: The event cannot happen in the present state.
        """
        try:
            self.state = TRANSITIONS[self.state, event]
        except KeyError:
            raise RemoteProtocolError(
                f"a worker cannot be {event.name} while it is {self.state.name}"
            ) from None

    def record_death(self, now: float) -> str:
        """Record that the process is gone.

        Returns:
            What the worker has done once too often, or an empty text.
        """
        self._failed_starts = self._failed_starts + 1 if self.state is State.STARTING else 0
        self.advance(Event.DEATH)
        if self.is_over():
            return ""
        self._deaths.append(now)
        if len(self._deaths) > MAX_DEATHS and now - self._deaths[0] < DEATHS_SECONDS:
            return f"has died {len(self._deaths)} times within {DEATHS_SECONDS:g}s"
        if self._failed_starts > MAX_FAILED_STARTS:
            return f"has failed to start {self._failed_starts} times in a row"
        return ""
