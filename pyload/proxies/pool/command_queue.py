"""The proxies that a worker is to start and to stop, in the order in which that was asked for.

Commands wait here while a worker starts, or reads slower than the pool writes. They are cut into
messages only when one can be sent: a thousand proxies that start in one turn of the event loop
travel as one message, and what a message says of a proxy is what is true when it leaves.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyload.proxies.pool.messages import Start, StartProxy, Stop

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyload.proxies.pool.worker_handle import WorkerHandle
    from pyload.proxies.spec import ProxySpec

MAX_PROXIES: Final = 1000
"""Proxies in one message: a worker should not be deaf to others while it reads it."""


@dataclass(slots=True, eq=False)
class Assignment:
    """A proxy of the pool, and the worker that runs it.

    Attributes:
        number: Identifies the proxy between pool and worker; never used again.
        spec: The proxy.
        worker: The worker that it was dealt to.
        configured: Whether it has ever been configured.
    """

    number: int
    spec: ProxySpec
    worker: WorkerHandle
    configured: bool = False


class CommandQueue:
    """The commands that a worker has not been sent yet."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        # A number is that of a proxy to stop.
        self._waiting: deque[Assignment | int] = deque()

    def start(self, assignment: Assignment) -> None:
        """Add a proxy to start."""
        self._waiting.append(assignment)

    def stop(self, number: int) -> None:
        """Add a proxy to stop."""
        self._waiting.append(number)

    def reset(self, assignments: Iterable[Assignment] = ()) -> None:
        """Drop all commands, and start these proxies: the process is another, or is to end."""
        self._waiting = deque(assignments)

    def pop_message(self) -> Start | Stop | None:
        """Remove the first commands of one kind, and return them as a message."""
        waiting = self._waiting
        starts: list[StartProxy] = []
        while waiting and isinstance(one := waiting[0], Assignment) and len(starts) < MAX_PROXIES:
            waiting.popleft()
            starts.append(StartProxy(one.number, one.configured, one.spec))
        if starts:
            return Start(tuple(starts))
        stops: list[int] = []
        while waiting and isinstance(number := waiting[0], int) and len(stops) < MAX_PROXIES:
            waiting.popleft()
            stops.append(number)
        return Stop(tuple(stops)) if stops else None
